"""Image files without their metadata: what only pixels need, and the orientation. Free of Pillow.

Text, profiles, comments, thumbnails and checksums never decide whether a picture can be decoded: a decoder
gets the file that `strip` rebuilds from the parts with pixels. The files are hostile: lengths are not
believed, and what is inflated is bounded.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_FRAMES: Final = 10
"""Frames of an animation that are kept."""
_MAX_METADATA: Final = 2**20
"""Bytes of a piece of metadata that are searched for an orientation."""
_MAX_PADDED: Final = 2**26
"""Bytes that a chunk of a WebP may announce, where the file ends within it."""
_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3
"""A tag and a type of TIFF and Exif. Source: TIFF 6.0, Exif 2.32."""
_XMP_ORIENTATION: Final = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")

_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_ONCE: Final = (b"IHDR", b"PLTE", b"tRNS", b"acTL")
_PNG_FRAMES: Final = (b"fcTL", b"fdAT")

_JPEG_TABLES: Final = frozenset({*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD} - {0xC8})
"""Segments that a decoder needs: tables, frame headers and the restart interval. Source: ITU-T T.81, B.1."""
_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""The end of a scan's data: a marker that is neither stuffing, filling nor a restart."""
_RESERVED: Final = re.compile(rb"\0{64,}\Z")
_WEBP_PIXELS: Final = re.compile(rb"VP8 |VP8L|ALPH|ANIM|ANMF")
_GIF_BLOCK: Final = re.compile(rb"[\x21\x2c\x3b]")
_JPEG_SEGMENT: Final = re.compile(rb"\xff[\xc0-\xcf\xda-\xdf\xe0-\xef\xfe]")


@dataclass(frozen=True)
class Stripped:
    """An image file without metadata.

    Attributes:
        data: The file; every length and checksum in it is right, but for the length of what is cut off.
        orientation: Its Exif orientation, 1 to 8; None where nothing readable says it.
        complete: Whether the file's own structure ends as it should. Only where it does not can pixels be
            missing that a decoder does not miss.
        lacks: Bytes that the file's last part announces and does not have (WebP).
    """

    data: bytes
    orientation: int | None = None
    complete: bool = True
    lacks: int = 0


def strip(data: bytes, kind: str) -> Stripped:
    """Rebuild an image file without its metadata.

    Args:
        data: The file; any bytes.
        kind: Its media type, as `inference.images.formats.sniff` returns it.

    Returns:
        The file as it is, where its type has no such parts (BMP), or is read by a decoder that skips them.
    """
    match kind:
        case "image/png" | "image/apng":
            return _strip_png(data)
        case "image/jpeg":
            return _strip_jpeg(data)
        case "image/webp":
            return _strip_webp(data)
        case "image/gif":
            return _strip_gif(data)
    return Stripped(data)


def exif_orientation(exif: bytes) -> int | None:
    """Return the orientation that an Exif block has; None where it has none, or cannot be read.

    Args:
        exif: The block, with or without `Exif` before it; any bytes.

    Returns:
        1 to 8.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = "little" if tiff[:2] == b"II" else "big" if tiff[:2] == b"MM" else None
    if order is None:
        return None

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if order == "little" else "big")

    directory = number(4, 4)
    for entry in range(number(directory, 2)):
        at = directory + 2 + 12 * entry
        if at + 12 > len(tiff):
            return None
        if number(at, 2) == _ORIENTATION_TAG and number(at + 2, 2) == _SHORT:
            return _orientation(number(at + 8, 2))
    return None


def _orientation(value: int) -> int | None:
    return value if 1 <= value <= 8 else None


def _xmp_orientation(xmp: bytes) -> int | None:
    found = _XMP_ORIENTATION.search(xmp[:_MAX_METADATA])
    return None if found is None else int(found[1])


# PNG. Source: PNG specification, third edition.


def png_chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG, with its checksum."""
    return len(body).to_bytes(4) + name + body + zlib.crc32(body, zlib.crc32(name)).to_bytes(4)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and bodies of a PNG's chunks; the last may be shorter than it says."""
    at = len(_PNG_START)
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if at + 12 + size > len(data) and name not in (b"IDAT", b"fdAT"):
            # Its length is wrong, or the file is cut off in it: the pixels may come after it.
            found = data.find(b"IDAT", at + 8)
            if found < 0:
                return
            at = found - 4
            continue
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size


