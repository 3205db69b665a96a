"""`beholder health bot|worker`, for a container's health check.

It looks in Redis for the heartbeat of its own host: another container's heartbeat says nothing of this one.
"""

import asyncio
import socket
import sys
from typing import Literal

from bot.heartbeat import HEARTBEAT_S, bot_key
from inference.errors import QueueUnavailable
from inference.models.catalogue import served
from inference.queue.connection import Client, connect, translated
from inference.queue.keys import Keys
from inference.settings import QueueSettings, WorkerSettings

Part = Literal["bot", "worker"]

HEALTHY, UNHEALTHY = 0, 1
"""Exit codes. Docker knows these two and reserves 2."""


async def problem(
    part: Part, settings: QueueSettings, *, host: str | None = None, keys: Keys | None = None
) -> str | None:
    """Find out what is wrong with the bot or worker on this host, by its heartbeat.

    Args:
        part: Which.
        settings: Where Redis is; for a worker, `WorkerSettings` with the tasks that it serves.
        host: This machine's or container's name, by default its host name.
        keys: The key names.

    Returns:
        A sentence; None where it is healthy.
    """
    host, keys = host or socket.gethostname(), keys or Keys()
    if settings.redis_url is None:
        return "REDIS_URL is not set: what `beholder run` starts is watched by it, and not from outside."
    try:
        redis = connect(settings.redis_url.get_secret_value())
    except QueueUnavailable as error:
        return f"The {part} cannot work: {error}"
    try:
        async with translated():
            if isinstance(settings, WorkerSettings):
                return await _worker_problem(redis, settings, host, keys)
            return await _bot_problem(redis, host, keys)
    except QueueUnavailable as error:
        return f"The {part} cannot work: {error}"
    finally:
        await redis.aclose()


async def _bot_problem(redis: Client, host: str, keys: Keys) -> str | None:
    if await redis.exists(bot_key(host, keys)):
        return None
    return f"The bot on {host} is not in Discord, or hangs: it gave no heartbeat for {3 * HEARTBEAT_S:g} s."


async def _worker_problem(redis: Client, settings: WorkerSettings, host: str, keys: Keys) -> str | None:
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
    """Run the check, and print what is wrong.

    Returns:
        The exit code: 0 healthy, 1 not.
    """
    settings = WorkerSettings() if part == "worker" else QueueSettings()
    found = asyncio.run(problem(part, settings))
    if found is not None:
        print(found, file=sys.stderr)
    return HEALTHY if found is None else UNHEALTHY
