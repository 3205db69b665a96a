"""The bot's heartbeat in Redis, by which `beholder health bot` sees that it does its work.

A process that hangs is still a process. So the bot writes a key every few seconds while its gateway session
is open; a worker does the same in `inference.queue.consumer` once its models are warm.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from inference.errors import QueueUnavailable
from inference.queue.connection import Client, translated
from inference.queue.keys import Keys

if TYPE_CHECKING:
    # The health check imports this module, and needs no discord.py.
    import discord

HEARTBEAT_S: Final = 5.0
"""Seconds between two heartbeats. After three missed ones the bot counts as unhealthy."""


def bot_key(host: str, keys: Keys) -> str:
    """Return the key that exists while the bot on `host` does its work."""
    return f"{keys.prefix}:alive:bot:{host}"


def in_session(client: "discord.Client") -> bool:
    """Tell whether a client has joined Discord and its gateway connection is open.

    discord.py closes a connection on which heartbeats are no longer answered.
    """
    return client.is_ready() and not client.is_closed() and client.ws.open


async def beat(
    redis: Client,
    alive: Callable[[], bool],
    *,
    host: str | None = None,
    keys: Keys | None = None,
    every_s: float = HEARTBEAT_S,
) -> None:
    """Write heartbeats while `alive()` is true. Run it as a task, and cancel it.

    Args:
        redis: Where they are written; while it is away they are left out.
        alive: Tells whether the bot does its work now, such as `lambda: in_session(client)`.
        host: This machine's or container's name, by default its host name.
        keys: The key names.
        every_s: Seconds between two; each expires after three times as long.
    """
    key = bot_key(host or socket.gethostname(), keys or Keys())
    while True:
        if alive():
            with contextlib.suppress(QueueUnavailable):
                async with translated():
                    await redis.set(key, b"1", px=int(3 * every_s * 1000))
        await asyncio.sleep(every_s)
