"""The bot's reader of its reply stream; one for each bot process."""

import asyncio
import contextlib
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
"""Replies in one read, at most."""
MIN_RETRY_DELAY_S = 0.05
MAX_RETRY_DELAY_S = 2.0
"""Seconds between two tries while Redis is away, at most; the delay doubles from the least to the most."""


class ReplyReader:
    """Hands each reply to the pending job with its id, in the stream's order, and deletes it from the stream.

    The stream therefore holds only unread replies: after a lost connection or a restart, reading resumes from
    its beginning.

    Args:
        redis: For short commands.
        stream: The key of the reply stream.
        pending: The pending jobs by id, shared with the client. A finished job is removed.
        on_connect: Called after each (re)connection, to find replies that were missed.
    """

    def __init__(
        self,
        redis: Client,
        stream: str,
        pending: MutableMapping[str, Pending],
        on_connect: Callable[[], Awaitable[None]],
    ) -> None:
        self.garbage = 0
        """The number of entries so far that were no replies."""
        self._redis = redis
        self._blocking = connect_blocking(redis)
        self._stream = stream
        self._pending = pending
        self._on_connect = on_connect
        self._retry_delay = MIN_RETRY_DELAY_S

    async def run(self) -> None:
        """Read until this task is cancelled; while Redis is away, retry with exponential backoff."""
        while True:
            with contextlib.suppress(QueueUnavailable):
                await self._on_connect()
                await self._read_forever()
            await asyncio.sleep(self._retry_delay)
            self._retry_delay = min(MAX_RETRY_DELAY_S, self._retry_delay * 2)

    async def _read_forever(self) -> None:
        last_id = b"0-0"
        while True:
            marks = {self._stream: last_id}
            for _, entries in await read_after(self._blocking, marks, BATCH_SIZE, BLOCK_S):
                for entry_id, fields in entries:
                    self._dispatch(entry_id, fields.get(b"reply", b""))
                last_id = entries[-1][0]
                async with translated():
                    await self._redis.xdel(self._stream, *(entry_id for entry_id, _ in entries))
            # After a whole round: a server may answer one call and not the next.
            self._retry_delay = MIN_RETRY_DELAY_S

    def _dispatch(self, entry_id: bytes, raw: bytes) -> None:
        try:
            reply = replies.validate_json(raw)
        except ValidationError:
            self.garbage += 1
            log.warning("entry %s of %s is no reply: removed", entry_id.decode(), self._stream)
            return
        if (pending := self._pending.get(reply.job_id)) is not None:
            pending.receive(reply)
            if isinstance(reply, Result | Failure):
                del self._pending[reply.job_id]
        elif isinstance(reply, Result | Failure):
            log.info("job %s finished and is not pending in this process: its result is kept", reply.job_id)

    async def close(self) -> None:
        """Close the reading connection."""
        await self._blocking.aclose()