def _strip_png(data: bytes) -> Stripped:
    once: dict[bytes, bytes] = {}
    before: list[bytes] = []
    pixels: list[bytes] = []
    after: list[bytes] = []
    frames = sequence = 0
    orientation = None
    complete = False
    for name, body in _png_chunks(data):
        if name == b"IEND":
            complete = True
            break
        if name in _PNG_ONCE:
            once.setdefault(name, body)
        elif name == b"IDAT":
            pixels.append(body)
        elif name in _PNG_FRAMES:
            frames += name == b"fcTL"
            if frames <= MAX_FRAMES:
                # Its first four bytes count the animation's chunks.
                (after if pixels else before).append(png_chunk(name, sequence.to_bytes(4) + body[4:]))
                sequence += 1
        else:
            orientation = orientation or _png_orientation(name, body)
    if frames > MAX_FRAMES and b"acTL" in once:
        once[b"acTL"] = MAX_FRAMES.to_bytes(4) + once[b"acTL"][4:]
    parts = [_PNG_START, *(png_chunk(name, once[name]) for name in _PNG_ONCE if name in once), *before]
    parts += [png_chunk(b"IDAT", b"".join(pixels)), *after, png_chunk(b"IEND", b"")]
    # With chunks of further frames behind them, the pixels of the first are whole.
    return Stripped(b"".join(parts), orientation, complete or (bool(pixels) and bool(after)))


def _png_orientation(name: bytes, body: bytes) -> int | None:
    if name == b"eXIf":
        return exif_orientation(body)
    if name == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0"):
        return _xmp_orientation(_itxt(body))
    if name == b"zTXt" and body.startswith(b"Raw profile type exif\0"):
        return exif_orientation(_raw_profile(_inflated(body[23:])))
    return None


def _inflated(data: bytes) -> bytes:
    """Inflate metadata, its first `_MAX_METADATA` bytes; empty where it is broken."""
    try:
        return zlib.decompressobj().decompress(data, _MAX_METADATA)
    except zlib.error:
        return b""


def _itxt(body: bytes) -> bytes:
    """Return the text of an iTXt chunk with a keyword, a language and a translated keyword before it."""
    _, _, rest = body.partition(b"\0")
    _, _, translated = rest[2:].partition(b"\0")
    _, _, text = translated.partition(b"\0")
    return _inflated(text) if rest[:1] == b"\1" else text


def _raw_profile(text: bytes) -> bytes:
    """Return the profile that ImageMagick writes as text: its name, its length, and hexadecimal digits."""
    try:
        return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return b""


# JPEG. Source: ITU-T T.81, annex B.


def _strip_jpeg(data: bytes) -> Stripped:
    parts = [b"\xff\xd8"]
    orientation = None
    at = _next_marker(data, 2)
    while at >= 0 and (marker := data[at + 1]) != 0xD9:
        end = _segment_end(data, at)
        body = data[at + 4 : end]
        if marker == 0xDA:
            found = _JPEG_MARKER.search(data, end)
            end = len(data) if found is None else found.start()
            parts.append(data[at:end])
        elif not _is_plausible(data, at, end):
            # The length is wrong.
            end = _next_segment(data, at + 2)
        elif marker in _JPEG_TABLES:
            parts.append(data[at:end])
        elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:
            parts.append(b"\xff\xe0\x00\x10" + body[:12] + b"\0\0")
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            # Whether the colours are YCbCr, CMYK or YCCK.
            parts.append(b"\xff\xee\x00\x0e" + body[:12])
        elif marker == 0xE1:
            orientation = orientation or _app1_orientation(body)
        at = _next_marker(data, end)
    stripped = b"".join(parts)
    complete = at >= 0
    if complete:
        stripped += b"\xff\xd9"
    else:
        # Space that was reserved for what has not come, and half a marker.
        stripped = _RESERVED.sub(b"", stripped).rstrip(b"\xff")
    return Stripped(stripped, orientation, complete)


def _app1_orientation(body: bytes) -> int | None:
    if body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        return _xmp_orientation(body)
    return exif_orientation(body)


@dataclass(frozen=True)
class Scan:
    """A scan of a JPEG.

    Attributes:
        components: The ids of its components.
        coefficients: Those that it has, of the 64 of a block.
        is_exact: Whether they are exact after it: a progressive file's come with fewer bits first.
    """

    components: tuple[int, ...]
    coefficients: range
    is_exact: bool


def jpeg_scans(data: bytes) -> list[Scan]:
    """List the scans of a stripped JPEG, complete or cut off."""
    scans = []
    at = 2
    while (at := _next_marker(data, at)) >= 0 and data[at + 1] != 0xD9:
        end = _segment_end(data, at)
        header = data[at + 4 : end]
        if data[at + 1] == 0xDA and len(header) >= 4:
            components = tuple(header[1 : 1 + 2 * header[0] : 2])
            first, last, bits = header[-3:]
            scans.append(Scan(components, range(first, min(last, 63) + 1), not bits & 0x0F))
        at = max(end, at + 2)
    return scans


def _next_marker(data: bytes, at: int) -> int:
    """Return where the next marker begins, with a byte after it; -1: nowhere."""
    while (at := data.find(b"\xff", at)) >= 0:
        if at + 1 >= len(data):
            return -1
        if data[at + 1] not in (0x00, 0x01, 0xFF, 0xD8) and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 1
    return -1


def _segment_end(data: bytes, at: int) -> int:
    return at + 2 + int.from_bytes(data[at + 2 : at + 4])


