"""What is left of a truncated image file: which of its rows really decode, and these rows.

Decoders fill what is missing, each in its way, and do not tell where it begins. So the file is decoded twice,
and what was missing differs: a row that is the same both times is the file's.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from PIL import Image, ImageChops, ImageFile

from inference.images.envelopes import Scan, Stripped, first_gif_frame, jpeg_scans, png_chunk

Open = Callable[[bytes], ImageFile.ImageFile]
"""Opens an image file of the type in question, within the limits."""

Box = tuple[int, int, int, int]
"""A part of an image, in pixels: left, top, right, bottom."""

DECODED_IN_PART: Final = frozenset(
    {"image/jpeg", "image/png", "image/apng", "image/webp", "image/gif", "image/bmp", "image/tiff"}
)
"""The media types of which a part of a file can be decoded."""
_EOI: Final = b"\xff\xd9"
_JUNK: Final = (bytes(256), b"\x5a" * 256)
"""Two continuations of a scan, without markers."""
_PADDINGS: Final = (b"\0", b"\x55", b"\xff", b"\x33", b"\x0f", b"\x69", b"\xc3", b"\x5a")
"""Continuations of a WebP; of a lossless one, many end in an error."""
_SCALE: Final = 8
"""A JPEG's rows are counted in an eighth of its size: one row of pixels for each row of blocks."""
_INFLATED_BYTES: Final = 2**20
_PIECE_BYTES: Final = 512
_ADAM7: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""The passes of an interlaced PNG: x and y of the first pixel, and the steps. Source: PNG, section 8.2."""
_GRIDS: Final = ((8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2), (1, 1))
"""The steps of the pixels that are there after each of these passes."""
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by a PNG's colour type."""


@dataclass(frozen=True)
class Remains:
    """What is left of an image.

    Attributes:
        picture: It, with anything at all in the rows that are missing.
        height: Its rows.
        rows: How many of them have decoded pixels.
        missing: The parts of `picture` that have none.
        grid: Of every how many columns and rows there is a pixel (an interlaced PNG).
        cut_off: Whether pixels, or details of them, are missing.
    """

    picture: Image.Image
    height: int
    rows: int
    missing: Sequence[Box] = ()
    grid: tuple[int, int] = (1, 1)
    cut_off: bool = True

    def filled(self, image: Image.Image) -> Image.Image:
        """Fill what is missing: between rows that are there by the row above, all else with white.

        Args:
            image: `picture`, as RGB or RGBA.
        """
        if self.grid != (1, 1):
            return _enlarged(image, self.grid)
        # A large JPEG is decoded at a fraction of its size.
        scale = image.height / self.height
        for left, top, right, bottom in self.missing:
            if top > 0 and bottom == top + 1 < self.height:
                image.paste(image.crop((left, top - 1, right, top)), (left, top))
            else:
                box = (
                    int(left * scale),
                    int(top * scale),
                    math.ceil(right * scale),
                    math.ceil(bottom * scale),
                )
                image.paste((255,) * len(image.getbands()), box)
        return image


def remains_of(file: Stripped, kind: str, open_file: Open) -> Remains:
    """Decode what is left of a truncated file.

    Args:
        file: The file, without metadata.
        kind: Its media type.
        open_file: Opens such files.

    Raises:
        OSError: And more, of Pillow's plugins: nothing is left.
    """
    match kind:
        case "image/jpeg":
            return _jpeg(file.data, open_file)
        case "image/webp":
            return _webp(file, open_file)
        case "image/png" | "image/apng":
            data = _with_pixels_checksum(file.data)
            decode = _interlaced_png if _is_interlaced(data) else _by_filling
            return decode(data, open_file)
        case "image/gif":
            return _gif(file.data, open_file)
    return _by_filling(file.data, open_file)


# Decoders that write row after row into an image.


def _by_filling(data: bytes, open_file: Open) -> Remains:
    """Decode into two images of different colours: what is missing keeps them."""
    dark = _row_digests(_decoded_over(data, open_file, 0))
    picture = _decoded_over(data, open_file, 255)
    return _compared(picture, dark, _row_digests(picture))


