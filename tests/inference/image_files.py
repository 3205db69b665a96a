"""Image files for tests of the decoder and the worker, made by Pillow."""

import io
import struct
import zlib
from typing import Any

import pillow_heif
from PIL import Image

from inference.images.decoder_pool import DecoderPool
from inference.settings import WorkerSettings

pillow_heif.register_heif_opener()


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Save `picture` as Pillow's `kind`."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def plain(colour: str | tuple[int, ...] = "red", size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Make a picture of one colour."""
    return Image.new("RGB", size, colour)


def halves(left: str = "red", right: str = "blue", size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Make a picture whose left and right halves differ."""
    picture = plain(right, size)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


def chunk(name: bytes, body: bytes) -> bytes:
    """Make one chunk of a PNG."""
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def bomb(width: int, height: int) -> bytes:
    """Make a small PNG whose header announces that many pixels, all of them black, in a few kilobytes."""
    header = struct.pack("!IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def decoder_pool(children: int = 1, **settings: Any) -> DecoderPool:
    """Make an decoder_pool with the default limits but for those given by field name."""
    return DecoderPool(WorkerSettings(_env_file=None, **settings), children)


def near(found: Any, wanted: tuple[int, int, int], tolerance: int = 3) -> bool:
    """Say whether two colours differ by `tolerance` at most in each channel."""
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))
