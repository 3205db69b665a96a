"""Computes the geometry of the similarity matrix, in pixels. Arithmetic only.

    label  0.31  0.12
    label  0.08  0.29
            1     2
           [  ]  [  ]

Lengths in the constants are units. The chat shows a figure of `WIDTH` units at about one CSS pixel per unit;
it has `scale` pixels per unit, so that it is sharp on dense screens and when it is opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[int, int, int, int]
"""Left, top, right and bottom; right and bottom are exclusive."""
Size = tuple[int, int]

WIDTH = 550
"""Source: Discord's clients show an image at most 550 CSS pixels wide in the chat."""
MARGIN = 10
GUTTER = 8
"""Between a label and its cells."""
MIN_COLUMN_WIDTH = 40
"""Room for -0.05 in `NUMBER_SIZE`."""
MAX_COLUMN_WIDTH = 120
MAX_LABELS_WIDTH = 300
MIN_LABELS_WIDTH = 110
MIN_FIGURE_WIDTH = 300
"""Room for the footnote."""
LABEL_SIZE = 12
NUMBER_SIZE = 13
SMALL_SIZE = 10
"""Font sizes of labels, cosines, and captions and footnote; units per em."""
LINE_HEIGHT = 14
"""Of a label."""
ROW_HEIGHT = 22
"""At least; labels of several lines need more."""
CAPTION_HEIGHT = 16
FOOTNOTE_HEIGHT = 18
MAX_THUMBNAIL_HEIGHT = 1.6
"""In widths of its column."""
MAX_ENLARGEMENT = 2
"""Units per pixel of a thumbnail: a tiny image stays small rather than blurred."""


@dataclass(frozen=True)
class Layout:
    """Geometry of a figure.

    Attributes:
        scale: Pixels per unit.
        size: Width and height of the figure.
        labels: The labels' boxes, top to bottom.
        cells: For each image, its cells top to bottom.
        captions: The boxes of the images' numbers.
        thumbnails: The images' boxes, each with its image's aspect ratio.
        footnote: The box of the text at the bottom.
    """

    scale: int
    size: Size
    labels: tuple[Box, ...]
    cells: tuple[tuple[Box, ...], ...]
    captions: tuple[Box, ...]
    thumbnails: tuple[Box, ...]
    footnote: Box


def room_for_labels(pictures: int) -> int:
    """Return how many units wide the labels may be: the fewer images, the wider."""
    column = max(MIN_COLUMN_WIDTH, 100 - 7 * pictures)
    left = WIDTH - 2 * MARGIN - GUTTER - pictures * column
    return max(MIN_LABELS_WIDTH, min(MAX_LABELS_WIDTH, left))


def lay_out(thumbnails: Sequence[Size], lines: Sequence[int], label_width: int, scale: int) -> Layout:
    """Lay the figure out.

    Args:
        thumbnails: The images' sizes in pixels, in order.
        lines: The number of lines of each label.
        label_width: Units of the longest line.
        scale: Pixels per unit.

    Returns:
        The geometry. All rows have one height, all columns one width.
    """
    left = MARGIN + label_width + GUTTER
    column = (WIDTH - left - MARGIN) // len(thumbnails)
    column = max(MIN_COLUMN_WIDTH, min(MAX_COLUMN_WIDTH, column))
    row = max(ROW_HEIGHT, LINE_HEIGHT * max(lines) + 4)
    bottom = MARGIN + row * len(lines)
    width = max(MIN_FIGURE_WIDTH, left + column * len(thumbnails) + MARGIN)
    lefts = [left + column * number for number in range(len(thumbnails))]
    tops = [MARGIN + row * number for number in range(len(lines))]
    shapes = [_fit(size, column - 4) for size in thumbnails]
    below = bottom + CAPTION_HEIGHT + max(height for _, height in shapes) + 6

    def box(x: float, y: float, wide: float, high: float) -> Box:
        return round(x * scale), round(y * scale), round((x + wide) * scale), round((y + high) * scale)

    return Layout(
        scale=scale,
        size=(width * scale, round((below + FOOTNOTE_HEIGHT + 4) * scale)),
        labels=tuple(box(MARGIN, top, label_width, row) for top in tops),
        cells=tuple(tuple(box(x, top, column, row) for top in tops) for x in lefts),
        captions=tuple(box(x, bottom, column, CAPTION_HEIGHT) for x in lefts),
        thumbnails=tuple(
            box(x + (column - wide) / 2, bottom + CAPTION_HEIGHT, wide, high)
            for x, (wide, high) in zip(lefts, shapes, strict=True)
        ),
        footnote=box(MARGIN, below, width - 2 * MARGIN, FOOTNOTE_HEIGHT),
    )


def _fit(size: Size, column: int) -> tuple[float, float]:
    """Return a thumbnail's width and height in units, with its aspect ratio."""
    width, height = size
    grown = min(column / width, column * MAX_THUMBNAIL_HEIGHT / height, MAX_ENLARGEMENT)
    return max(1.0, width * grown), max(1.0, height * grown)