def _decoded_over(data: bytes, open_file: Open, level: int) -> Image.Image:
    picture = open_file(data)
    bands = len(picture.getbands())
    filled = level if bands == 1 else (level,) * bands
    picture.im = Image.new(picture.mode, picture.size, filled).im
    with _truncated_allowed():
        picture.load()
    return picture


@contextmanager
def _truncated_allowed() -> Iterator[None]:
    """Have Pillow decode what there is of a file. The setting is the whole process's, which decodes one."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _row_digests(picture: Image.Image) -> list[int]:
    width, height = picture.size
    return [zlib.crc32(picture.crop((0, row, width, row + 1)).tobytes()) for row in range(height)]


def _compared(picture: Image.Image, one: Sequence[int], other: Sequence[int]) -> Remains:
    width, height = picture.size
    ranges = _ranges([a != b for a, b in zip(one, other, strict=True)])
    rows = height - sum(end - start for start, end in ranges)
    missing = [(0, start, width, end) for start, end in ranges]
    return Remains(picture, height, rows, missing, cut_off=bool(missing))


def _ranges(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """Return where runs of true flags begin and end."""
    ranges: list[tuple[int, int]] = []
    at = 0
    for flag, run in groupby(flags):
        length = sum(1 for _ in run)
        if flag:
            ranges.append((at, at + length))
        at += length
    return ranges


def _gif(data: bytes, open_file: Open) -> Remains:
    """Count the first frame's rows, without the transparency that hides what is missing."""
    alone = _by_filling(first_gif_frame(data), open_file)
    picture = open_file(data)
    x, y, *_ = picture.tile[0].extents or (0, 0)
    with _truncated_allowed():
        picture.load()
    missing = [(x + left, y + top, x + right, y + bottom) for left, top, right, bottom in alone.missing]
    rows = picture.height - (alone.height - alone.rows)
    return Remains(picture, picture.height, rows, missing, cut_off=alone.cut_off)


# Interlaced PNG: its pixels come in seven passes, each finer than the one before.


def _with_pixels_checksum(data: bytes) -> bytes:
    """Return a stripped PNG with the right checksum inside its compressed pixels, where they are whole.

    Pillow's decoder drops the last row of one whose checksum is wrong.
    """
    at = data.index(b"IDAT") + 4
    pixels = data[at : at + int.from_bytes(data[at - 8 : at - 4])]
    # Without zlib's header, its checksum is not looked at.
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    checksum = 1
    left = pixels[2:]
    try:
        while left and not inflater.eof:
            checksum = zlib.adler32(inflater.decompress(left, _INFLATED_BYTES), checksum)
            left = inflater.unconsumed_tail
    except zlib.error:
        return data
    if not inflater.eof:
        return data
    end = len(pixels) - len(inflater.unused_data)
    rest = data[at + len(pixels) + 4 :]
    return data[: at - 8] + png_chunk(b"IDAT", pixels[:end] + checksum.to_bytes(4)) + rest


def _is_interlaced(data: bytes) -> bool:
    return data[12:16] == b"IHDR" and data[28:29] == b"\1"


