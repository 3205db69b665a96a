"""Reads which characters a font file has glyphs for, from the `cmap` table of TrueType and OpenType.

Pillow draws a hollow box for a character that the font lacks, and has no function that tells. The files are
the bundled ones and the system's own.

Source: OpenType specification 1.9, "cmap" and "The OpenType font file".
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

Span = tuple[int, int]
"""The first and the last code point of a contiguous range."""

_SCALABLE = (b"glyf", b"CFF ", b"CFF2")
_BITMAPS = (b"CBDT", b"sbix")
"""Tables with colour bitmaps of one size, which cannot be drawn in any colour and size."""
_PREFERRED = ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3))
"""Platform and encoding of the Unicode subtables: all of Unicode first, then its first plane only."""


class UnusableFont(ValueError):
    """The file is not a scalable TrueType or OpenType font with a Unicode table."""


class Coverage:
    """A set of code points, stored as spans."""

    def __init__(self, spans: Iterator[Span]) -> None:
        ordered = sorted(spans)
        self._starts = [first for first, _ in ordered]
        self._ends = [last for _, last in ordered]

    def __contains__(self, code: int) -> bool:
        at = bisect_right(self._starts, code) - 1
        return at >= 0 and code <= self._ends[at]


def read_coverage(path: Path) -> Coverage:
    """Return the characters that a font has; of a collection (.ttc), its first font.

    Raises:
        UnusableFont: The font is damaged, or not scalable.
        OSError: The file cannot be read.
    """
    try:
        return Coverage(_spans(path.read_bytes()))
    except (struct.error, IndexError) as error:
        raise UnusableFont(f"{path.name} is damaged: {error}") from error


def _spans(data: bytes) -> Iterator[Span]:
    tables = _tables(data)
    if b"cmap" not in tables or not any(name in tables for name in _SCALABLE):
        raise UnusableFont("no scalable outlines")
    if any(name in tables for name in _BITMAPS):
        raise UnusableFont("colour bitmaps")
    at = _subtable(data, tables[b"cmap"])
    (kind,) = struct.unpack_from(">H", data, at)
    return iter(_segmented(data, at) if kind == 4 else _grouped(data, at))


def _tables(data: bytes) -> dict[bytes, int]:
    start: int = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
    (count,) = struct.unpack_from(">H", data, start + 4)
    records = (struct.unpack_from(">4sIII", data, start + 12 + 16 * number) for number in range(count))
    return {name: offset for name, _, offset, _ in records}


def _subtable(data: bytes, cmap: int) -> int:
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    records = (struct.unpack_from(">HHI", data, cmap + 4 + 8 * number) for number in range(count))
    found: dict[tuple[int, int], int] = {
        (platform, encoding): cmap + offset for platform, encoding, offset in records
    }
    for key in _PREFERRED:
        if key in found and struct.unpack_from(">H", data, found[key])[0] in (4, 12):
            return found[key]
    raise UnusableFont("no Unicode table of format 4 or 12")


def _grouped(data: bytes, at: int) -> Iterator[Span]:
    """Read format 12: groups of first code, last code, first glyph."""
    (count,) = struct.unpack_from(">I", data, at + 12)
    for first, last, _ in struct.iter_unpack(">III", data[at + 16 : at + 16 + 12 * count]):
        yield first, last


def _segmented(data: bytes, at: int) -> Iterator[Span]:
    """Read format 4: segments whose codes map by a delta, or by an array where 0 means "no glyph"."""
    count = struct.unpack_from(">H", data, at + 6)[0] // 2
    row = f">{count}H"
    ends = struct.unpack_from(row, data, at + 14)
    starts = struct.unpack_from(row, data, at + 16 + 2 * count)
    offsets_at = at + 16 + 6 * count
    offsets = struct.unpack_from(row, data, offsets_at)
    for number, (first, last, offset) in enumerate(zip(starts, ends, offsets, strict=True)):
        if first > last or first == 0xFFFF:
            continue
        if offset == 0:
            yield first, last
            continue
        glyphs = struct.unpack_from(f">{last - first + 1}H", data, offsets_at + 2 * number + offset)
        yield from ((first + step, first + step) for step, glyph in enumerate(glyphs) if glyph)
