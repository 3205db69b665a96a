"""Pace message edits by the rate-limit headers of Discord's answers.

discord.py waits by itself where a bucket is empty, but only then: five edits at once and then none for five
seconds. Here the edits of a bucket are spread evenly, one is kept in reserve so that the last edit of an
answer never has to wait, and all streams together stay below the global limit.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiohttp

RESERVE = 1
"""Edits of a bucket that are kept for a last one."""
UNANSWERED_S = 1.0
"""Seconds until the next edit while the one before has not been answered."""
MAX_PER_SECOND = 20.0
"""Requests of all streams together. Discord takes 50 of a bot."""
MAX_BUCKETS = 1000

_EDIT = re.compile(r"/channels/(\d+)/messages/\d+$")


@dataclass
class Bucket:
    """The edits of one channel.

    Attributes:
        next: When the next one may be sent, on the limiter's clock.
        remaining: How many are left in the window, as far as is known.
        lock: Streams in one channel take turns.
    """

    next: float = 0.0
    remaining: int = 1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class EditRateLimiter:
    """Paces the edits of all streams of a client.

    Args:
        clock: Seconds on a clock that never goes back.
        sleep: Waits for some seconds of that clock.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._buckets: dict[int, Bucket] = {}
        self._next = 0.0

    def trace(self) -> aiohttp.TraceConfig:
        """Make the trace that reads the headers of answers, for `discord.Client(http_trace=...)`."""
        config = aiohttp.TraceConfig()
        config.on_request_end.append(self._on_request_end)
        return config

    async def _on_request_end(
        self, _: aiohttp.ClientSession, __: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        edit = _EDIT.search(end.url.path)
        if end.method == "PATCH" and edit is not None:
            self.update(int(edit[1]), end.response.headers)

    def update(self, channel_id: int, headers: Mapping[str, str]) -> None:
        """Take in the headers of the answer to an edit in a channel."""
        try:
            remaining = int(headers["X-RateLimit-Remaining"])
            reset_after_s = float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        bucket = self._bucket(channel_id)
        bucket.remaining = remaining
        bucket.next = self._clock() + reset_after_s / (max(0, remaining - RESERVE) + 1)

    def _bucket(self, channel_id: int) -> Bucket:
        if len(self._buckets) > MAX_BUCKETS:
            now = self._clock()
            self._buckets = {
                number: each
                for number, each in self._buckets.items()
                if each.lock.locked() or each.next > now
            }
        return self._buckets.setdefault(channel_id, Bucket())

    async def wait_to_edit(self, channel_id: int, *, last: bool = False) -> None:
        """Wait until a message of a channel may be edited.

        Args:
            channel_id: The channel.
            last: Whether it is the last edit of its answer: it may take the reserve.
        """
        bucket = self._bucket(channel_id)
        async with bucket.lock:
            if not (last and bucket.remaining > 0):
                await self._sleep(bucket.next - self._clock())
            bucket.next = max(bucket.next, self._clock() + UNANSWERED_S)
            bucket.remaining -= 1
        await self.wait_for_any()

    async def wait_for_any(self) -> None:
        """Wait until any request of a stream may be sent."""
        now = self._clock()
        self._next = max(now, self._next) + 1 / MAX_PER_SECOND
        await self._sleep(self._next - 1 / MAX_PER_SECOND - now)
