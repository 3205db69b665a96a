"""Draws the similarity matrix like CLIP's published examples: cells in viridis, each with its cosine.

Runs in the child process only (`handlers.heatmap.child`). Thumbnails and labels are untrusted.
"""

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from handlers.heatmap.fonts import Typefaces
from handlers.heatmap.layout import (
    LABEL_SIZE,
    LINE_HEIGHT,
    NUMBER_SIZE,
    SMALL_SIZE,
    Box,
    Layout,
    lay_out,
    room_for_labels,
)
from handlers.heatmap.typesetting import Typesetter
from handlers.heatmap.viridis import Colour, colour, ink_on
from handlers.text import two_decimals

SCALES = (3, 2, 1)
"""Pixels per unit, in order of preference: the first whose file is small enough is used."""
MAX_FILE_BYTES = 1_000_000
"""Of the PNG."""
MAX_THUMBNAIL_SIDE = 1024
"""Pixels; a worker's thumbnails have 320."""
MISSING_SIZE = (320, 240)
"""Size of the crossed box that stands for a missing thumbnail."""
MAX_LINES = 2
"""Of a label. Up to `FEW_LABELS` labels may have `MAX_LINES_OF_FEW` lines each."""
MAX_LINES_OF_FEW = 3
FEW_LABELS = 12
MAX_COSINE = 1.01
"""1, and float16's rounding error."""
MIN_COLOUR_RANGE = 0.05
"""Of the cosines from the darkest to the brightest colour, so that noise does not look like much."""

PANEL: Colour = (30, 31, 34)
EDGE: Colour = (128, 132, 142)
TEXT: Colour = (242, 243, 245)
QUIET: Colour = (181, 186, 193)
"""A dark panel with a grey edge stands out from dark and light backgrounds (#313338, #ffffff)."""
NOTE = "Cosine similarity; framed: each picture\u2019s best label"
NOTE_ONE_LABEL = "Cosine similarity, from -1 to 1"


def draw(
    thumbnails: Sequence[bytes],
    labels: Sequence[str],
    cosine: Sequence[Sequence[float]],
    faces: Typefaces | None = None,
    max_file_bytes: int = MAX_FILE_BYTES,
    *,
    numbers: Sequence[int] | None = None,
) -> bytes:
    """Draw the matrix.

    Args:
        thumbnails: JPEG or PNG files; other bytes are drawn as a crossed box.
        labels: Any text.
        cosine: A row for each image, a column for each label; a value beyond `MAX_COSINE` is drawn as "?".
        faces: The fonts; None: the bundled ones and the system's.
        max_file_bytes: Bytes of the PNG.
        numbers: The number of each image; None: from 1.

    Returns:
        A PNG file of at most `max_file_bytes` bytes, unless the smallest scale has more.
    """
    faces = faces or Typefaces()
    pictures = [_open(data) for data in thumbnails]
    finite = [[value if abs(value) <= MAX_COSINE else math.nan for value in row] for row in cosine]
    numbers = numbers or range(1, len(pictures) + 1)
    for scale in SCALES:
        png = _encode(_Figure(faces, pictures, labels, scale).draw(finite, numbers))
        if len(png) <= max_file_bytes:
            break
    return png


def _encode(figure: Image.Image) -> bytes:
    file = io.BytesIO()
    figure.save(file, "PNG", compress_level=9)
    return file.getvalue()


def _open(data: bytes) -> Image.Image | None:
    try:
        picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        if max(picture.size) > MAX_THUMBNAIL_SIDE:
            return None
        return picture.convert("RGB")
    except Exception:  # noqa: BLE001 - decoders raise all kinds of errors on broken files
        return None


