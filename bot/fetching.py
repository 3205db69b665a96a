"""A picture's bytes, from Discord's own hosts alone and never more than allowed."""

import asyncio
import re

import aiohttp
import yarl

from inference.errors import NotAPicture, PictureGone, PictureTooLarge
from inference.images.formats import HEAD, sniff

HOSTS = re.compile(r"cdn\.discordapp\.com|media\.discordapp\.net|images-ext-\d\.discordapp\.net")
"""Where Discord serves attachments, stickers and its copies of pictures that links show."""
MEDIA = "media.discordapp.net"
"""The one of them that discord.py itself writes into an address: a GIF sticker's."""
CHUNK = 2**16
AT_ONCE = 4
"""Pictures fetched at a time: with `most_bytes` this bounds the bot's memory."""


class Fetcher:
    """Fetches pictures.

    Args:
        session: Whose connections are used.
        most_bytes: The largest file that is fetched.
        seconds: How long one may take.
        only: Fetch from this origin instead of Discord's hosts: a pocket Discord serves its files itself, and
            under `/media` what Discord's media host has.
    """

    def __init__(
        self, session: aiohttp.ClientSession, *, most_bytes: int, seconds: float, only: yarl.URL | None = None
    ) -> None:
        self._session = session
        self._most = most_bytes
        self._seconds = seconds
        self._only = only
        self._turn = asyncio.Semaphore(AT_ONCE)

    def check_size(self, size: int | None) -> None:
        """Refuse a file by the size that Discord says it has.

        Raises:
            PictureTooLarge: It has more bytes than are fetched.
        """
        if size is not None and size > self._most:
            raise PictureTooLarge(
                f"The file has {size} bytes; {self._most} are fetched at most (BEHOLDER_PICTURE_BYTES).",
                value=size,
                limit=self._most,
                unit="bytes",
            )

    def takes(self, url: str) -> bool:
        """Tell whether an address is one of Discord's."""
        return self._is_discords(self._moved(yarl.URL(url)))

    async def fetch(self, url: str) -> bytes:
        """Fetch a file that starts like a picture.

        Raises:
            NotAPicture: Its first bytes are no picture's, or it is not on a host of Discord's.
            PictureTooLarge: It has more bytes than are fetched.
            PictureGone: It is not there any more, or cannot be had right now.
        """
        target = self._moved(yarl.URL(url))
        if not self._is_discords(target):
            raise NotAPicture(f"Pictures are fetched from Discord only, not from {target.host}.")
        async with self._turn:
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._read(target)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise PictureGone(f"Discord did not give the picture: {type(error).__name__}.") from error

    def _moved(self, url: yarl.URL) -> yarl.URL:
        """Look at the pocket Discord for what Discord's media host would have."""
        if self._only is None or url.host != MEDIA:
            return url
        return self._only.with_path(f"/media{url.path}").with_query(url.query)

    def _is_discords(self, url: yarl.URL) -> bool:
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
            async for chunk in response.content.iter_chunked(CHUNK):
                data += chunk
                self.check_size(len(data))
                known = known or _is_picture(data)
            if not known:
                _check_picture(data)
            return bytes(data)


def _is_picture(data: bytearray) -> bool:
    """Look at the first bytes once enough of them are there, so that nothing else is fetched to its end."""
    if len(data) < HEAD:
        return False
    _check_picture(data)
    return True


def _check_picture(data: bytearray) -> None:
    if sniff(bytes(data[:HEAD])) is None:
        raise NotAPicture("The file's first bytes are no picture's.")
