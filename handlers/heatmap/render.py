"""Has the similarity matrix drawn in a child process.

The bot's process neither decodes nor draws images, so that a hostile thumbnail can only fail one drawing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from handlers.ports import MAX_THUMBNAIL_BYTES
from inference.errors import JobFailed
from inference.sandbox.child import ChildFailed, ChildLimits, ask_child
from inference.schema import MAX_LABEL_LENGTH, MAX_LABELS, MAX_PICTURES

log = logging.getLogger(__name__)

PROGRAM: Final = ("-m", "handlers.heatmap.child")
"""Arguments of the Python that draws."""
LIMITS: Final = ChildLimits(seconds=30, memory=768 * 2**20, answer=4 * 2**20)
"""The largest drawing takes about a second and 150 MB on an idle machine."""
MAX_CONCURRENT: Final = 2
"""Drawings at a time in one event loop; the others wait."""

_semaphores: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class MatrixNotDrawn(JobFailed):
    """The similarity matrix could not be drawn; show the scores as text instead."""

    code = "matrix_not_drawn"


async def draw_matrix(
    thumbnails: Sequence[bytes],
    labels: Sequence[str],
    cosine: Sequence[Sequence[float]],
    limits: ChildLimits = LIMITS,
    program: Sequence[str] = PROGRAM,
    max_thumbnail_bytes: int = MAX_THUMBNAIL_BYTES,
    *,
    numbers: Sequence[int] | None = None,
) -> bytes:
    """Draw a column for each image, its thumbnail below, and a row for each label.

    Args:
        thumbnails: 1 to `MAX_PICTURES` JPEG or PNG files, long side about 320 pixels. One that cannot be read
            is drawn as a crossed box; empty bytes stand for a missing one.
        labels: 1 to `MAX_LABELS` labels; any text.
        cosine: A row for each image, a column for each label, as in `inference.schema.Matched`.
        limits: Limits of the child process.
        program: Arguments of the child process's Python.
        max_thumbnail_bytes: Larger thumbnails count as missing.
        numbers: The number of each image; None: from 1.

    Returns:
        A PNG file, at most 1 MB.

    Raises:
        ValueError: There are too many or too few images or labels, or the table has another shape.
        MatrixNotDrawn: The child process failed or took too long.
    """
    _check(len(thumbnails), len(labels), cosine)
    if numbers is not None and len(numbers) != len(thumbnails):
        raise ValueError(f"There are {len(numbers)} numbers for {len(thumbnails)} images.")
    table = {
        "labels": [label[:MAX_LABEL_LENGTH] for label in labels],
        "cosine": [list(row) for row in cosine],
        "numbers": list(numbers or range(1, len(thumbnails) + 1)),
    }
    usable = (data if len(data) <= max_thumbnail_bytes else b"" for data in thumbnails)
    frames = [json.dumps(table).encode("ascii"), *usable]
    semaphore = _semaphores.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MAX_CONCURRENT))
    async with semaphore:
        return await _draw(frames, limits, program)


async def _draw(frames: Sequence[bytes], limits: ChildLimits, program: Sequence[str]) -> bytes:
    begun = time.monotonic()
    try:
        png = await ask_child(program, frames, limits)
    except ChildFailed as error:
        log.warning("matrix of %d images not drawn: %s", len(frames) - 1, error)
        raise MatrixNotDrawn("The matrix could not be drawn: show the scores as text instead.") from error
    log.info("matrix of %d images drawn in %.0f ms", len(frames) - 1, (time.monotonic() - begun) * 1000)
    return png


def _check(pictures: int, labels: int, cosine: Sequence[Sequence[float]]) -> None:
    if not 1 <= pictures <= MAX_PICTURES:
        raise ValueError(f"A matrix has 1 to {MAX_PICTURES} images, not {pictures}.")
    if not 1 <= labels <= MAX_LABELS:
        raise ValueError(f"A matrix has 1 to {MAX_LABELS} labels, not {labels}.")
    if [len(row) for row in cosine] != [labels] * pictures:
        raise ValueError(f"The scores are not {pictures} rows of {labels}.")
