"""Where everything in the similarity matrix goes: arithmetic only, in pixels.

    label  0.31  0.12
    label  0.08  0.29
            1     2
           [  ]  [  ]

Lengths in the constants are units. Discord shows a picture that is `WIDTH` units wide at about one CSS pixel
a unit; it has `scale` pixels a unit, so that it stays sharp on dense screens and when it is opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[int, int, int, int]
"""Left, top, right and bottom; right and bottom are outside."""
Size = tuple[int, int]

WIDTH = 550
"""Source: Discord's clients show a picture at most 550 CSS pixels wide in the chat."""
MARGIN = 10
GUTTER = 8
"""Between a label and its cells."""
NARROWEST_COLUMN = 40
"""Room for -0.05 in `NUMBERS` size."""
WIDEST_COLUMN = 120
WIDEST_LABELS = 300
NARROWEST_LABELS = 110
NARROWEST_FIGURE = 300
"""Room for the footnote."""
LABELS = 12
NUMBERS = 13
SMALL = 10
"""Sizes of letters, units an em."""
LINE = 14
"""Height of a label's line."""
ROW = 22
"""Height of a row, unless its label's lines need more."""
CAPTION = 16
FOOTNOTE = 18
TALLEST_THUMBNAIL = 1.6
"""Times its column's width."""
GROWTH = 2
"""How many units one pixel of a thumbnail may take at most: a tiny picture stays small, not blurred."""


@dataclass(frozen=True)
class Layout:
    """The figure's geometry.

    Attributes:
        scale: Pixels a unit.
        size: Of the figure.
        labels: The labels' boxes, top to bottom.
        cells: For each picture, its cells top to bottom.
        captions: The boxes of the pictures' numbers.
        thumbnails: The pictures' boxes, each of its picture's shape.
        footnote: The box of the words at the bottom.
    """

    scale: int
    size: Size
    labels: tuple[Box, ...]
    cells: tuple[tuple[Box, ...], ...]
    captions: tuple[Box, ...]
    thumbnails: tuple[Box, ...]
    footnote: Box


def room_for_labels(pictures: int) -> int:
    """Return how many units wide the labels may be: the fewer the pictures, the wider they get as well."""
    column = max(NARROWEST_COLUMN, 100 - 7 * pictures)
    left = WIDTH - 2 * MARGIN - GUTTER - pictures * column
    return max(NARROWEST_LABELS, min(WIDEST_LABELS, left))


def lay_out(thumbnails: Sequence[Size], lines: Sequence[int], label_width: int, scale: int) -> Layout:
    """Place everything.

    Args:
        thumbnails: The pictures' sizes in pixels, in their order.
        lines: How many lines each label has.
        label_width: Units that the longest line takes.
        scale: Pixels a unit.

    Returns:
        The geometry; rows are all of one height, columns of one width.
    """
    left = MARGIN + label_width + GUTTER
    column = (WIDTH - left - MARGIN) // len(thumbnails)
    column = max(NARROWEST_COLUMN, min(WIDEST_COLUMN, column))
    row = max(ROW, LINE * max(lines) + 4)
    bottom = MARGIN + row * len(lines)
    width = max(NARROWEST_FIGURE, left + column * len(thumbnails) + MARGIN)
    lefts = [left + column * number for number in range(len(thumbnails))]
    tops = [MARGIN + row * number for number in range(len(lines))]
    shapes = [_fit(size, column - 4) for size in thumbnails]
    below = bottom + CAPTION + max(height for _, height in shapes) + 6

    def box(x: float, y: float, wide: float, high: float) -> Box:
        return round(x * scale), round(y * scale), round((x + wide) * scale), round((y + high) * scale)

    return Layout(
        scale=scale,
        size=(width * scale, round((below + FOOTNOTE + 4) * scale)),
        labels=tuple(box(MARGIN, top, label_width, row) for top in tops),
        cells=tuple(tuple(box(x, top, column, row) for top in tops) for x in lefts),
        captions=tuple(box(x, bottom, column, CAPTION) for x in lefts),
        thumbnails=tuple(
            box(x + (column - wide) / 2, bottom + CAPTION, wide, high)
            for x, (wide, high) in zip(lefts, shapes, strict=True)
        ),
        footnote=box(MARGIN, below, width - 2 * MARGIN, FOOTNOTE),
    )


def _fit(size: Size, column: int) -> tuple[float, float]:
    """Return a thumbnail's width and height in units, its shape kept."""
    width, height = size
    grown = min(column / width, column * TALLEST_THUMBNAIL / height, GROWTH)
    return max(1.0, width * grown), max(1.0, height * grown)
