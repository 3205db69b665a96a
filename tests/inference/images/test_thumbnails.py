"""Thumbnails: small enough in pixels and bytes, with the image's aspect ratio."""

import io

import pytest
from PIL import Image

from inference.images.thumbnails import LONG_SIDE, MAX_BYTES, thumbnail
from tests.inference.image_files import halves, near, plain


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((1536, 1024), (320, 213)), ((768, 1536), (160, 320)), ((40, 20), (40, 20)), ((1536, 2), (320, 1))],
)
def test_a_picture_keeps_its_shape_and_is_never_enlarged(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(thumbnail(plain("red", size)))) as small:
        assert (small.format, small.mode, small.size) == ("JPEG", "RGB", wanted)


def test_it_shows_what_the_picture_shows() -> None:
    with Image.open(io.BytesIO(thumbnail(halves("red", "blue", (800, 400))))) as small:
        assert near(small.getpixel((40, 80)), (255, 0, 0))
        assert near(small.getpixel((280, 80)), (0, 0, 255))


def test_the_picture_itself_stays_as_it_is() -> None:
    picture = plain("red", (800, 400))
    thumbnail(picture)
    assert picture.size == (800, 400)


def test_noise_that_no_compressor_likes_stays_small() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((LONG_SIDE, LONG_SIDE), 200) for _ in range(3)])
    plainly = io.BytesIO()
    noise.save(plainly, "JPEG", quality=85)
    assert len(plainly.getvalue()) > MAX_BYTES
    assert len(thumbnail(noise)) <= MAX_BYTES