class _Figure:
    """One figure at one scale."""

    def __init__(
        self,
        faces: Typefaces,
        pictures: Sequence[Image.Image | None],
        labels: Sequence[str],
        scale: int,
    ) -> None:
        self._label_setter = Typesetter(faces, LABEL_SIZE * scale)
        self._number_setter = Typesetter(faces, NUMBER_SIZE * scale)
        self._small_setter = Typesetter(faces, SMALL_SIZE * scale)
        self._pictures = pictures
        room = room_for_labels(len(pictures)) * scale
        max_lines = MAX_LINES if len(labels) > FEW_LABELS else MAX_LINES_OF_FEW
        self._labels = [self._label_setter.wrap(label, room, max_lines) for label in labels]
        longest = max(self._label_setter.width(line) for lines in self._labels for line in lines)
        self.layout: Layout = lay_out(
            [picture.size if picture else MISSING_SIZE for picture in pictures],
            [len(lines) for lines in self._labels],
            math.ceil(min(longest, room) / scale),
            scale,
        )
        self._image = Image.new("RGB", self.layout.size, PANEL)
        self._pen = ImageDraw.Draw(self._image)

    def draw(self, cosine: Sequence[Sequence[float]], numbers: Sequence[int]) -> Image.Image:
        """Draw the figure."""
        scale, (width, height) = self.layout.scale, self.layout.size
        self._pen.rectangle((0, 0, width - 1, height - 1), outline=EDGE, width=scale)
        for box, lines in zip(self.layout.labels, self._labels, strict=True):
            self._draw_label(box, lines)
        low, high = colour_range(cosine)
        is_choice = len(self._labels) > 1
        for column, row in zip(self.layout.cells, cosine, strict=True):
            best = best_of(row)
            for number, (box, value) in enumerate(zip(column, row, strict=True)):
                self._draw_cell(
                    box, value, (value - low) / (high - low), is_best=is_choice and number == best
                )
        for number, box in zip(numbers, self.layout.captions, strict=True):
            self._write(self._small_setter, str(number), box, QUIET)
        for box, picture in zip(self.layout.thumbnails, self._pictures, strict=True):
            self._draw_picture(box, picture)
        self._write(self._small_setter, NOTE if is_choice else NOTE_ONE_LABEL, self.layout.footnote, QUIET)
        return self._image

    def _draw_label(self, box: Box, lines: Sequence[str]) -> None:
        left, top, right, bottom = box
        line = LINE_HEIGHT * self.layout.scale
        first = top + (bottom - top - line * len(lines)) // 2
        for number, text in enumerate(lines):
            mask = self._label_setter.draw(text, right - left, line)
            self._image.paste(TEXT, (left, first + number * line), mask)

    def _draw_cell(self, box: Box, value: float, part: float, *, is_best: bool) -> None:
        background = colour(part) if math.isfinite(value) else EDGE
        ink = ink_on(background)
        left, top, right, bottom = box
        # The panel shows between the cells.
        self._pen.rectangle((left, top, right - 2, bottom - 2), fill=background)
        if is_best:
            scale = self.layout.scale
            inside = (left + scale, top + scale, right - 2 - scale, bottom - 2 - scale)
            self._pen.rounded_rectangle(inside, radius=3 * scale, outline=ink, width=max(1, 3 * scale // 2))
        self._write(self._number_setter, two_decimals(value), box, ink)

    def _draw_picture(self, box: Box, picture: Image.Image | None) -> None:
        left, top, right, bottom = box
        if picture is not None:
            size = (right - left, bottom - top)
            self._image.paste(picture.resize(size, Image.Resampling.LANCZOS), (left, top))
            return
        width = self.layout.scale
        self._pen.rectangle((left, top, right - 1, bottom - 1), outline=QUIET, width=width)
        self._pen.line((left, top, right - 1, bottom - 1), fill=QUIET, width=width)
        self._pen.line((left, bottom - 1, right - 1, top), fill=QUIET, width=width)

    def _write(self, setter: Typesetter, text: str, box: Box, ink: Colour) -> None:
        """Draw a short text in the middle of a box."""
        left, top, right, bottom = box
        wide = math.ceil(setter.width(text))
        mask = setter.draw(text, wide, bottom - top)
        self._image.paste(ink, (left + (right - left - wide) // 2, top), mask)


def colour_range(cosine: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the cosines of the darkest and the brightest colour, at least `MIN_COLOUR_RANGE` apart."""
    known = [value for row in cosine for value in row if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    missing = max(0.0, MIN_COLOUR_RANGE - (high - low)) / 2
    return low - missing, high + missing


def best_of(row: Sequence[float]) -> int:
    """Return the index of the highest score, the first of equals; -1 if no score is a number."""
    known = [number for number, value in enumerate(row) if math.isfinite(value)]
    return max(known, key=lambda number: row[number], default=-1)
