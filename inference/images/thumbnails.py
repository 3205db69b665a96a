"""Upright pictures -> small JPEG files, for whoever shows a result beside its pictures."""

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image

LONG_SIDE: Final = 320
"""Pixels."""
MAX_BYTES: Final = 60_000
_QUALITIES: Final = (85, 70, 50, 30, 10)
"""Tried in this order until a file is small enough; photographs have some 30 kB at the first."""


def thumbnail(picture: Image.Image) -> bytes:
    """Make a JPEG file of an upright RGB picture.

    Returns:
        At most `MAX_BYTES` bytes: long side at most `LONG_SIDE`, in the picture's own shape, never enlarged.
    """
    small = picture.copy()
    small.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
    files = (_jpeg(small, quality) for quality in _QUALITIES)
    return next(data for data in files if len(data) <= MAX_BYTES)


def thumbnails(pictures: Sequence[Image.Image]) -> list[bytes]:
    """Make a thumbnail of each picture."""
    return [thumbnail(picture) for picture in pictures]


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()
