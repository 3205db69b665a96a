"""Untrusted bytes -> an upright RGB picture. Runs in `inference.images.decoder_child` only, limited there.

Every model, and every thumbnail, sees the picture that comes out of here.
"""

import io
import math
from typing import Final

from PIL import AvifImagePlugin, Image

from inference.errors import BrokenPicture, NotAPicture, PictureError, PictureTooLarge, PictureTooSlow
from inference.images.formats import NAMES, PILLOW, sniff

LONG_SIDE: Final = 1536
"""Pixels: no picture that comes out is longer or higher."""
_GAP: Final = 2.0
"""A JPEG larger than this many times `LONG_SIDE` is decoded at a half, a quarter or an eighth of its size."""
_BITS_PER_SAMPLE: Final = 258
_ORIENTATION: Final = 0x0112
"""TIFF's and Exif's tags. Source: TIFF 6.0, Exif 2.32."""
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture of that Exif orientation upright. Source: Exif 2.32, table 6."""


def prepare() -> None:
    """Load every decoder, with one thread each, and leave the bounds on pixels to `decode`."""
    import pillow_heif  # noqa: PLC0415 - the worker imports this module for its numbers, without the decoders

    Image.init()
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes, most_pixels: int) -> Image.Image:
    """Decode the first frame of a picture.

    Args:
        data: The file, whatever it is.
        most_pixels: How many pixels the file's header may announce.

    Returns:
        RGB, 8 bits a channel, upright, transparent parts on white, long side at most `LONG_SIDE`.

    Raises:
        NotAPicture: It starts like none of the kinds that are read.
        BrokenPicture: It cannot be decoded.
        PictureTooLarge: Its header announces too many pixels; nothing was decoded.
        PictureTooSlow: It needs more memory than there is.
    """
    kind = sniff(data)
    if kind is None:
        raise NotAPicture(f"These bytes are no {NAMES} picture: post one of these.")
    try:
        if kind == "image/webp":
            # Pillow allocates a WebP's whole canvas when it opens the file.
            _check_size(webp_canvas(data), most_pixels)
        with Image.open(io.BytesIO(data), formats=[PILLOW[kind]]) as picture:
            _check_size(picture.size, most_pixels)
            return _upright_rgb(picture)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureTooSlow("Decoding the picture takes too much memory: post a smaller one.") from error
    except Exception as error:
        # Pillow's plugins raise OSError, ValueError, SyntaxError, struct.error and more on broken files.
        if "memory" in str(error):
            raise PictureTooSlow("Decoding the picture takes too much memory: post a smaller one.") from error
        raise BrokenPicture(f"The {kind} file cannot be decoded: is it whole?") from error


def webp_canvas(data: bytes) -> tuple[int, int]:
    """Read a WebP's width and height from its header; (0, 0) where the header is none.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    little = int.from_bytes
    match data[12:16]:
        case b"VP8X":
            return little(data[24:27], "little") + 1, little(data[27:30], "little") + 1
        case b"VP8L":
            bits = little(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return little(data[26:28], "little") & 0x3FFF, little(data[28:30], "little") & 0x3FFF
    return 0, 0


def _check_size(size: tuple[int, int], most_pixels: int) -> None:
    pixels = size[0] * size[1]
    if pixels > most_pixels:
        raise PictureTooLarge(
            f"The picture has {pixels} pixels and may have {most_pixels}: post a smaller one.",
            limit=most_pixels,
            value=pixels,
            unit="pixels",
        )


def _upright_rgb(picture: Image.Image) -> Image.Image:
    """Decode an opened picture; see `decode`."""
    ratio = LONG_SIDE * _GAP / max(picture.size)
    picture.draft(None, (math.ceil(picture.width * ratio), math.ceil(picture.height * ratio)))
    picture.load()
    # Only now: a PNG's orientation may stand behind its pixels, and TIFF's decoder turns the picture itself.
    turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION, 1))
    shown = _eight_bits(picture)
    shown = shown.convert("RGBA" if shown.has_transparency_data else "RGB")
    shown.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    flat = _on_white(shown)
    return flat if turn is None else flat.transpose(turn)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale a grey picture of 12, 16 or 32 bits or of floats to 8 bits; Pillow's `convert` clips it."""
    if picture.mode.startswith("I;16"):
        bits: int = getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]
        return _scale(picture.convert("I"), 0, 2**bits - 1)
    if picture.mode not in ("I", "F"):
        return picture
    low, high = picture.getextrema()
    if not (isinstance(low, int | float) and isinstance(high, int | float) and math.isfinite(high - low)):
        raise BrokenPicture(f"Its values run from {low} to {high}: no picture of grey values.")
    # Nothing says what such values mean: 0 to 1, 0 to 255 and 0 to 65535 are common, all else is stretched.
    tops = (1, 255, 65535) if picture.mode == "F" else (255, 65535)
    top = next((top for top in tops if low >= 0 and high <= top), None)
    return _scale(picture, low, high) if top is None else _scale(picture, 0, top)


def _scale(picture: Image.Image, low: float, high: float) -> Image.Image:
    """Map `low` to 0 and `high` to 255 in a picture of mode I or F, as mode L."""
    factor = 255 / (high - low or 1)
    scaled = picture.point(lambda value: value * factor + (0.5 - low * factor)).convert("L")
    # What Pillow kept about transparency counts in the old values.
    scaled.info.pop("transparency", None)
    return scaled


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white
