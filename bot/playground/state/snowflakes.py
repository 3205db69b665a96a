"""Ids as Discord makes them: the time in milliseconds since 2015, then 22 bits that count."""

from collections.abc import Callable
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000
"""The first second of 2015. Source: Discord's reference, "Snowflakes"."""

COUNTER_BITS = 22

Clock = Callable[[], float]
"""Seconds since 1970, as `time.time` gives them."""


class Snowflakes:
    """Hands out ids that carry the time and never repeat or go backwards."""

    def __init__(self, clock: Clock, last: int = 0) -> None:
        self._clock = clock
        self._last = last

    def next(self) -> int:
        """Return an id greater than every one before it."""
        self._last = max(at_time(self._clock()), self._last + 1)
        return self._last


def at_time(seconds: float) -> int:
    """Return the smallest id of a moment.

    Args:
        seconds: Seconds since 1970.
    """
    return max(0, int(seconds * 1000) - EPOCH_MS) << COUNTER_BITS


def time_of(snowflake: int) -> datetime:
    """Return when an id was made, in UTC."""
    return datetime.fromtimestamp(((snowflake >> COUNTER_BITS) + EPOCH_MS) / 1000, UTC)
