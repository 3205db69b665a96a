"""An untrusted file -> an upright RGB image. Runs only in `inference.images.decoder_child`.

Every model and every thumbnail gets the image that is decoded here.
"""

import io
import math
from dataclasses import dataclass
from typing import Final

from PIL import AvifImagePlugin, Image, ImageFile

from inference.errors import BrokenPicture, NotAPicture, PictureError, PictureTooLarge, PictureTooSlow
from inference.images.envelopes import MAX_FRAMES, Stripped, strip
from inference.images.formats import NAMES, PILLOW, sniff
from inference.images.truncated import DECODED_IN_PART, Remains, remains_of

LONG_SIDE: Final = 1536
"""Pixels of a decoded image's longer side, at most."""
_DRAFT_FACTOR: Final = 2.0
"""A JPEG larger than `LONG_SIDE` times this is decoded at a half, a quarter or an eighth of its size."""
_ANIMATED: Final = frozenset({"image/gif", "image/png", "image/apng", "image/webp", "image/avif"})
"""Media types whose further frames are shown one after the other: they are no pages."""
_ONE_COLOUR: Final = 6
"""Levels by which the values of a channel may differ in an image of one colour."""
_BITS_PER_SAMPLE: Final = 258
_ORIENTATION: Final = 0x0112
"""Tags of TIFF and Exif. Source: TIFF 6.0, Exif 2.32."""
_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transpose that turns an image of an Exif orientation upright. Source: Exif 2.32, table 6."""


def prepare() -> None:
    """Load every decoder, with one thread each, and turn off Pillow's own pixel limit: `decode` checks it."""
    import pillow_heif  # noqa: PLC0415 - the worker imports this module for its constants, without the decoders

    Image.init()
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Decoded:
    """A decoded image.

    Attributes:
        image: RGB, 8 bits a channel, upright, transparent parts on white, long side at most `LONG_SIDE`
            pixels.
        cut_off: Whether its file is cut off, so that a part of its pixels is missing.
    """

    image: Image.Image
    cut_off: bool = False


def decode(data: bytes, max_pixels: int) -> Decoded:
    """Decode an image file, of an animation the first frame that is not blank (among `MAX_FRAMES`).

    Its metadata are skipped, and rows that are missing are white.

    Args:
        data: The file; any bytes.
        max_pixels: Pixels that the file's header may announce.

    Raises:
        NotAPicture: It is of no supported media type.
        BrokenPicture: It cannot be decoded, or less than half of its rows can.
        PictureTooLarge: Its header announces too many pixels; nothing was decoded.
        PictureTooSlow: It needs more memory than the process may use.
    """
    kind = sniff(data)
    if kind is None:
        raise NotAPicture(f"These bytes are no {NAMES} image: post one of these.")
    try:
        return _decode(data, kind, max_pixels)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureTooSlow("Decoding the image takes too much memory: post a smaller one.") from error
    except Exception as error:
        # Pillow's plugins raise OSError, ValueError, SyntaxError, struct.error and more on broken files.
        if "memory" in str(error):
            raise PictureTooSlow("Decoding the image takes too much memory: post a smaller one.") from error
        raise BrokenPicture(f"The {kind} file cannot be decoded: is it complete?") from error


def _decode(data: bytes, kind: str, max_pixels: int) -> Decoded:
    """Decode a file of media type `kind`; see `decode`. Any error of Pillow's may be raised."""
    stripped = strip(data, kind)
    if kind == "image/webp":
        # Pillow allocates a WebP's whole canvas when it opens the file.
        _check_size(webp_canvas(data), max_pixels)
        _check_size(webp_canvas(stripped.data), max_pixels)
    if stripped.complete:
        try:
            with _opened(stripped.data, kind, max_pixels) as picture:
                return Decoded(_first_that_is_not_blank(picture, stripped, kind, max_pixels))
        except (PictureError, MemoryError):
            raise
        except Exception as error:
            # Pillow's plugins raise many kinds.
            if kind not in DECODED_IN_PART or "memory" in str(error):
                raise
    remains = remains_of(stripped, kind, lambda file: _opened(file, kind, max_pixels))
    if 2 * remains.rows < remains.height:
        raise BrokenPicture(
            f"Of the image's {remains.height} rows, {remains.rows} can be decoded: post a complete file."
        )
    return Decoded(_upright_rgb(remains.picture, stripped, remains), remains.cut_off)


