"""Scores and thumbnails -> the similarity matrix as a picture, drawn in a child process.

The bot's process neither decodes nor draws: a picture that is built to harm costs one drawing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from handlers.ports import MAX_THUMBNAIL_BYTES
from inference.errors import JobFailed
from inference.sandbox.child import ChildFailed, ChildLimits, ask_child
from inference.schema import MAX_LABEL_LENGTH, MAX_LABELS, MAX_PICTURES

log = logging.getLogger(__name__)

PROGRAM = ("-m", "handlers.heatmap.child")
LIMITS = ChildLimits(seconds=30, memory=768 * 2**20, answer=4 * 2**20)
"""The largest drawing takes about a second and 150 MB on a machine that does nothing else."""
MAX_CONCURRENT = 2
"""Drawings at a time; the others wait."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class MatrixNotDrawn(JobFailed):
    """The similarity matrix could not be drawn; the scores stand in the text."""

    code = "matrix_not_drawn"


async def draw_matrix(
    thumbnails: Sequence[bytes],
    labels: Sequence[str],
    cosine: Sequence[Sequence[float]],
    limits: ChildLimits = LIMITS,
) -> bytes:
    """Draw a column for each picture, the picture below it, and a row for each label.

    Args:
        thumbnails: 1 to `MAX_PICTURES` JPEG or PNG files, long side about 320 pixels. One that is not to be
            read is drawn as a crossed-out box: empty bytes stand for "none".
        labels: 1 to `MAX_LABELS` labels; any text.
        cosine: A row for each picture, a column for each label, as `inference.schema.Matched` has them.
        limits: What the child process may take.

    Returns:
        A PNG file, at most 1 MB.

    Raises:
        ValueError: There are too many or too few of something, or the table has another shape.
        MatrixNotDrawn: The child failed or took too long.
    """
    _check(len(thumbnails), len(labels), cosine)
    told = {"labels": [label[:MAX_LABEL_LENGTH] for label in labels], "cosine": [list(row) for row in cosine]}
    pictures = (data if len(data) <= MAX_THUMBNAIL_BYTES else b"" for data in thumbnails)
    question = [json.dumps(told).encode("ascii"), *pictures]
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MAX_CONCURRENT))
    async with turn:
        return await _draw(question, limits)


async def _draw(question: Sequence[bytes], limits: ChildLimits) -> bytes:
    begun = time.monotonic()
    try:
        png = await ask_child(PROGRAM, question, limits)
    except ChildFailed as error:
        log.warning("A matrix of %d pictures was not drawn: %s", len(question) - 1, error)
        raise MatrixNotDrawn("The matrix could not be drawn: show the scores as text.") from error
    log.info("Drew a matrix of %d pictures in %.0f ms", len(question) - 1, (time.monotonic() - begun) * 1000)
    return png


def _check(pictures: int, labels: int, cosine: Sequence[Sequence[float]]) -> None:
    if not 1 <= pictures <= MAX_PICTURES:
        raise ValueError(f"A matrix has 1 to {MAX_PICTURES} pictures, not {pictures}.")
    if not 1 <= labels <= MAX_LABELS:
        raise ValueError(f"A matrix has 1 to {MAX_LABELS} labels, not {labels}.")
    if [len(row) for row in cosine] != [labels] * pictures:
        raise ValueError(f"The scores are not {pictures} rows of {labels}.")
