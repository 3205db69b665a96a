"""Connections to Redis with the queue's timeouts; redis-py's errors become `QueueUnavailable`."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

from inference.errors import QueueUnavailable
from inference.queue.redis_binary import OLDEST, parse_version, written

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 32
"""Connections of one process; further calls wait for one of them."""
CONNECT_TIMEOUT_S = 2.0
"""Seconds for a connection to be made, and for a blocking read to return after its time is up."""
CALL_TIMEOUT_S = 5.0
"""Seconds for a call with all its retries; then Redis counts as away. An image of some megabytes takes a few
hundredths of a second."""
LOADING_TIMEOUT_S = 120.0
"""Seconds for a server that is still reading its data from disk."""

# Three retries span 0.35 s: enough for a lost connection, and short enough that no caller hangs.
_RETRY = Retry(ExponentialBackoff(cap=0.5, base=0.05), 3)

Client = Redis
"""The client that `connect` returns; its answers are bytes."""


def connect(url: str) -> Client:
    """Return a client for short commands. It connects with its first command.

    Args:
        url: `redis://`, `rediss://` or `unix://`. Its options apply, except for those that the queue sets
            itself.

    Raises:
        QueueUnavailable: The URL is malformed. The message does not repeat it, since it may hold a password.
    """
    try:
        given: dict[str, Any] = dict(parse_url(url))
    except ValueError as error:
        raise _malformed(url) from error
    ours = {
        # One shape of answers, whatever redis-py's next default is.
        "protocol": 2,
        "decode_responses": False,
        # With a timeout, redis-py sends through `asyncio.wait_for`, which may swallow a cancellation (Python
        # 3.11). `translated` limits a call instead.
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "retry": _RETRY,
    }
    defaults = {"max_connections": MAX_CONNECTIONS, "timeout": CALL_TIMEOUT_S}
    try:
        pool = BlockingConnectionPool(**{**defaults, **given, **ours})
        # What a connection does not take is found here, and not by the first command.
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError, RedisError) as error:
        raise _malformed(url, str(error)) from error
    return Redis.from_pool(pool)


def _malformed(url: str, why: str = "") -> QueueUnavailable:
    """Make the error of a URL that is none of Redis's; only its scheme is shown: it may hold a password."""
    scheme, separator, _ = url.partition("://")
    begins = f" (it begins with {scheme[:20] + separator!a})" if separator else ""
    because = f": {why.rstrip('.')}" if why else ""
    return QueueUnavailable(
        f"REDIS_URL{begins} is not of the form redis://[user:password@]host:port/0, rediss://... or "
        f"unix:///path{because}. Correct it, or leave it out: then Beholder runs a Redis of its own."
    )


def described(error: BaseException) -> str:
    """Name an error for a sentence, without a full stop; many of them have no text."""
    text = " ".join(str(error).split()).rstrip(". ")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def connect_blocking(like: Client) -> Client:
    """Return a client for `read_after`, to the same server as `like`.

    redis-py 8 gives every connection a `socket_timeout` of 5 s and ten retries, which would cut a blocking
    read short and hide that the server went away. This client has neither.
    """
    pool = like.connection_pool
    kwargs = {**pool.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_pool(ConnectionPool(connection_class=pool.connection_class, **kwargs))


async def read_after(
    blocking: Client, marks: Mapping[str, bytes], count: int, seconds: float
) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """Wait until a stream has entries after its mark, and read them (XREAD).

    Args:
        blocking: A client of `connect_blocking`.
        marks: For each stream's key, the entry id after which it is read.
        count: The most entries of each stream.
        seconds: The longest wait.

    Returns:
        Streams with their entries, oldest first; empty when none came.

    Raises:
        QueueUnavailable: Redis went away, also when it vanished without closing the connection.
    """
    streams: dict[Any, Any] = dict(marks)
    milliseconds = max(1, int(seconds * 1000))
    try:
        async with asyncio.timeout(seconds + CONNECT_TIMEOUT_S):
            answer: Any = await blocking.xread(streams, count=count, block=milliseconds)
    except (RedisError, OSError, TimeoutError) as error:
        raise QueueUnavailable(f"Redis went away: {described(error)}") from error
    return [
        (stream, [(entry, fields or {}) for entry, fields in entries]) for stream, entries in answer or []
    ]


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks again and again until they are done: 3.11's `wait_for` may swallow a cancellation."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.5)


def address(url: str) -> str:
    """Return a server's address for messages: without user, password and options."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


@contextlib.asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Translate redis-py's errors, and a call of more than `CALL_TIMEOUT_S`, into `QueueUnavailable`.

    Raises:
        QueueUnavailable: Redis went away, does not answer, or refuses.
    """
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise QueueUnavailable(f"Redis did not answer: {described(error)}") from error


async def check(url: str) -> None:
    """Check that a usable Redis answers at `url`; wait while it loads its data.

    Raises:
        QueueUnavailable: It cannot be reached, requires a password, or is too old.
    """
    redis = connect(url)
    try:
        async with asyncio.timeout(LOADING_TIMEOUT_S):
            while True:
                with contextlib.suppress(BusyLoadingError):
                    async with asyncio.timeout(CALL_TIMEOUT_S):
                        facts = {**await redis.info("server"), **await redis.info("memory")}
                        version = parse_version(str(facts["redis_version"]))
                    break
                await asyncio.sleep(0.2)
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        raise QueueUnavailable(
            f"Redis at {address(url)} (REDIS_URL) cannot be used: {described(error)}. Start it, "
            "correct REDIS_URL, or leave REDIS_URL out: then Beholder runs one of its own."
        ) from error
    finally:
        await redis.aclose()
    if version < OLDEST:
        raise QueueUnavailable(
            f"Redis at {address(url)} (REDIS_URL) is version {written(version)}: "
            f"{written(OLDEST)} or newer is needed."
        )
    policy = facts.get("maxmemory_policy", "noeviction")
    if facts.get("maxmemory") and policy != "noeviction":
        log.warning(
            "Redis at %s drops keys when its memory is full (maxmemory-policy %s), and accepted jobs with "
            "them: set maxmemory-policy to noeviction",
            address(url),
            policy,
        )