def _opened(data: bytes, kind: str, max_pixels: int) -> ImageFile.ImageFile:
    """Open a file; nothing is decoded yet (but a WebP).

    Raises:
        PictureTooLarge: Its header announces too many pixels.
        OSError: And more, of Pillow's plugins: it is broken.
    """
    picture = Image.open(io.BytesIO(data), formats=[PILLOW[kind]])
    assert isinstance(picture, ImageFile.ImageFile)  # noqa: S101 - no plugin makes another
    _check_size(picture.size, max_pixels)
    return picture


def webp_canvas(data: bytes) -> tuple[int, int]:
    """Return a WebP's width and height from its header; (0, 0) where the header is malformed.

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


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    pixels = size[0] * size[1]
    if pixels > max_pixels:
        raise PictureTooLarge(
            f"The image has {pixels} pixels and may have {max_pixels}: post a smaller one.",
            limit=max_pixels,
            value=pixels,
            unit="pixels",
        )


def _first_that_is_not_blank(
    picture: ImageFile.ImageFile, stripped: Stripped, kind: str, max_pixels: int
) -> Image.Image:
    """Decode an animation's first frame that is not of one colour; the first of all where there is none.

    Looked at are `MAX_FRAMES` frames, and no more than have `max_pixels` pixels together.
    """
    frames = min(MAX_FRAMES, getattr(picture, "n_frames", 1)) if kind in _ANIMATED else 1
    first = _upright_rgb(picture, stripped)
    number = 1
    frame = first
    while _is_blank(frame) and number < frames and (number + 1) * math.prod(picture.size) <= max_pixels:
        try:
            picture.seek(number)
            _check_size(picture.size, max_pixels)
            frame = _upright_rgb(picture, stripped)
        except Exception:  # noqa: BLE001 - Pillow raises many kinds; the frames before it are whole
            return first
        number += 1
    return first if _is_blank(frame) else frame


def _is_blank(image: Image.Image) -> bool:
    """Tell whether an RGB image has one colour, but for what a lossy file makes of it."""
    return all(high - low <= _ONE_COLOUR for low, high in _extrema(image))


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    """Return the least and the largest value of each channel of an RGB image."""
    histogram = image.histogram()
    channels = (histogram[at : at + 256] for at in range(0, len(histogram), 256))
    used = ([value for value, count in enumerate(channel) if count] for channel in channels)
    return [(values[0], values[-1]) for values in used]


def _upright_rgb(picture: Image.Image, stripped: Stripped, remains: Remains | None = None) -> Image.Image:
    """Decode an opened image; see `Decoded.image`."""
    ratio = LONG_SIDE * _DRAFT_FACTOR / max(picture.size)
    picture.draft(None, (math.ceil(picture.width * ratio), math.ceil(picture.height * ratio)))
    picture.load()
    transpose = _TRANSPOSES.get(stripped.orientation or _orientation(picture))
    image = _eight_bits(picture)
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if remains is not None:
        image = remains.filled(image)
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    opaque = _on_white(image)
    return opaque if transpose is None else opaque.transpose(transpose)


def _orientation(picture: Image.Image) -> int:
    """Return the orientation of a loaded image whose type is not stripped; 1 where it cannot be read.

    TIFF's decoder turns the image itself, and then has none.
    """
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - Pillow raises many kinds on broken metadata
        return 1


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale greyscale of 12, 16 or 32 bits or of floats to 8 bits; Pillow's `convert` would clip it."""
    if picture.mode.startswith("I;16"):
        bits: int = getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]
        return _scale(picture.convert("I"), 0, 2**bits - 1)
    if picture.mode not in ("I", "F"):
        return picture
    low, high = picture.getextrema()
    if not (isinstance(low, int | float) and isinstance(high, int | float) and math.isfinite(high - low)):
        raise BrokenPicture(f"Its values range from {low} to {high}: not a greyscale image.")
    # The file does not say what the values mean: 0 to 1, 0 to 255 and 0 to 65535 are common; others are
    # stretched.
    tops = (1, 255, 65535) if picture.mode == "F" else (255, 65535)
    top = next((top for top in tops if low >= 0 and high <= top), None)
    return _scale(picture, low, high) if top is None else _scale(picture, 0, top)


def _scale(picture: Image.Image, low: float, high: float) -> Image.Image:
    """Map `low` to 0 and `high` to 255 in an image of mode I or F; returns mode L."""
    factor = 255 / (high - low or 1)
    scaled = picture.point(lambda value: value * factor + (0.5 - low * factor)).convert("L")
    # Pillow's transparency info refers to the old values.
    scaled.info.pop("transparency", None)
    return scaled


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white
