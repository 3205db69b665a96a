"""An image of any aspect ratio -> square tiles that together show all of it."""

import math

from PIL import Image

STRIDE = 2 / 3
"""Offset from one tile to the next at most, in tile sides: an object up to a third wide is whole in one of
them."""
MAX_TILES = 8
"""Enough for 5.6:1; a longer image is squeezed to that, so that none takes more time than eight tiles."""
MAX_SINGLE_ASPECT = 1.1
"""Up to this aspect ratio an image is squeezed into one tile: two would take twice the time and show no
more."""
_MAX_ASPECT = 1 + (MAX_TILES - 1) * STRIDE


def tiles(picture: Image.Image) -> list[Image.Image]:
    """Cut an image into squares of its shorter side, from end to end, each overlapping the next.

    CLIP's own processor takes the middle square only. Measurements of the alternatives:
    docs/decisions/whole-pictures-for-clip.md.

    Args:
        picture: RGB.

    Returns:
        1 to `MAX_TILES` squares, left to right or top to bottom; one for an image that is nearly square.
    """
    side = min(picture.size)
    if max(picture.size) <= side * MAX_SINGLE_ASPECT:
        return [picture.resize((side, side), Image.Resampling.BICUBIC)]
    max_side = int(side * _MAX_ASPECT)
    if max(picture.size) > max_side:
        size = (min(picture.width, max_side), min(picture.height, max_side))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    across, down = picture.width - side, picture.height - side
    count = 1 + math.ceil((across + down) / (side * STRIDE))
    corners = (
        (round(across * place / max(1, count - 1)), round(down * place / max(1, count - 1)))
        for place in range(count)
    )
    return [picture.crop((left, top, left + side, top + side)) for left, top in corners]
