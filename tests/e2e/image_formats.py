"""Image files of each format that users post, made from the same scenes."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pillow_heif
from PIL import Image, ImageChops

from tests.e2e.scenes import Thing, caption, draw

pillow_heif.register_heif_opener()

SHOWN = [Thing("blue", "square", 0.3, 0.3, 0.2), Thing("yellow", "triangle", 0.7, 0.7, 0.2)]
"""The scene of every picture."""
GREY = [Thing("black", "circle", 0.3, 0.3, 0.2), Thing("white", "square", 0.7, 0.7, 0.2)]
"""The scene of greyscale pictures."""
LATER = [Thing("red", "circle", 0.5, 0.5, 0.25)]
"""The scene of further frames, pages and pictures of a file, which must not be captioned."""
HOLE = Thing("white", "square", 0.7, 0.7, 0.2)
"""What a transparent part looks like: pictures are composed on white."""
SIDE = 320

ORIENTATION = 0x0112
FIRST_ROW_RIGHT = 6
"""The Exif orientation of a phone held upright: the picture is stored lying on its side."""


def scene(things: list[Thing]) -> Image.Image:
    """Draw things as a picture of mode RGB."""
    picture = Image.open(io.BytesIO(draw(things, SIDE)))
    picture.load()
    return picture


@dataclass(frozen=True)
class Kind:
    """An image format.

    Attributes:
        name: Its name, for the test's id and docs/formats.md.
        filename: The name of the posted file.
        make: Returns the file's bytes.
        wanted: The right caption, None where the file must be refused.
    """

    name: str
    filename: str
    make: Callable[[], bytes]
    wanted: str | None = caption(SHOWN)


def save(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Save a picture as Pillow's `kind`."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def plain(kind: str, **options: Any) -> Callable[[], bytes]:
    """Make the scene a file of a kind, as it is."""
    return lambda: save(scene(SHOWN), kind, **options)


def in_mode(mode: str, kind: str, things: list[Thing] = SHOWN, **options: Any) -> Callable[[], bytes]:
    """Make a scene a file of a kind, in another of Pillow's modes."""
    return lambda: save(scene(things).convert(mode), kind, **options)


def frames(kind: str, **options: Any) -> Callable[[], bytes]:
    """Make a file of several frames, pages or pictures, of which the first shows the scene."""
    return lambda: save(scene(SHOWN), kind, save_all=True, append_images=[scene(LATER)], **options)


def on_its_side(kind: str, **options: Any) -> Callable[[], bytes]:
    """Make a file that is stored lying on its side, and says so."""

    def make() -> bytes:
        exif = Image.Exif()
        exif[ORIENTATION] = FIRST_ROW_RIGHT
        lying = scene(SHOWN).transpose(Image.Transpose.ROTATE_90)
        return save(lying, kind, exif=exif.tobytes(), **options)

    return make


def see_through(kind: str, *, palette: bool = False, **options: Any) -> Callable[[], bytes]:
    """Make a file with a hole, a square that shows the white behind the picture; what is not shown is red."""

    def make() -> bytes:
        covered = scene([SHOWN[0], replace(HOLE, color="red")])
        alpha = ImageChops.difference(covered, scene(SHOWN[:1])).convert("L").point(lambda x: 0 if x else 255)
        covered.putalpha(alpha)
        return save(covered.quantize(64) if palette else covered, kind, **options)

    return make


