"""Upright images -> thumbnails as JPEG files, to be shown beside a result."""

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image

LONG_SIDE: Final = 320
"""Pixels of a thumbnail's longer side, at most."""
MAX_BYTES: Final = 60_000
_QUALITIES: Final = (85, 70, 50, 30, 10)
"""JPEG qualities, tried in this order until the file is small enough; photographs take some 30 kB at the
first."""


def thumbnail(picture: Image.Image) -> bytes:
    """Return the thumbnail of an upright RGB image.

    Returns:
        A JPEG file of at most `MAX_BYTES`; long side at most `LONG_SIDE`, aspect ratio kept, never enlarged.
    """
    small = picture.copy()
    small.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
    files = (_jpeg(small, quality) for quality in _QUALITIES)
    return next(data for data in files if len(data) <= MAX_BYTES)


def thumbnails(pictures: Sequence[Image.Image]) -> list[bytes]:
    """Return the thumbnail of each image."""
    return [thumbnail(picture) for picture in pictures]


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()
