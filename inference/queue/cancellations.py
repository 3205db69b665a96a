"""How a worker hears that somebody wants an answer stopped."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from inference.errors import QueueUnavailable
from inference.queue.connection import Client, connect_blocking, read_after, translated
from inference.queue.keys import Keys

log = logging.getLogger(__name__)

BLOCK_S = 5.0
BATCH_SIZE = 256
RETRY_DELAY_S = 0.5
"""Between two tries while Redis is away."""


class CancellationListener:
    """Listens on the stream of stops. What came before `listen` began stands in the jobs' records.

    Args:
        redis: For short commands; the listening gets a connection of its own.
        keys: The key names.
    """

    def __init__(self, redis: Client, keys: Keys) -> None:
        self._redis = redis
        self._blocking = connect_blocking(redis)
        self._stream = keys.stops
        self._last = b""

    async def begin(self) -> None:
        """Hear everything from now on, as soon as `listen` runs.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            newest: Any = await self._redis.xrevrange(self._stream, count=1)
        self._last = newest[0][0] if newest else b"0-0"

    async def listen(self, stop: Callable[[str], None]) -> None:
        """Listen until cancelled, also across the times in which Redis is away.

        Args:
            stop: Called with the id of each job that is to be stopped, whoever has it in hand.
        """
        while True:
            try:
                await self._read(stop)
            except QueueUnavailable:
                await asyncio.sleep(RETRY_DELAY_S)

    async def _read(self, stop: Callable[[str], None]) -> None:
        for _, entries in await read_after(self._blocking, {self._stream: self._last}, BATCH_SIZE, BLOCK_S):
            for entry, fields in entries:
                self._last = entry
                stop(fields.get(b"job", b"").decode(errors="replace"))

    async def close(self) -> None:
        """Close the connection of its own."""
        await self._blocking.aclose()
