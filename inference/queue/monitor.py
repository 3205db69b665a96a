"""Looking on: what a bot's jobs come to, for somebody who only watches."""

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
"""Between two tries while Redis is away."""


async def watch_results(
    redis: Client, bot_name: str, keys: Keys | None = None
) -> AsyncGenerator[Result | Failure, None]:
    """Yield the outcomes of a bot's jobs as they are published, until cancelled; nothing is taken away.

    The bot deletes what it has read, so that a watcher which reads too late misses it: this is for a person
    who looks on, and for nothing that has to be complete.

    Args:
        redis: Names the server; reading gets a connection of its own.
        bot_name: Whose replies.
        keys: The key names.
    """
    stream, last = (keys or Keys()).replies(bot_name), b"0-0"
    blocking = connect_blocking(redis)
    try:
        while True:
            try:
                answer = await read_after(blocking, {stream: last}, BATCH_SIZE, BLOCK_S)
            except QueueUnavailable:
                await asyncio.sleep(RETRY_DELAY_S)
                continue
            for _, entries in answer:
                for entry, fields in entries:
                    last = entry
                    if (outcome := _outcome(fields.get(b"reply", b""))) is not None:
                        yield outcome
    finally:
        await blocking.aclose()


def _outcome(raw: bytes) -> Result | Failure | None:
    try:
        word = replies.validate_json(raw)
    except ValidationError:
        return None
    return word if isinstance(word, Result | Failure) else None
