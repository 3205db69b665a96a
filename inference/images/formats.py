"""Detects an image's media type from its first bytes. Free of Pillow and torch.

It is the first check of bot and worker. A file's name and the content type that Discord reports are ignored.
A detected type does not make the file a valid image: only decoding (`inference.images.decoder_pool`) shows
that.
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
"""The supported media types, each with Pillow's name of the only decoder that may read such a file."""

NAMES: Final = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
"""The supported types in words, for messages."""

HEAD: Final = 4096
"""Bytes that `sniff` looks at (an APNG whose animation starts after longer metadata counts as a PNG)."""

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
"""Sizes of the header that follows the file header. Source: Pillow's BmpImagePlugin, Windows' wingdi.h."""
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIF_BRANDS = frozenset({b"mif1", b"msf1"})
"""Brands in an ISO media file's `ftyp` box. Sources: AVIF v1.1.0, ISO/IEC 23008-12 annex B."""


_VIDEO_BRANDS = frozenset({b"qt", b"M4V", b"M4VH", b"M4VP", b"avc1", b"dash", b"MSNV", b"f4v", b"mmp4"})
_VIDEO_BRAND_STARTS = frozenset({b"iso", b"mp4", b"3gp", b"3g2"})
"""Brands of MP4 and its kin, and how they begin. Source: the MP4 Registration Authority."""
_VIDEO_STARTS = (b"\x1aE\xdf\xa3", b"FLV\x01", b"\0\0\x01\xba", b"\0\0\x01\xb3")
"""Matroska and WebM (EBML), Flash video, MPEG program stream and video."""


def sniff(data: bytes) -> MediaType | None:
    """Return the media type of an image file.

    Args:
        data: The file, or at least its first `HEAD` bytes.

    Returns:
        One of the media types in `PILLOW`; None for any other file.
    """
    head = data[:HEAD]
    if head.startswith(_PNG):
        return "image/apng" if b"acTL" in _chunks_before_pixels(head) else "image/png"
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    # Texts may start with "BM" too, so the header's size must be a known one.
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    return _sniff_iso(head)


def is_video(data: bytes) -> bool:
    """Tell whether a file's first bytes are a video's.

    Known are MP4, QuickTime, 3GP, WebM, Matroska, AVI, FLV and MPEG.
    """
    head = data[:HEAD]
    if head[4:8] == b"ftyp":
        return head[8:12].strip() in _VIDEO_BRANDS or head[8:11] in _VIDEO_BRAND_STARTS
    return head.startswith(_VIDEO_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def _chunks_before_pixels(data: bytes) -> Iterator[bytes]:
    """Yield the names of a PNG's chunks up to the first one with pixels."""
    at = len(_PNG)
    while at + 8 <= len(data):
        name = data[at + 4 : at + 8]
        if name == b"IDAT":
            return
        yield name
        # Length, name and checksum are 12 bytes even of an empty chunk, so that this loop ends.
        at += 12 + int.from_bytes(data[at : at + 4])


def _sniff_iso(data: bytes) -> MediaType | None:
    """Distinguish AVIF from HEIC, which share a container and differ in their brands."""
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
    # The minor version is between the major brand and the compatible brands, which name the codec.
    brands = {box[at : at + 4] for at in range(16, len(box) - 3, 4)}
    if brands & _AVIF_BRANDS:
        return "image/avif"
    return "image/heic" if brands & _HEIC_BRANDS else "image/heif"
