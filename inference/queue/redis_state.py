"""Whether Redis answers this process, with one line in the log for each change."""

import logging
import time
from collections.abc import Callable
from typing import Final

from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

log = logging.getLogger(__name__)

MIN_STEADY_S: Final = 1.0
MAX_STEADY_S: Final = 60.0
"""Seconds without a failure after which Redis counts as back. They double each time that it goes away again
soon, so that a server that answers one call and not the next does not fill the log."""
SOON_S: Final = 60.0


class RedisState:
    """Tells the changes of one server, as a process's calls see them.

    Args:
        clock: Seconds on a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steady_s = MIN_STEADY_S
        self._away_since: float | None = None
        self._last_failure = float("-inf")
        self._back_at = float("-inf")
        self.reason = ""
        """Why it does not answer, and what to do; empty where it answers."""

    def failed(self, error: BaseException) -> None:
        """Take in that a call got no answer, or was refused."""
        now = self._clock()
        self._last_failure = now
        if self._away_since is not None:
            return
        soon = now - self._back_at < SOON_S
        self._steady_s = min(MAX_STEADY_S, 2 * self._steady_s) if soon else MIN_STEADY_S
        self._away_since = now
        self.reason = f"{described(error)}{advice(error)}"
        log.warning("Redis is away, waiting for it: %s", self.reason)

    def answered(self) -> None:
        """Take in that a call was answered."""
        if self._away_since is None:
            return
        now = self._clock()
        if now - self._last_failure >= self._steady_s:
            log.info("Redis is back after %.1f s", now - self._away_since)
            self._away_since, self._back_at, self.reason = None, now, ""


def described(error: BaseException) -> str:
    """Name an error for a sentence, without a full stop; many of them have no text."""
    text = " ".join(str(error).split()).rstrip(". ")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def advice(error: BaseException) -> str:
    """Say what an operator can do about a refusal of Redis's; empty where waiting is all."""
    if isinstance(error, OutOfMemoryError):
        return ". Its memory is full: raise maxmemory, or lower BEHOLDER_QUEUE_BYTES"
    if isinstance(error, ReadOnlyError):
        return ". It is a replica: let REDIS_URL name the primary"
    if isinstance(error, ResponseError) and str(error).startswith("MISCONF"):
        return ". It cannot write to its disk: make room there, and see its log"
    return ""


STATE: Final = RedisState()
"""The state of this process's Redis."""
