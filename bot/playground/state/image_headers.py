"""Content type and size of an image, read from the file's header without decoding it."""

import struct
from collections.abc import Callable

Size = tuple[int, int]

JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the JPEG segments that have the image's size. Source: ITU-T T.81, table B.1."""

MAX_SIDE = 1 << 31


def content_type(data: bytes) -> str | None:
    """Return the MIME type of an image that browsers show, None for other files."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp" and data[8:12] in {b"avif", b"avis"}:
        return "image/avif"
    return None


def size(data: bytes) -> Size | None:
    """Return an image's (width, height) in pixels, None where there is no valid header."""
    read = READERS.get(content_type(data) or _type_not_for_browsers(data))
    if read is None:
        return None
    try:
        found = read(data)
    except (struct.error, IndexError):
        return None
    return found if found and 0 < found[0] < MAX_SIDE and 0 < found[1] < MAX_SIDE else None


def _type_not_for_browsers(data: bytes) -> str:
    if data[:2] == b"BM":
        return "image/bmp"
    if data[4:8] == b"ftyp" and data[8:12] in {b"heic", b"heix", b"mif1"}:
        return "image/heic"
    return ""


def _png(data: bytes) -> Size | None:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> Size:
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)


def _jpeg(data: bytes) -> Size | None:
    at = 2
    while data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker in JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return None


def _webp(data: bytes) -> Size | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _heif(data: bytes) -> Size | None:
    """Read the largest `ispe` box. Smaller ones belong to tiles and thumbnails."""
    found: list[Size] = []
    at = data.find(b"ispe", 0, 65536)
    while at >= 0:
        width, height = struct.unpack_from(">II", data, at + 8)
        found.append((width, height))
        at = data.find(b"ispe", at + 4, 65536)
    return max(found, default=None)


READERS: dict[str, Callable[[bytes], Size | None]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/bmp": _bmp,
    "image/avif": _heif,
    "image/heic": _heif,
}
