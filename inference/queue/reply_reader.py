"""The one reader of a bot's reply stream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping

from pydantic import ValidationError

from inference.errors import QueueUnavailable
from inference.queue.connection import Client, connect_blocking, read_after, translated
from inference.queue.ticket import Pending
from inference.schema import Failure, Result, replies

log = logging.getLogger(__name__)

BLOCK_S = 5.0
BATCH_SIZE = 256
"""Replies in one read."""
MAX_RETRY_DELAY_S = 2.0
"""Seconds between two tries while Redis is away, at most."""


class ReplyReader:
    """Reads replies and gives each to whoever waits for it; what was given is deleted from the stream.

    So the stream holds what nobody has read yet, and reading it from its beginning is resuming where one was,
    after a lost connection as after a restart.

    Args:
        redis: For short commands.
        stream: The key of the reply stream.
        pending: Who waits, by job id; shared with the client. Whoever was answered is taken out.
        caught_up: Called after each (re)connection, to look for what was missed.
    """

    def __init__(
        self,
        redis: Client,
        stream: str,
        pending: MutableMapping[str, Pending],
        caught_up: Callable[[], Awaitable[None]],
    ) -> None:
        self.garbage = 0
        """Entries that were no replies, so far."""
        self._redis = redis
        self._blocking = connect_blocking(redis)
        self._stream = stream
        self._pending = pending
        self._caught_up = caught_up

    async def run(self) -> None:
        """Read until cancelled, also across the times in which Redis is away."""
        pause = 0.0
        while True:
            try:
                await self._caught_up()
                if pause:
                    log.info("the queue is back")
                pause = 0.0
                await self._read_on()
            except QueueUnavailable as error:
                if not pause:
                    log.warning("the queue is away, waiting for it: %s", error)
                pause = min(MAX_RETRY_DELAY_S, max(0.05, pause * 2))
                await asyncio.sleep(pause)

    async def _read_on(self) -> None:
        last = b"0-0"
        while True:
            for _, entries in await read_after(self._blocking, {self._stream: last}, BATCH_SIZE, BLOCK_S):
                for entry, fields in entries:
                    self._hear(entry, fields.get(b"reply", b""))
                last = entries[-1][0]
                async with translated():
                    await self._redis.xdel(self._stream, *(entry for entry, _ in entries))

    def _hear(self, entry: bytes, raw: bytes) -> None:
        try:
            word = replies.validate_json(raw)
        except ValidationError:
            self.garbage += 1
            log.warning("entry %s of %s is no reply: dropped", entry.decode(), self._stream)
            return
        if (pending := self._pending.get(word.job_id)) is not None:
            pending.hear(word)
            if isinstance(word, Result | Failure):
                del self._pending[word.job_id]
        elif isinstance(word, Result | Failure):
            log.info("job %s was answered and nobody waits for it here: its result is kept", word.job_id)

    async def close(self) -> None:
        """Close the reader's own connection."""
        await self._blocking.aclose()