def _next_segment(data: bytes, at: int) -> int:
    """Return where the next segment begins whose length can be right; the end of the file where none does."""
    starts = (each.start() for each in _JPEG_SEGMENT.finditer(data, at))
    return next((each for each in starts if _is_plausible(data, each, _segment_end(data, each))), len(data))


def _is_plausible(data: bytes, at: int, end: int) -> bool:
    """Tell whether a segment ends where another begins, or is the scan's header."""
    return end >= at + 4 and (data[end : end + 1] == b"\xff" or data[at + 1] == 0xDA)


# WebP. Source: RFC 9649, section 2.


def _strip_webp(data: bytes) -> Stripped:
    parts: list[bytes] = []
    exif = xmp = None
    frames = lacks = 0
    has_header = False
    at = 12
    while at + 8 <= len(data) and not (parts and not has_header):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at_of_body = at + 8
        body = data[at_of_body : at_of_body + size]
        if name == b"VP8X" and not parts and len(body) >= 10:
            has_header = True
            # Of the flags, those for transparency and animation.
            parts.append(_riff_chunk(name, bytes([body[0] & 0x12, 0, 0, 0]) + body[4:10]))
        elif name in (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"):
            frames += name == b"ANMF"
            missing = size - len(body)
            if missing and (name in (b"ALPH", b"ANIM") or size > _MAX_PADDED or frames > 1):
                break
            if missing:
                content, lacks = _announced(name, size, body)
                parts.append(content)
            elif frames <= MAX_FRAMES:
                parts.append(_riff_chunk(name, body))
        elif name == b"EXIF":
            exif = exif or exif_orientation(body)
        elif name == b"XMP ":
            xmp = xmp or _xmp_orientation(body)
        at += 8 + size + (size & 1)
        is_pixels = _WEBP_PIXELS.fullmatch(name) is not None
        if at > len(data) + 1 and not is_pixels and (found := _WEBP_PIXELS.search(data, at_of_body)):
            # Its length is wrong.
            at = found.start()
    content = b"".join(parts)
    head = b"RIFF" + (4 + len(content) + lacks).to_bytes(4, "little") + b"WEBP"
    return Stripped(head + content, exif or xmp, not lacks, lacks)


def _announced(name: bytes, size: int, body: bytes) -> tuple[bytes, int]:
    """Have a chunk that is cut off announce several times its size, as what it is continued with may need.

    Returns:
        The chunk, and how many bytes it lacks now.
    """
    more = min(3 * size + 2**16, _MAX_PADDED) & ~1
    size += size & 1
    if name == b"ANMF":
        # A header of 16 bytes, and chunks, of which the last is cut off.
        at = 16
        while at + 8 <= len(body):
            inner = int.from_bytes(body[at + 4 : at + 8], "little")
            inner += inner & 1
            if at + 8 + inner > len(body):
                body = body[: at + 4] + (inner + more).to_bytes(4, "little") + body[at + 8 :]
                break
            at += 8 + inner
    return name + (size + more).to_bytes(4, "little") + body, size + more - len(body)


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) & 1)


# GIF. Source: GIF89a specification.


def _strip_gif(data: bytes) -> Stripped:
    at = 13 + _colour_table(data[10:11])
    parts = [data[:at]]
    frames = 0
    complete = False
    while at < len(data):
        mark = data[at]
        if mark == 0x21:
            end = _blocks_end(data, at + 2)
            if data[at + 1 : at + 2] == b"\xf9" and end - at == 8:
                parts.append(data[at:end])
        elif mark == 0x2C:
            start = at + 11 + _colour_table(data[at + 9 : at + 10])
            end = _blocks_end(data, start)
            if frames and end > len(data):
                # Cut off after whole frames.
                complete = True
                break
            parts.append(data[at:end])
            frames += 1
        elif mark == 0x3B:
            complete = True
            break
        else:
            found = _GIF_BLOCK.search(data, at)
            end = len(data) if found is None else found.start()
        at = end
        if frames == MAX_FRAMES:
            complete = at <= len(data)
            break
    if complete:
        parts.append(b";")
    return Stripped(b"".join(parts), None, complete)


def first_gif_frame(data: bytes) -> bytes:
    """Return a stripped GIF's first frame as a GIF of its own: opaque, on a screen of its own size."""
    at = 13 + _colour_table(data[10:11])
    head = data[:at]
    while data[at : at + 1] == b"\x21":
        at = _blocks_end(data, at + 2)
    size = data[at + 5 : at + 9]
    return head[:6] + size + head[10:] + data[at : at + 1] + bytes(4) + data[at + 5 :]


def _colour_table(flags: bytes) -> int:
    """Return a colour table's bytes, by the flags of the descriptor before it."""
    return 3 << (flags[0] & 0x07) + 1 if flags and flags[0] & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    """Return where a run of data sub-blocks ends; past the end where the file ends within it."""
    while at < len(data):
        size = data[at]
        at += size + 1
        if not size:
            return at
    return len(data) + 1
