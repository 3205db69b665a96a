"""Whole pixels in broken envelopes, and what is left of files that are cut off."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image, ImageChops

from inference.errors import BrokenPicture, PictureTooLarge
from inference.images.decoding import Decoded, decode, prepare
from tests.inference.image_files import bomb, chunk, encode, halves, near, plain

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
MAX_PIXELS = 10_000_000
NOISE = Image.effect_noise((160, 160), 80).convert("RGB")
PNG_START = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True, scope="module")
def _decoders() -> Iterator[None]:
    """Load the decoders as a child does; the pixel limit is the process's and is put back."""
    limit = Image.MAX_IMAGE_PIXELS
    prepare()
    yield
    Image.MAX_IMAGE_PIXELS = limit


def decoded(data: bytes) -> Decoded:
    return decode(data, MAX_PIXELS)


def is_red_and_blue(found: Decoded) -> bool:
    """Tell whether these are `halves`, whole."""
    assert not found.cut_off
    width, height = found.image.size
    left, right = (found.image.getpixel((x, height // 2)) for x in (width // 8, width - width // 8))
    return near(left, RED, 12) and near(right, BLUE, 12)


def turned(data: Decoded) -> bool:
    """Tell whether `halves` were turned a quarter: red above, blue below."""
    width, height = data.image.size
    above, below = (data.image.getpixel((width // 2, y)) for y in (height // 8, height - height // 8))
    return near(above, RED, 12) and near(below, BLUE, 12)


def exif(orientation: int = 6) -> bytes:
    made = Image.Exif()
    made[0x0112] = orientation
    return made.tobytes()


def png(*, before: bytes = b"", after: bytes = b"", end: bytes = b"") -> bytes:
    """Make `halves` as a PNG with chunks before its pixels, after them, and after its end."""
    data = encode(halves(), "PNG")
    pixels, last = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    return data[:pixels] + before + data[pixels:last] + after + data[last:] + end


def wrong(name: bytes, body: bytes) -> bytes:
    """Make a chunk with a wrong checksum."""
    return chunk(name, body)[:-1] + bytes([chunk(name, body)[-1] ^ 0xFF])


LARGE = zlib.compress(bytes(3 * 2**20))
PNG_ENVELOPES = {
    "zTXt of 3 MB": png(before=chunk(b"zTXt", b"Comment\0\0" + LARGE)),
    "iTXt of 3 MB": png(before=chunk(b"iTXt", b"Comment\0\1\0\0\0" + LARGE)),
    "iCCP of 3 MB": png(before=chunk(b"iCCP", b"ICC\0\0" + LARGE)),
    "300 zTXt": png(before=chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**20))) * 300),
    "a tEXt with a wrong checksum": png(before=wrong(b"tEXt", b"Comment\0hello")),
    "a pHYs with a wrong checksum": png(before=wrong(b"pHYs", bytes(9))),
    "a tEXt after the pixels with a wrong checksum": png(after=wrong(b"tEXt", b"Comment\0hello")),
    "a broken iCCP": png(before=chunk(b"iCCP", b"no profile")),
    "a short gAMA": png(before=chunk(b"gAMA", b"")),
    "a broken eXIf": png(before=chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")),
    "a wrong length": png(before=(10**6).to_bytes(4) + b"tEXt" + b"Comment\0hello" + bytes(4)),
    "several": png(
        before=wrong(b"tEXt", b"a\0b") + chunk(b"zTXt", b"C\0\0" + LARGE), after=chunk(b"eXIf", b"?")
    ),
    "garbage after the end": png(end=b"PK\3\4" * 100),
    "no end": png()[:-12],
    "wrong checksums of the pixels": png()[:-20] + bytes(8) + png()[-12:],
}


@pytest.mark.parametrize("name", PNG_ENVELOPES)
def test_a_png_is_decoded_whatever_its_envelope(name: str) -> None:
    assert is_red_and_blue(decoded(PNG_ENVELOPES[name]))


def segment(marker: int, body: bytes, length: int | None = None) -> bytes:
    """Make a segment of a JPEG, also with a wrong length."""
    return bytes([0xFF, marker]) + (len(body) + 2 if length is None else length).to_bytes(2) + body


def jpeg(*segments: bytes, end: bytes = b"", **options: Any) -> bytes:
    """Make `halves` as a JPEG with segments at its beginning, and bytes after its end."""
    data = encode(halves(size=(64, 32)), "JPEG", quality=95, **options)
    return data[:2] + b"".join(segments) + data[2:] + end


JPEG_ENVELOPES = {
    "no end": jpeg()[:-2],
    "half an end": jpeg()[:-1],
    "no end, progressive": jpeg(progressive=True)[:-2],
    "half an end, progressive": jpeg(progressive=True)[:-1],
    "no end, zeros": jpeg()[:-2] + bytes(4096),
    "a broken Exif": jpeg(segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "a broken profile": jpeg(segment(0xE2, b"ICC_PROFILE\0\1\2nothing")),
    "a broken list of pictures": jpeg(segment(0xE2, b"MPF\0II*\0\xff\0\0\0")),
    "a broken Photoshop block": jpeg(segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\xff\xff\xff\xff")),
    "a short JFIF": jpeg(segment(0xE0, b"JFIF\0")),
    "comments": jpeg(*[segment(0xFE, bytes(65000))] * 20),
    "a comment with a wrong length": jpeg(segment(0xFE, b"hello", length=60_000)),
    "an APP9 with a length of 0": jpeg(segment(0xE9, b"hello", length=0)),
    "garbage after the end": jpeg(end=b"PK\3\4" * 100),
    "another picture after the end": jpeg(end=encode(plain("lime"), "JPEG")),
}


@pytest.mark.parametrize("name", JPEG_ENVELOPES)
def test_a_jpeg_is_decoded_whatever_its_envelope(name: str) -> None:
    assert is_red_and_blue(decoded(JPEG_ENVELOPES[name]))


def webp(*chunks: bytes, end: bytes = b"", flags: int = 0x2C) -> bytes:
    """Make `halves` as an extended WebP with chunks after its pixels, and bytes after its end."""
    data = encode(halves(size=(64, 32)), "WEBP", lossless=True)
    head = riff(b"VP8X", bytes([flags, 0, 0, 0]) + (63).to_bytes(3, "little") + (31).to_bytes(3, "little"))
    content = head + data[12:] + b"".join(chunks)
    return b"RIFF" + (4 + len(content)).to_bytes(4, "little") + b"WEBP" + content + end


def riff(name: bytes, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return name + size.to_bytes(4, "little") + body + bytes(len(body) & 1)


WEBP_ENVELOPES = {
    "a broken Exif": webp(riff(b"EXIF", b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "a broken XMP": webp(riff(b"XMP ", b"\xff<")),
    "what is announced is not there": webp(flags=0x2C),
    "a chunk with a wrong length": webp(riff(b"EXIF", b"hello", length=10**6)),
    "several": webp(riff(b"EXIF", b"??"), riff(b"XMP ", b"?"), riff(b"JUNK", bytes(99))),
    "garbage after the end": webp(end=b"PK\3\4" * 100),
}


@pytest.mark.parametrize("name", WEBP_ENVELOPES)
def test_a_webp_is_decoded_whatever_its_envelope(name: str) -> None:
    assert is_red_and_blue(decoded(WEBP_ENVELOPES[name]))


def gif(extensions: bytes = b"", end: bytes = b"") -> bytes:
    data = encode(halves(), "GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    return data[:at] + extensions + data[at:] + end


GIF_ENVELOPES = {
    "comments": gif((b"\x21\xfe" + (b"\xff" + bytes(255)) * 1000 + b"\0") * 5),
    "an application's extension": gif(b"\x21\xff\x0bNETSCAPE2.0\x01\x01\0"),
    "a short control extension": gif(b"\x21\xf9\x01\0\0"),
    "no end": gif()[:-1],
    "garbage after the end": gif(end=b"PK\3\4" * 100),
}


@pytest.mark.parametrize("name", GIF_ENVELOPES)
def test_a_gif_is_decoded_whatever_its_envelope(name: str) -> None:
    assert is_red_and_blue(decoded(GIF_ENVELOPES[name]))


@pytest.mark.parametrize(
    "data",
    [
        png(before=chunk(b"eXIf", exif().removeprefix(b"Exif\0\0"))),
        png(before=wrong(b"eXIf", exif().removeprefix(b"Exif\0\0"))),
        png(after=wrong(b"tEXt", b"a\0b") + chunk(b"eXIf", exif().removeprefix(b"Exif\0\0"))),
        png(before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='6'/>")),
        jpeg(segment(0xFE, b"hello", length=60_000), segment(0xE1, exif())),
        jpeg(segment(0xE1, exif()))[:-2],
        jpeg(segment(0xE1, exif()), progressive=True)[:-2],
        webp(riff(b"EXIF", exif()), riff(b"XMP ", b"?")),
    ],
)
def test_the_orientation_is_kept_where_it_can_be_read(data: bytes) -> None:
    assert turned(decoded(data))


def test_a_cmyk_jpeg_keeps_its_colours_in_a_broken_envelope() -> None:
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
    broken = data[:2] + segment(0xE2, b"ICC_PROFILE\0\1\2nothing") + data[2:]
    assert near(decoded(broken).image.getpixel((8, 8)), RED, 8)


def test_transparency_is_kept_in_a_broken_envelope() -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((0, 0), 0)
    data = encode(picture, "PNG", transparency=0)
    at = data.index(b"IDAT") - 4
    found = decoded(data[:at] + wrong(b"tEXt", b"a\0b") + data[at:]).image
    assert (found.getpixel((0, 0)), found.getpixel((1, 1))) == (WHITE, RED)


# Files that are cut off.

LOSSLESS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("PNG", {}),
    "GIF": ("GIF", {"interlace": 0}),
    "lossless WebP": ("WEBP", {"lossless": True}),
    "TIFF": ("TIFF", {}),
}
LOSSY: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG": ("JPEG", {"quality": 95}),
    "JPEG, all its colours": ("JPEG", {"quality": 95, "subsampling": 0}),
    "JPEG with restarts": ("JPEG", {"quality": 95, "restart_marker_blocks": 4}),
    "WebP": ("WEBP", {"quality": 95}),
}


def cut(data: bytes, kept: float) -> bytes:
    return data[: int(len(data) * kept)]


@pytest.mark.parametrize("name", LOSSLESS)
def test_of_a_file_that_is_cut_off_the_rows_that_are_there_are_right(name: str) -> None:
    kind, options = LOSSLESS[name]
    source = NOISE.convert("L").convert("RGB")
    found = decoded(cut(encode(source, kind, **options), 0.75))
    assert found.cut_off
    assert found.image.size == source.size
    top = (0, 0, 160, 100)
    assert found.image.crop(top).tobytes() == source.crop(top).tobytes()
    assert found.image.crop((0, 130, 160, 160)).getcolors() == [(160 * 30, WHITE)]


@pytest.mark.parametrize("name", LOSSY)
def test_so_are_those_of_a_lossy_one(name: str) -> None:
    kind, options = LOSSY[name]
    data = encode(NOISE, kind, **options)
    whole, found = decoded(data), decoded(cut(data, 0.75))
    assert (whole.cut_off, found.cut_off) == (False, True)
    top = (0, 0, 160, 88)
    assert found.image.crop(top).tobytes() == whole.image.crop(top).tobytes()
    assert found.image.crop((0, 144, 160, 160)).getcolors() == [(160 * 16, WHITE)]


def test_of_a_bmp_the_lower_rows_come_first() -> None:
    found = decoded(cut(encode(NOISE, "BMP"), 0.75))
    assert found.cut_off
    assert found.image.crop((0, 50, 160, 160)).tobytes() == NOISE.crop((0, 50, 160, 160)).tobytes()
    assert found.image.crop((0, 0, 160, 30)).getcolors() == [(160 * 30, WHITE)]


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
@pytest.mark.parametrize("kept", [0.1, 0.3, 0.45])
def test_less_than_half_of_the_rows_is_damaged(name: str, kept: float) -> None:
    kind, options = (LOSSLESS | LOSSY)[name]
    with pytest.raises(BrokenPicture):
        decoded(cut(encode(NOISE, kind, **options), kept))


def test_a_grey_picture_is_not_taken_for_a_missing_one() -> None:
    """The decoder fills what is missing with the same grey."""
    picture = Image.new("RGB", (160, 160), (128, 128, 128))
    picture.paste(NOISE.crop((0, 120, 160, 160)), (0, 120))
    found = decoded(encode(picture, "JPEG", quality=95)[:-400])
    assert found.cut_off
    assert near(found.image.getpixel((80, 100)), (128, 128, 128))


def smooth(size: tuple[int, int] = (160, 160)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert("RGB")


@pytest.mark.parametrize("kept", [0.4, 0.7, 0.95])
def test_of_a_progressive_jpeg_the_first_scan_is_a_whole_picture(kept: float) -> None:
    textured = ImageChops.add(smooth(), NOISE, 2)
    data = encode(textured, "JPEG", quality=95, progressive=True)
    found = decoded(cut(data, kept))
    assert found.cut_off
    coarse = [image.resize((5, 5), Image.Resampling.BOX) for image in (found.image, textured)]
    assert most_different(*coarse) < 30


def test_a_progressive_jpeg_that_ends_in_its_first_scan_is_damaged() -> None:
    data = encode(NOISE, "JPEG", quality=95, progressive=True)
    scan = data.index(b"\xff\xda")
    with pytest.raises(BrokenPicture):
        decoded(data[: scan + 200])


def most_different(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of two pictures, in any pixel and channel."""
    return max(ImageChops.difference(one, other).tobytes())


def interlaced(picture: Image.Image) -> bytes:
    """Make an interlaced PNG, which Pillow does not write."""
    width, height = picture.size
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    rows = b"".join(
        b"\0"
        + b"".join(
            picture.crop((column, row, column + 1, row + 1)).tobytes() for column in range(x, width, step_x)
        )
        for x, y, step_x, step_y in passes
        for row in range(y, height, step_y)
    )
    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 1)
    pixels = chunk(b"IDAT", zlib.compress(rows, 0))
    return PNG_START + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_of_an_interlaced_png_the_passes_that_are_there_are_a_coarser_picture(kept: float) -> None:
    found = decoded(cut(interlaced(smooth()), kept))
    assert found.cut_off
    assert most_different(found.image, smooth()) < 8


@pytest.mark.parametrize("kept", [0.05, 0.1, 0.2])
def test_an_interlaced_png_with_too_few_rows_is_damaged(kept: float) -> None:
    with pytest.raises(BrokenPicture):
        decoded(cut(interlaced(smooth()), kept))


def test_a_whole_interlaced_png_is_whole() -> None:
    found = decoded(interlaced(NOISE))
    assert (found.cut_off, found.image.tobytes()) == (False, NOISE.tobytes())


def test_of_an_interlaced_gif_the_missing_rows_are_those_above_them() -> None:
    found = decoded(cut(encode(smooth(), "GIF", interlace=1), 0.85))
    assert found.cut_off
    assert most_different(found.image, smooth()) < 8


def test_a_large_jpeg_that_is_cut_off_is_made_small() -> None:
    data = encode(Image.effect_noise((4000, 4000), 80), "JPEG")
    found = decode(cut(data, 0.75), 64_000_000)
    assert found.cut_off
    assert found.image.size == (1536, 1536)
    assert found.image.getpixel((700, 1400)) == WHITE


def test_a_picture_on_its_side_is_turned_with_what_is_missing() -> None:
    data = encode(NOISE, "JPEG", exif=exif(), quality=95)
    found = decoded(cut(data, 0.75)).image
    assert found.crop((0, 0, 16, 160)).getcolors() == [(160 * 16, WHITE)]


def test_a_bomb_stays_refused_in_any_envelope() -> None:
    data = bomb(100_000, 10_000)
    at = data.index(b"IDAT") - 4
    for each in (data[:at] + wrong(b"tEXt", b"a\0b") + data[at:], data[: len(data) // 2]):
        with pytest.raises(PictureTooLarge):
            decoded(each)


def every_cut(data: bytes) -> Iterator[bytes]:
    return (data[:end] for end in range(0, len(data), 7))


@pytest.mark.parametrize(
    "make",
    [
        lambda: encode(halves(), "PNG"),
        lambda: encode(halves(), "JPEG", exif=exif()),
        lambda: encode(halves(), "JPEG", progressive=True),
        lambda: encode(halves(), "GIF", save_all=True, append_images=[plain("lime")]),
        lambda: encode(halves(), "WEBP", save_all=True, append_images=[plain("lime")]),
        lambda: encode(halves(), "WEBP", lossless=True, exif=exif()),
    ],
)
def test_wherever_a_file_is_cut_it_is_used_or_damaged(make: Callable[[], bytes]) -> None:
    for data in every_cut(make()):
        try:
            assert max(decoded(data).image.size) == 40
        except Exception as error:  # noqa: BLE001 - any other is a fault
            assert isinstance(error, BrokenPicture) or len(data) < 16, repr(error)  # noqa: PT017


def test_the_next_picture_is_as_strict_as_the_one_before() -> None:
    from PIL import ImageFile  # noqa: PLC0415

    decoded(cut(encode(NOISE, "PNG"), 0.75))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(cut(encode(NOISE, "PNG"), 0.75))).load()


# Animations.

ANIMATED: dict[str, dict[str, Any]] = {
    "GIF": {"disposal": 2},
    "PNG": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95},
}


def animation(kind: str, frames: list[Image.Image]) -> bytes:
    return encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **ANIMATED[kind])


def blank_frames(count: int) -> list[Image.Image]:
    """Make frames of one colour each, no two alike, which an encoder would put together."""
    return [plain((20 * number, 0, 0), (64, 32)) for number in range(count)]


@pytest.mark.parametrize("kind", ANIMATED)
@pytest.mark.parametrize("blank", [0, 1, 4, 9])
def test_of_an_animation_the_first_frame_that_is_not_blank_is_taken(kind: str, blank: int) -> None:
    later = halves("lime", "white", (64, 32))
    frames = [*blank_frames(blank), halves(size=(64, 32)), later]
    assert is_red_and_blue(decoded(animation(kind, frames)))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_fully_transparent_frames_are_blank(kind: str) -> None:
    empty = Image.new("RGBA", (64, 32), (0, 0, 0, 0))
    frames = [empty, halves(size=(64, 32)).convert("RGBA")]
    assert is_red_and_blue(decoded(animation(kind, frames)))


@pytest.mark.parametrize("kind", ANIMATED)
def test_where_the_first_ten_frames_are_blank_the_first_is_taken(kind: str) -> None:
    frames = [*blank_frames(10), halves(size=(64, 32))]
    assert near(decoded(animation(kind, frames)).image.getpixel((32, 16)), (0, 0, 0), 8)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_that_is_cut_off_has_its_whole_frames(kind: str) -> None:
    frames = [plain("white", (160, 160)), halves(size=(160, 160)), NOISE.convert("P").convert("RGB")]
    found = decoded(cut(animation(kind, frames), 0.8))
    assert is_red_and_blue(found)


def test_the_limit_of_pixels_holds_for_the_frames_together() -> None:
    data = animation("GIF", [*blank_frames(3), halves(size=(64, 32))])
    assert is_red_and_blue(decode(data, 64 * 32 * 4))
    assert near(decode(data, 64 * 32 * 3).image.getpixel((8, 16)), (0, 0, 0), 8)
