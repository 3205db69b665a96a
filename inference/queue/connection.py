"""Connections to Redis with the queue's timeouts; redis-py's errors become `QueueUnavailable`."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterError,
    InvalidResponse,
    RedisError,
    ResponseError,
)

from inference.errors import QueueUnavailable
from inference.queue.redis_binary import OLDEST, parse_version, written
from inference.queue.redis_state import STATE, described

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 32
"""Connections of one process; further calls wait for one of them."""
CONNECT_TIMEOUT_S = 2.0
"""Seconds for a connection to be made, and for a blocking read to return after its time is up."""
CALL_TIMEOUT_S = 5.0
"""Seconds for a call with all its retries; then Redis counts as away. An image of some megabytes takes a few
hundredths of a second."""
LOADING_TIMEOUT_S = 120.0
"""Seconds for an embedded server that is still reading its data from disk."""
MIN_WAIT_S: Final = 0.1
MAX_WAIT_S: Final = 2.0
"""Seconds between two tries of a server that cannot be reached at the start; doubled from the least to the
most."""

# Three retries span 0.35 s: enough for a lost connection, and short enough that no caller hangs.
_RETRY = Retry(ExponentialBackoff(cap=0.5, base=0.05), 3)

_REFUSALS: Final = (
    AuthenticationError,
    AuthorizationError,
    InvalidResponse,
    ResponseError,
    ssl.SSLCertVerificationError,
    PermissionError,
)
"""Errors of a first call after which waiting does not help."""

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
        STATE.failed(error)
        raise QueueUnavailable(f"Redis went away: {described(error)}") from error
    STATE.answered()
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

    The change is logged (`inference.queue.redis_state`), so that its callers need not.

    Raises:
        QueueUnavailable: Redis went away, does not answer, or refuses.
    """
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        STATE.failed(error)
        raise QueueUnavailable(f"Redis did not answer: {described(error)}") from error
    STATE.answered()


async def check(url: str) -> None:
    """Check that a usable Redis answers at `url`; wait while it cannot be reached, or loads its data.

    Raises:
        QueueUnavailable: Only the operator can put it right: the URL is malformed, the server refuses the
            credentials, is none of Redis's, or is too old.
    """
    redis = connect(url)
    try:
        facts = await _facts(redis, address(url))
        version = parse_version(str(facts["redis_version"]))
    except (RedisError, OSError, ValueError) as error:
        raise QueueUnavailable(
            f"Redis at {address(url)} (REDIS_URL) cannot be used: {described(error)}. Correct REDIS_URL, or "
            "leave it out: then Beholder runs a Redis of its own."
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


async def _facts(redis: Client, where: str) -> dict[str, Any]:
    """Return what a server says of itself, once it can be reached.

    Raises:
        RedisError, OSError: It refuses: to wait would not help.
    """
    clock = asyncio.get_running_loop().time
    started, reason, delay_s = clock(), "", MIN_WAIT_S
    while True:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                facts = {**await redis.info("server"), **await redis.info("memory")}
        except (RedisError, OSError, TimeoutError) as error:
            if _is_refusal(error):
                raise
            if not reason:
                log.warning(
                    "Redis at %s (REDIS_URL) is not reached, waiting for it: %s", where, described(error)
                )
            reason = described(error)
        else:
            if reason:
                log.info("Redis at %s is reached after %.1f s", where, clock() - started)
            return facts
        await asyncio.sleep(delay_s)
        delay_s = min(MAX_WAIT_S, delay_s * 2)


def _is_refusal(error: BaseException) -> bool:
    """Tell whether a server would refuse the next call as well, until the operator changes something."""
    # A replica whose primary is away, or a cluster that is being set up, answers so for a while.
    return any(isinstance(each, _REFUSALS) and not isinstance(each, ClusterError) for each in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
