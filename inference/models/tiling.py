"""A picture of any shape -> squares that show all of it."""

import math

from PIL import Image

STEP = 2 / 3
"""How far the next square begins at most, in sides: a thing up to a third wide is whole in one of them."""
MAX_TILES = 8
"""Enough for 5.6:1; what is longer is squeezed to that, so that no picture takes more time than eight."""
NEARLY = 1.1
"""Up to this shape a picture is squeezed into one square: two would take twice the time to show no more."""
_LONGEST = 1 + (MAX_TILES - 1) * STEP


def tiles(picture: Image.Image) -> list[Image.Image]:
    """Cut a picture into squares of its shorter side, from end to end, each overlapping the next.

    CLIP's own processor takes the middle square only. What was measured against what:
    docs/decisions/whole-pictures-for-clip.md.

    Args:
        picture: RGB.

    Returns:
        1 to `MAX_TILES` squares, left to right or top to bottom; a picture that is nearly square makes one.
    """
    side = min(picture.size)
    if max(picture.size) <= side * NEARLY:
        return [picture.resize((side, side), Image.Resampling.BICUBIC)]
    longest = int(side * _LONGEST)
    if max(picture.size) > longest:
        size = (min(picture.width, longest), min(picture.height, longest))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    across, down = picture.width - side, picture.height - side
    count = 1 + math.ceil((across + down) / (side * STEP))
    corners = (
        (round(across * place / max(1, count - 1)), round(down * place / max(1, count - 1)))
        for place in range(count)
    )
    return [picture.crop((left, top, left + side, top + side)) for left, top in corners]
