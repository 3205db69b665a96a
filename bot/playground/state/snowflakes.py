"""Snowflakes: ids of the milliseconds since 2015, then 22 bits of a counter."""

from collections.abc import Callable
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000
"""Discord's epoch, the first second of 2015. Source: Discord's reference, "Snowflakes"."""

COUNTER_BITS = 22

Clock = Callable[[], float]
"""Seconds since 1970, as `time.time` gives them."""


class Snowflakes:
    """Generates snowflakes that increase strictly, even where the clock goes back."""

    def __init__(self, clock: Clock, last: int = 0) -> None:
        self._clock = clock
        self._last = last

    def next(self) -> int:
        """Return an id greater than all before it."""
        self._last = max(at_time(self._clock()), self._last + 1)
        return self._last


def at_time(seconds: float) -> int:
    """Return the smallest snowflake of a time.

    Args:
        seconds: Seconds since 1970.
    """
    return max(0, int(seconds * 1000) - EPOCH_MS) << COUNTER_BITS


def time_of(snowflake: int) -> datetime:
    """Return the time of a snowflake, in UTC."""
    return datetime.fromtimestamp(((snowflake >> COUNTER_BITS) + EPOCH_MS) / 1000, UTC)