def deep_png() -> bytes:
    """Make a PNG of 16 bits a channel, which Pillow can't write."""
    picture = scene(SHOWN)
    raw = picture.tobytes()
    rows = b"".join(
        # A byte doubled is the same share of 65535.
        b"\0" + bytes(value for byte in raw[row * SIDE * 3 : (row + 1) * SIDE * 3] for value in (byte, byte))
        for row in range(SIDE)
    )
    header = struct.pack("!IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def deep_grey(kind: str) -> Callable[[], bytes]:
    """Make a file of 16 bits of grey."""

    def make() -> bytes:
        values = scene(GREY).convert("L").tobytes()
        wide = b"".join(struct.pack("<H", 257 * value) for value in values)
        return save(Image.frombytes("I;16", (SIDE, SIDE), wide), kind)

    return make


def heic(*, bits: int = 8, further: bool = False) -> Callable[[], bytes]:
    """Make a HEIC of 8 or 10 bits, maybe with a second picture in it."""

    def make() -> bytes:
        if bits == 8:
            file = pillow_heif.from_pillow(scene(SHOWN))
        else:
            deep = b"".join(struct.pack("<H", 257 * value) for value in scene(SHOWN).tobytes())
            file = pillow_heif.from_bytes("RGB;16", (SIDE, SIDE), deep)
        if further:
            file.add_from_pillow(scene(LATER))
        out = io.BytesIO()
        file.save(out, quality=90)
        return out.getvalue()

    return make


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
JPEG_XL = bytes.fromhex("ff0afa1f0190080606") + bytes(200)
"""The start of a JPEG XL codestream: no library here writes one."""
IN_GREY = caption(GREY)
HOLED = caption([SHOWN[0], HOLE])

KINDS = (
    Kind("PNG, RGB", "a.png", plain("PNG")),
    Kind("PNG, RGBA, partly transparent", "a.png", see_through("PNG"), HOLED),
    Kind("PNG, palette", "a.png", lambda: save(scene(SHOWN).quantize(32), "PNG")),
    Kind("PNG, palette, partly transparent", "a.png", see_through("PNG", palette=True), HOLED),
    Kind("PNG, grey", "a.png", in_mode("L", "PNG", GREY), IN_GREY),
    Kind("PNG, grey with alpha", "a.png", in_mode("LA", "PNG", GREY), IN_GREY),
    Kind("PNG, 16 bits of grey", "a.png", deep_grey("PNG"), IN_GREY),
    Kind("PNG, 16 bits a channel", "a.png", deep_png),
    Kind("PNG, turned by Exif", "a.png", on_its_side("PNG")),
    Kind("APNG", "a.apng", frames("PNG", duration=100)),
    Kind("JPEG", "a.jpg", plain("JPEG", quality=90)),
    Kind("JPEG, progressive", "a.jpeg", plain("JPEG", quality=90, progressive=True)),
    Kind("JPEG, grey", "a.jpg", in_mode("L", "JPEG", GREY, quality=90), IN_GREY),
    Kind("JPEG, CMYK", "a.jpg", in_mode("CMYK", "JPEG", quality=95)),
    Kind("JPEG, turned by Exif", "a.jpg", on_its_side("JPEG", quality=90)),
    Kind("JPEG of several pictures (MPO)", "a.jpg", frames("MPO", quality=90)),
    Kind("WebP", "a.webp", plain("WEBP", quality=90)),
    Kind("WebP, lossless, partly transparent", "a.webp", see_through("WEBP", lossless=True), HOLED),
    Kind("WebP, animated", "a.webp", frames("WEBP", duration=100, quality=90)),
    Kind("WebP, turned by Exif", "a.webp", on_its_side("WEBP", quality=90)),
    Kind("GIF", "a.gif", plain("GIF")),
    Kind("GIF, partly transparent", "a.gif", see_through("GIF"), HOLED),
    Kind("GIF, animated", "a.gif", frames("GIF", duration=100)),
    Kind("BMP, 24 bits", "a.bmp", plain("BMP")),
    Kind("BMP, palette", "a.bmp", lambda: save(scene(SHOWN).quantize(32), "BMP")),
    Kind("TIFF", "a.tif", plain("TIFF")),
    Kind("TIFF, LZW", "a.tiff", plain("TIFF", compression="tiff_lzw")),
    Kind("TIFF, JPEG inside", "a.tiff", plain("TIFF", compression="jpeg")),
    Kind("TIFF, CMYK", "a.tiff", in_mode("CMYK", "TIFF")),
    Kind("TIFF, 16 bits of grey", "a.tiff", deep_grey("TIFF"), IN_GREY),
    Kind("TIFF, several pages", "a.tiff", frames("TIFF")),
    Kind("TIFF, turned by its tag", "a.tiff", on_its_side("TIFF")),
    Kind("AVIF", "a.avif", plain("AVIF", quality=90)),
    Kind("AVIF, partly transparent", "a.avif", see_through("AVIF", quality=90), HOLED),
    Kind("AVIF, animated", "a.avif", frames("AVIF", duration=100, quality=90)),
    Kind("HEIC", "a.heic", heic()),
    Kind("HEIC, 10 bits", "a.heic", heic(bits=10)),
    Kind("HEIC, several pictures", "a.heif", heic(further=True)),
    Kind("HEIC, turned by Exif", "a.heic", on_its_side("HEIF", quality=90)),
    Kind("PNG that is called .jpg", "a.jpg", plain("PNG")),
    Kind("JPEG that is called .heic", "a.heic", plain("JPEG", quality=90)),
    Kind("JPEG 2000", "a.jp2", plain("JPEG2000"), None),
    Kind("JPEG XL", "a.jxl", lambda: JPEG_XL, None),
    Kind("SVG", "a.svg", lambda: SVG, None),
    Kind("icon", "a.ico", plain("ICO"), None),
    Kind("text that is called .png", "a.png", lambda: b"This is no picture.\n" * 20, None),
    Kind("PNG, cut off", "a.png", lambda: plain("PNG")()[:400], None),
)
"""All formats that are tested."""
