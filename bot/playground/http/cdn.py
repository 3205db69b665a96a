"""The CDN and the media proxy: attachments at signed URLs, stickers, default avatars.

The content type is determined from a file's first bytes: an image, or else a download. The headers keep
uploads from running as scripts.
"""

import struct
import zlib
from http import HTTPStatus

from aiohttp import web

from bot.playground.messages import stickers
from bot.playground.pocket import Pocket
from bot.playground.state import image_headers

SAFETY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}

AVATAR_COLORS = (0x5865F2, 0x747F8D, 0x3BA55C, 0xFAA61A, 0xED4245, 0xEB459E)
"""Colours of the default avatars, by `(user id >> 22) % 6`."""

AVATAR_PIXELS = 64


class FileHost:
    """Serves attachments, stickers and avatars. `/media` stands for Discord's media proxy."""

    def __init__(self, pocket: Pocket) -> None:
        self._pocket = pocket

    def add_to(self, app: web.Application) -> None:
        """Register the routes."""
        for kind in ("attachments", "ephemeral-attachments"):
            path = f"/{kind}/{{channel_id:\\d{{1,20}}}}/{{attachment_id:\\d{{1,20}}}}/{{filename}}"
            app.router.add_get(path, self._attachment)
            app.router.add_get(f"/media{path}", self._attachment)
        for host in ("", "/media"):
            app.router.add_get(host + "/stickers/{sticker_id:\\d{1,20}}.{extension}", self._sticker)
        app.router.add_get("/embed/avatars/{number:\\d{1,20}}.png", self._avatar)

    async def _attachment(self, request: web.Request) -> web.StreamResponse:
        """Serve an attachment at a signed URL. `/media` does not resize."""
        path = request.path.removeprefix("/media")
        if not self._pocket.files.is_signed(path, dict(request.query)):
            return _not_found()
        info = request.match_info
        file = self._pocket.files.path(int(info["channel_id"]), int(info["attachment_id"]), info["filename"])
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return _not_found()
        return _file_response(data)

    async def _sticker(self, request: web.Request) -> web.StreamResponse:
        found = self._pocket.world.stickers.get(int(request.match_info["sticker_id"]))
        return (
            _not_found()
            if found is None
            else _file_response(self._pocket.files.read(stickers.file_of(found)))
        )

    async def _avatar(self, request: web.Request) -> web.StreamResponse:
        color = AVATAR_COLORS[int(request.match_info["number"]) % len(AVATAR_COLORS)]
        headers = SAFETY_HEADERS | {"Cache-Control": "max-age=86400"}
        return web.Response(body=disc(color, AVATAR_PIXELS), content_type="image/png", headers=headers)


def _file_response(data: bytes) -> web.Response:
    kind = image_headers.content_type(data[:64])
    headers = SAFETY_HEADERS | ({} if kind else {"Content-Disposition": "attachment"})
    return web.Response(body=data, content_type=kind or "application/octet-stream", headers=headers)


def _not_found() -> web.Response:
    text = "This content is no longer available."
    return web.Response(status=HTTPStatus.NOT_FOUND, text=text, headers=SAFETY_HEADERS)


def disc(color: int, pixels: int) -> bytes:
    """Return a PNG of a filled disc on a transparent background.

    Args:
        color: As 0xRRGGBB.
        pixels: Width and height.
    """
    inside, outside = color.to_bytes(3, "big") + b"\xff", bytes(4)
    middle = (pixels - 1) / 2
    rows = bytearray()
    for y in range(pixels):
        rows.append(0)
        for x in range(pixels):
            rows += inside if (x - middle) ** 2 + (y - middle) ** 2 <= middle**2 else outside
    header = struct.pack(">IIBBBBB", pixels, pixels, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
