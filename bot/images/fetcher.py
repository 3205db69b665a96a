"""Fetch a picture's bytes: from Discord's own hosts alone, and never more than allowed."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable

import aiohttp
import yarl

from bot.images.extract import ImageRef
from handlers.ports import ImageSource
from inference.errors import NotAPicture, PictureGone, PictureTooLarge
from inference.images.formats import HEAD, is_video, sniff

HOSTS = re.compile(r"cdn\.discordapp\.com|media\.discordapp\.net|images-ext-\d\.discordapp\.net")
"""Discord's hosts for attachments, stickers and proxied pictures of links."""
MEDIA = "media.discordapp.net"
"""The host that discord.py writes into the address of a GIF sticker."""
CHUNK_BYTES = 2**16
MAX_CONCURRENT = 4
"""Pictures fetched at a time: with `max_bytes` this bounds the bot's memory."""


class Fetcher:
    """Fetches pictures, a few at a time.

    Args:
        session: The HTTP session.
        max_bytes: The largest file that is fetched.
        timeout_s: Seconds that one picture may take.
        only: Fetch from this origin instead of Discord's hosts: a pocket Discord serves its files itself, and
            under `/media` those of Discord's media host.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        max_bytes: int,
        timeout_s: float,
        only: yarl.URL | None = None,
    ) -> None:
        self._session = session
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._only = only
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

    def check_size(self, size: int | None) -> None:
        """Refuse a file by the size that Discord says it has.

        Raises:
            PictureTooLarge: It has more bytes than are fetched.
        """
        if size is not None and size > self._max_bytes:
            raise PictureTooLarge(
                f"The file has {size} bytes; {self._max_bytes} are fetched at most (BEHOLDER_PICTURE_BYTES).",
                value=size,
                limit=self._max_bytes,
                unit="bytes",
            )

    def accepts(self, url: str) -> bool:
        """Tell whether an address is on one of Discord's hosts."""
        return self._is_discord(self._moved(yarl.URL(url)))

    async def fetch(self, url: str) -> bytes:
        """Fetch a file whose first bytes are a picture's.

        Raises:
            NotAPicture: Its first bytes are no picture's, or it is not on one of Discord's hosts.
            PictureTooLarge: It has more bytes than are fetched.
            PictureGone: It is not there any more, or cannot be had right now.
        """
        target = self._moved(yarl.URL(url))
        if not self._is_discord(target):
            raise NotAPicture(f"Pictures are fetched from Discord only, not from {target.host}.")
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._read(target)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise PictureGone(f"Discord did not give the picture: {type(error).__name__}.") from error

    def _moved(self, url: yarl.URL) -> yarl.URL:
        """Look at the pocket Discord for what Discord's media host would have."""
        if self._only is None or url.host != MEDIA:
            return url
        return self._only.with_path(f"/media{url.path}").with_query(url.query)

    def _is_discord(self, url: yarl.URL) -> bool:
        if not url.is_absolute() or url.user is not None:
            return False
        if self._only is not None:
            return url.origin() == self._only
        return url.scheme == "https" and url.port == 443 and HOSTS.fullmatch(url.host or "") is not None

    async def _read(self, url: yarl.URL) -> bytes:
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise PictureGone(f"Discord answered {response.status} instead of the picture.")
            self.check_size(response.content_length)
            data = bytearray()
            known = False
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                data += chunk
                self.check_size(len(data))
                known = known or _is_picture(data)
            if not known:
                _check_picture(data)
            return bytes(data)


def image_source(
    fetcher: Fetcher,
    picture: ImageRef,
    again: Callable[[], Awaitable[Iterable[ImageRef]]],
    *,
    thumbnail: bool = False,
) -> ImageSource:
    """Make the source that handlers fetch a picture from, also once its address has expired.

    Args:
        fetcher: Fetches its bytes.
        picture: The picture.
        again: Fetches its message again and extracts the pictures, with new addresses. Raises `PictureGone`
            where it cannot.
        thumbnail: Whether the worker is to return a small copy of it.
    """

    async def fetch() -> bytes:
        fetcher.check_size(picture.size)
        # A pocket Discord may have another address since the last start.
        gone = None if fetcher.accepts(picture.url) else PictureGone("Its address is of another Discord.")
        if gone is None:
            try:
                return await fetcher.fetch(picture.url)
            except PictureGone as error:
                gone = error
        for each in await again():
            if each.key == picture.key:
                return await fetcher.fetch(each.url)
        raise gone

    return ImageSource(picture.key, fetch, thumbnail)


def _is_picture(data: bytearray) -> bool:
    """Look at the first bytes once enough of them are there, so that nothing else is fetched to its end."""
    if len(data) < HEAD:
        return False
    _check_picture(data)
    return True


def _check_picture(data: bytearray) -> None:
    if sniff(bytes(data[:HEAD])) is None:
        kind = {"kind": "video"} if is_video(bytes(data[:HEAD])) else {}
        raise NotAPicture("The file's first bytes are no picture's.", **kind)
