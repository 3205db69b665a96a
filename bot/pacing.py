"""When a message may be edited: what Discord's headers say of its channel's bucket, spread evenly.

discord.py waits by itself where a bucket is empty, but only then: five edits at once and then nothing for
five seconds. Here edits come evenly, one is kept in reserve so that the last never has to wait, and all
streams together stay below the limit of all requests.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiohttp

RESERVE = 1
"""Edits of a bucket that are left for a last one."""
UNHEARD = 1.0
"""Seconds until the next edit as long as nothing has been heard of the one before."""
EVERYWHERE = 20.0
"""Requests of all streams together in a second; Discord takes 50 of a bot."""
MOST_BUCKETS = 1000

_EDIT = re.compile(r"/channels/(\d+)/messages/\d+$")


@dataclass
class Bucket:
    """The edits of one channel. Times are the event loop's.

    Attributes:
        next: When the next one may be sent.
        remaining: How many the window still has, as far as is known.
        turn: Streams in one channel take turns.
    """

    next: float = 0.0
    remaining: int = 1
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class EditRateLimiter:
    """The pace of all streams of a client."""

    def __init__(self) -> None:
        self._buckets: dict[int, Bucket] = {}
        self._next = 0.0

    def trace(self) -> aiohttp.TraceConfig:
        """Make what lets this hear the headers of Discord's answers, for `discord.Client(http_trace=...)`."""
        config = aiohttp.TraceConfig()
        config.on_request_end.append(self._heard)
        return config

    async def _heard(
        self, _: aiohttp.ClientSession, __: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        edit = _EDIT.search(end.url.path)
        if end.method == "PATCH" and edit is not None:
            self.hear(int(edit[1]), end.response.headers)

    def hear(self, channel: int, headers: Mapping[str, str]) -> None:
        """Take in the headers of an answer to an edit."""
        try:
            remaining = int(headers["X-RateLimit-Remaining"])
            seconds = float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        bucket = self._bucket(channel)
        bucket.remaining = remaining
        bucket.next = asyncio.get_running_loop().time() + seconds / (max(0, remaining - RESERVE) + 1)

    def _bucket(self, channel: int) -> Bucket:
        if len(self._buckets) > MOST_BUCKETS:
            now = asyncio.get_running_loop().time()
            self._buckets = {
                number: each
                for number, each in self._buckets.items()
                if each.turn.locked() or each.next > now
            }
        return self._buckets.setdefault(channel, Bucket())

    async def edit(self, channel: int, *, last: bool = False) -> None:
        """Wait until a message of a channel may be edited.

        Args:
            channel: Its id.
            last: Nothing comes after it: it may take what is held in reserve.
        """
        loop, bucket = asyncio.get_running_loop(), self._bucket(channel)
        async with bucket.turn:
            if not (last and bucket.remaining > 0):
                await asyncio.sleep(bucket.next - loop.time())
            bucket.next = max(bucket.next, loop.time() + UNHEARD)
            bucket.remaining -= 1
        await self.anything()

    async def anything(self) -> None:
        """Wait until any request may be sent: none stream's more often than all together may."""
        now = asyncio.get_running_loop().time()
        self._next = max(now, self._next) + 1 / EVERYWHERE
        await asyncio.sleep(self._next - 1 / EVERYWHERE - now)
