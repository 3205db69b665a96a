"""`beholder health bot|worker`, for a container's health check; and the bot's heartbeat, by which it is seen.

A process that hangs is still a process, so each says in Redis, every few seconds, that it does its work: the
worker in `inference.queue.consumer` once its models are warm, the bot here while its gateway session is open.
The check asks for the heartbeat that came from its own host: another container's says nothing of this one.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from inference.errors import QueueUnavailable
from inference.models.catalogue import served
from inference.queue.connection import Client, connect, translated
from inference.queue.keys import Keys
from inference.settings import QueueSettings, WorkerSettings

if TYPE_CHECKING:
    import discord

Part = Literal["bot", "worker"]

BEAT_SECONDS: Final = 5.0
"""Between two heartbeats; three missed ones, and the bot counts as ill."""
HEALTHY, ILL = 0, 1
"""Exit codes. Docker knows these two and reserves 2."""


def bot_key(host: str, keys: Keys) -> str:
    """Name the string that is there while the bot on `host` lives."""
    return f"{keys.prefix}:alive:bot:{host}"


def in_session(client: "discord.Client") -> bool:
    """Say whether a client has joined Discord and its connection is open right now.

    discord.py closes a connection on which heartbeats are no longer answered, so an open one is a live one.
    """
    return client.is_ready() and not client.is_closed() and client.ws.open


async def beat(
    redis: Client,
    alive: Callable[[], bool],
    *,
    host: str | None = None,
    keys: Keys | None = None,
    every: float = BEAT_SECONDS,
) -> None:
    """Write heartbeats for as long as `alive()` says so; run it as a task, and cancel it.

    Args:
        redis: Where to; while it is away the beats are missed, and nothing else happens.
        alive: Whether the bot does its work now, such as `lambda: in_session(client)`.
        host: This machine's or container's name, by default what it calls itself.
        keys: The key names.
        every: Seconds between two; each holds for three times as long.
    """
    key = bot_key(host or socket.gethostname(), keys or Keys())
    while True:
        if alive():
            with contextlib.suppress(QueueUnavailable):
                async with translated():
                    await redis.set(key, b"1", px=int(3 * every * 1000))
        await asyncio.sleep(every)


async def complaint(
    part: Part, settings: QueueSettings, *, host: str | None = None, keys: Keys | None = None
) -> str | None:
    """Find out what is wrong with the bot or worker on this host.

    Args:
        part: Which.
        settings: Where Redis is; for a worker, `WorkerSettings` with the tasks that it serves.
        host: This machine's or container's name, by default what it calls itself.
        keys: The key names.

    Returns:
        A sentence, or None where it is well.
    """
    host, keys = host or socket.gethostname(), keys or Keys()
    if settings.redis_url is None:
        return "REDIS_URL is not set: what `beholder run` starts is watched by it, and not from outside."
    redis = connect(settings.redis_url.get_secret_value())
    try:
        async with translated():
            if isinstance(settings, WorkerSettings):
                return await _of_worker(redis, settings, host, keys)
            return await _of_bot(redis, host, keys)
    except QueueUnavailable as error:
        return f"The {part} cannot work: {error}"
    finally:
        await redis.aclose()


async def _of_bot(redis: Client, host: str, keys: Keys) -> str | None:
    if await redis.exists(bot_key(host, keys)):
        return None
    return f"The bot on {host} is not in Discord, or hangs: it gave no heartbeat for {3 * BEAT_SECONDS:g} s."


async def _of_worker(redis: Client, settings: WorkerSettings, host: str, keys: Keys) -> str | None:
    seconds, microseconds = await redis.time()
    now = seconds + microseconds / 1e6
    for task in served(settings):
        alive = await redis.zrangebyscore(keys.workers(task), f"({now}", "+inf")
        # A worker is named host-process-chance (inference/worker/main.py), and a host may have dashes of its
        # own.
        hosts = {name.decode().rsplit("-", 2)[0] for name in alive if isinstance(name, bytes)}
        if host not in hosts:
            return f"The worker on {host} is not ready for {task}: its models are loading, or it hangs."
    return None


def main(part: Part) -> int:
    """Say what is wrong, if anything is.

    Returns:
        The exit code: 0 healthy, 1 not.
    """
    settings = WorkerSettings() if part == "worker" else QueueSettings()
    wrong = asyncio.run(complaint(part, settings))
    if wrong is not None:
        print(wrong, file=sys.stderr)
    return HEALTHY if wrong is None else ILL
