"""Unix time by a server's clock: this machine's may be wrong, or differ from that of another process."""

import time
from collections.abc import Callable


class ServerClock:
    """Returns Unix time in seconds as a server tells it; before it has told, as this machine does.

    Args:
        tolerance_s: Seconds by which this machine's clock may differ before the server's is used.
        local: Returns Unix time by this machine's clock.
        steady: Returns seconds of a clock that is never set: a change of this machine's clock moves nothing.
    """

    def __init__(
        self,
        tolerance_s: float = 0.0,
        *,
        local: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tolerance_s = tolerance_s
        self._local = local
        self._steady = steady
        self._base: float | None = None

    def __call__(self) -> float:
        """Return the time."""
        if self._base is None:
            return self._local()
        now = self._steady() + self._base
        return now if abs(now - self._local()) > self._tolerance_s else self._local()

    def learn(self, now: float) -> None:
        """Take in what the server's clock says now, in Unix time."""
        self._base = now - self._steady()
