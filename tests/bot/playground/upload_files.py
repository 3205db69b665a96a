"""Small files to upload: a PNG, and a text."""

import struct
import zlib


def png(width: int = 3, height: int = 2) -> bytes:
    """Return a white PNG."""
    rows = (b"\0" + b"\xff" * 3 * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


NO_PICTURE = b"just some words\n"
