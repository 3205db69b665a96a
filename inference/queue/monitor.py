"""Shows a bot's finished jobs to an observer, such as the playground's inspector."""

import asyncio
from collections.abc import AsyncGenerator

from pydantic import ValidationError

from inference.errors import QueueUnavailable
from inference.queue.connection import Client, connect_blocking, read_after
from inference.queue.keys import Keys
from inference.schema import Failure, Result, replies

BATCH_SIZE = 256
BLOCK_S = 5.0
RETRY_DELAY_S = 1.0
"""Seconds between two tries while Redis is away."""


async def watch_results(
    redis: Client, bot_name: str, keys: Keys | None = None
) -> AsyncGenerator[Result | Failure, None]:
    """Yield the results and failures of a bot's jobs as they are published, until cancelled; remove nothing.

    The bot deletes replies once it has read them, so an observer that reads too late misses some: use this
    for display, and for nothing that must be complete.

    Args:
        redis: Names the server; the reading gets a connection of its own.
        bot_name: The bot whose reply stream is read.
        keys: The key names.
    """
    stream, last_id = (keys or Keys()).replies(bot_name), b"0-0"
    blocking = connect_blocking(redis)
    try:
        while True:
            try:
                answer = await read_after(blocking, {stream: last_id}, BATCH_SIZE, BLOCK_S)
            except QueueUnavailable:
                await asyncio.sleep(RETRY_DELAY_S)
                continue
            for _, entries in answer:
                for entry_id, fields in entries:
                    last_id = entry_id
                    if (reply := _parse(fields.get(b"reply", b""))) is not None:
                        yield reply
    finally:
        await blocking.aclose()


def _parse(raw: bytes) -> Result | Failure | None:
    """Parse a final reply; None for other replies and for malformed entries."""
    try:
        reply = replies.validate_json(raw)
    except ValidationError:
        return None
    return reply if isinstance(reply, Result | Failure) else None
