"""Square tiles of images of any aspect ratio."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from inference.models.tiling import MAX_SINGLE_ASPECT, MAX_TILES, STRIDE, tiles


def numbered(width: int, height: int) -> Image.Image:
    """A picture in which each column and each row has its own colour, up to 256 of each."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, :, 0] = np.arange(width) % 256
    pixels[:, :, 1] = np.arange(height)[:, None] % 256
    return Image.fromarray(pixels)


def test_a_square_is_its_own_only_tile() -> None:
    (tile,) = tiles(numbered(50, 50))
    assert tile.tobytes() == numbered(50, 50).tobytes()


def test_a_picture_that_is_nearly_square_is_one_tile_with_both_ends() -> None:
    picture = Image.new("RGB", (110, 100))
    picture.paste((255, 255, 255), (0, 0, 5, 100))
    picture.paste((255, 255, 255), (105, 0, 110, 100))
    (tile,) = tiles(picture)
    row = np.asarray(tile)[50, :, 0]
    assert (row[0], row[50], row[-1]) == (255, 0, 255)


@given(st.integers(1, 60), st.floats(1, 1 + (MAX_TILES - 1) * STRIDE), st.booleans())
def test_tiles_are_squares_that_show_every_pixel(side: int, aspect: float, standing: bool) -> None:
    long = min(int(side * aspect), 256)
    size = (min(side, long), max(side, long))
    assume(max(size) > min(size) * MAX_SINGLE_ASPECT)
    picture = numbered(*(size if standing else size[::-1]))
    found = tiles(picture)
    assert len(found) <= MAX_TILES
    assert {tile.size for tile in found} == {(min(size), min(size))}
    axis = 1 if standing else 0
    shown = {int(level) for tile in found for level in np.unique(np.asarray(tile)[:, :, axis])}
    assert shown == {place % 256 for place in range(max(size))}


@given(st.integers(1, 1536), st.integers(1, 1536))
def test_no_picture_makes_more_tiles_than_the_most(width: int, height: int) -> None:
    found = tiles(Image.new("RGB", (width, height)))
    assert 1 <= len(found) <= MAX_TILES
    assert {tile.size for tile in found} == {(min(width, height),) * 2}
