"""What kind of picture some bytes start like: the first check of bot and worker, free of Pillow and torch.

It looks at the first bytes alone and never at a file's name or at what Discord says it is. That bytes start
like a picture does not make them one: only decoding (`inference.images.decoder_pool`) shows that.
"""

from collections.abc import Iterator
from typing import Final

MediaType = str

PILLOW: Final[dict[MediaType, str]] = {
    "image/png": "PNG",
    "image/apng": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
}
"""Every media type that is read here, with Pillow's name for the only decoder that may touch such bytes."""

NAMES: Final = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
"""The kinds in words, for sentences."""

HEAD: Final = 4096
"""Bytes: `sniff` looks no further (an APNG whose animation starts behind longer metadata is a PNG to it)."""

_PNG = b"\x89PNG\r\n\x1a\n"
_STARTS: Final[tuple[tuple[bytes, MediaType], ...]] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    # BigTIFF: the size of its offsets follows, always 8.
    (b"II+\0\x08\0\0\0", "image/tiff"),
    (b"MM\0+\0\x08\0\0", "image/tiff"),
)
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
"""Sizes of the header after the file header. Source: Pillow's BmpImagePlugin, Windows' wingdi.h."""
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIF_BRANDS = frozenset({b"mif1", b"msf1"})
"""Brands in an ISO media file's `ftyp` box. Sources: AVIF v1.1.0, ISO/IEC 23008-12 annex B."""


def sniff(data: bytes) -> MediaType | None:
    """Say what kind of picture `data` starts like.

    Args:
        data: A file's bytes, or at least its first `HEAD`.

    Returns:
        One of the media types in `PILLOW`, or None where it is none of them.
    """
    head = data[:HEAD]
    if head.startswith(_PNG):
        return "image/apng" if b"acTL" in _chunks_before_pixels(head) else "image/png"
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    # "BM" alone starts many a text: the header's size must be one that exists as well.
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    return _sniff_iso(head)


def _chunks_before_pixels(data: bytes) -> Iterator[bytes]:
    """Yield the names of a PNG's chunks up to the first that holds pixels."""
    at = len(_PNG)
    while at + 8 <= len(data):
        name = data[at + 4 : at + 8]
        if name == b"IDAT":
            return
        yield name
        # Length, name and checksum: 12 bytes even where there is nothing between them, so that this ends.
        at += 12 + int.from_bytes(data[at : at + 4])


def _sniff_iso(data: bytes) -> MediaType | None:
    """Tell AVIF from HEIC, which share a container and differ in the brands that they name."""
    if data[4:8] != b"ftyp":
        return None
    box = data[: int.from_bytes(data[:4])]
    major = box[8:12]
    if major in _AVIF_BRANDS:
        return "image/avif"
    if major in _HEIC_BRANDS:
        return "image/heic"
    if major not in _HEIF_BRANDS:
        return None
    # The minor version stands between the major brand and the compatible ones, which say what is inside.
    brands = {box[at : at + 4] for at in range(16, len(box) - 3, 4)}
    if brands & _AVIF_BRANDS:
        return "image/avif"
    return "image/heic" if brands & _HEIC_BRANDS else "image/heif"
