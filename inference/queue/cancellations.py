"""Tells a worker which jobs were cancelled."""

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
"""Seconds between two tries while Redis is away."""


class CancellationListener:
    """Reads the stream of cancelled jobs. Cancellations from before `start` are in the jobs' records.

    Args:
        redis: For short commands; the reading gets a connection of its own.
        keys: The key names.
    """

    def __init__(self, redis: Client, keys: Keys) -> None:
        self._redis = redis
        self._blocking = connect_blocking(redis)
        self._stream = keys.cancellations
        self._last_id = b""

    async def start(self) -> None:
        """Mark the stream's end: `listen` reports every cancellation from now on, also those before it runs.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            newest: Any = await self._redis.xrevrange(self._stream, count=1)
        self._last_id = newest[0][0] if newest else b"0-0"

    async def listen(self, on_cancel: Callable[[str], None]) -> None:
        """Report cancellations until this task is cancelled; while Redis is away, retry.

        Args:
            on_cancel: Called with the id of each cancelled job, whichever worker has claimed it.
        """
        while True:
            try:
                await self._read(on_cancel)
            except QueueUnavailable:
                await asyncio.sleep(RETRY_DELAY_S)

    async def _read(self, on_cancel: Callable[[str], None]) -> None:
        marks = {self._stream: self._last_id}
        for _, entries in await read_after(self._blocking, marks, BATCH_SIZE, BLOCK_S):
            for entry_id, fields in entries:
                self._last_id = entry_id
                on_cancel(fields.get(b"job", b"").decode(errors="replace"))

    async def close(self) -> None:
        """Close the reading connection."""
        await self._blocking.aclose()