def _interlaced_png(data: bytes, open_file: Open) -> Remains:
    picture = open_file(data)
    width, height = picture.size
    bits = data[24] * _SAMPLES.get(data[25], 1)
    at = data.index(b"IDAT")
    left = _inflated_size(data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at])])
    whole = seen = 0
    for x, y, step_x, step_y in _ADAM7:
        columns, rows = max(0, -(-(width - x) // step_x)), max(0, -(-(height - y) // step_y))
        row_bytes = 1 + (columns * bits + 7) // 8 if columns else 0
        there = min(rows, left // row_bytes) if row_bytes else rows
        # The passes that begin in the first column have the rows between them, each once.
        seen += there if x == 0 else 0
        left -= there * row_bytes
        if there < rows:
            break
        whole += 1
    with _truncated_allowed():
        picture.load()
    if not whole:
        return Remains(picture, height, 0)
    complete = whole == len(_ADAM7)
    return Remains(picture, height, seen, grid=_GRIDS[whole - 1], cut_off=not complete)


def _inflated_size(data: bytes) -> int:
    """Return how many bytes can be inflated, without keeping them."""
    inflater = zlib.decompressobj()
    size = 0
    # In small pieces: what a piece has before an error is not returned.
    for at in range(0, len(data), _PIECE_BYTES):
        try:
            size += len(inflater.decompress(data[at : at + _PIECE_BYTES]))
        except zlib.error:
            break
    return size


def _enlarged(image: Image.Image, grid: tuple[int, int]) -> Image.Image:
    """Make an image of those of its pixels that are on a grid."""
    x, y = grid
    size = (-(-image.width // x), -(-image.height // y))
    # Pillow takes the pixel at the middle of each cell; this moves it to the first.
    cells = (x, 0, (1 - x) / 2, 0, y, (1 - y) / 2)
    small = image.transform(size, Image.Transform.AFFINE, cells, Image.Resampling.NEAREST)
    return small.resize(image.size, Image.Resampling.BILINEAR)


# JPEG: its decoder fills what is missing with grey.


def _jpeg(data: bytes, open_file: Open) -> Remains:
    """Continue the data in two ways: the first block that differs is the first that is missing.

    Of a file with several scans, as progressive ones are, every row is there as soon as the first is whole.
    """
    picture = open_file(data + _EOI)
    width, height = picture.size
    scans = jpeg_scans(data)
    if len(scans) > 1:
        return Remains(picture, height, height, cut_off=_lacks_details(data, scans, open_file))
    small = _differing(data, open_file, (-(-width // _SCALE), -(-height // _SCALE)))
    box = small.getbbox()
    if box is None:
        return Remains(picture, height, height, cut_off=_lacks_scans(scans))
    top = box[1]
    left = small.crop((0, top, small.width, top + 1)).getbbox()
    column = left[0] if left is not None else 0
    mcu = max(layer[2] for layer in picture.layer)  # type: ignore[attr-defined]
    upper, lower = top * _SCALE, min(height, (top + mcu) * _SCALE)
    missing = [(column * _SCALE, upper, width, lower), (0, lower, width, height)]
    rows = upper + (lower - upper) * column // small.width
    return Remains(picture, height, rows, missing)


def _differing(data: bytes, open_file: Open, size: tuple[int, int]) -> Image.Image:
    """Return where two continuations of a scan differ, as an image of about `size`."""
    pictures = []
    for junk in _JUNK:
        picture = open_file(data + junk + _EOI)
        picture.draft(None, size)
        picture.load()
        pictures.append(picture)
    return ImageChops.difference(*pictures)


def _lacks_details(data: bytes, scans: Sequence[Scan], open_file: Open) -> bool:
    if _lacks_scans(scans):
        return True
    size = open_file(data + _EOI).size
    return _differing(data, open_file, size).getbbox() is not None


def _lacks_scans(scans: Sequence[Scan]) -> bool:
    """Tell whether scans are missing after the last one that has begun."""
    exact = {
        (each, k) for scan in scans if scan.is_exact for each in scan.components for k in scan.coefficients
    }
    components = {each for scan in scans for each in scan.components}
    return len(exact) < 64 * len(components)


# WebP: its decoder takes whole files only.


def _webp(file: Stripped, open_file: Open) -> Remains:
    """Continue the data in two ways: the first row that differs is the first that is missing.

    Raises:
        OSError: No two continuations can be decoded.
    """
    digests: list[int] | None = None
    for padding in _PADDINGS if file.lacks else _PADDINGS[:1]:
        try:
            picture = open_file(file.data + padding * file.lacks)
            picture.load()
        except OSError:
            continue
        found = _row_digests(picture)
        if not file.lacks:
            return Remains(picture, picture.height, picture.height, cut_off=False)
        if digests is not None:
            rows = next((row for row, (a, b) in enumerate(zip(digests, found, strict=True)) if a != b), None)
            height = picture.height
            if rows is None:
                return Remains(picture, height, height, cut_off=False)
            return Remains(picture, height, rows, [(0, rows, picture.width, height)])
        digests = found
    raise OSError("The WebP is cut off where its decoder cannot go on.")
