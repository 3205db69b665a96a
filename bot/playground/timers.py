"""Pending timers of the event loop, to be cancelled when the server closes."""

import asyncio


class Timers:
    """A set of timer handles. Those that have run are dropped when another is added."""

    def __init__(self) -> None:
        self._pending: set[asyncio.TimerHandle] = set()

    def add(self, timer: asyncio.TimerHandle) -> None:
        """Add a timer."""
        self.expire()
        self._pending.add(timer)

    def expire(self) -> None:
        """Drop the timers that have run or were cancelled."""
        now = asyncio.get_running_loop().time()
        self._pending = {each for each in self._pending if each.when() > now and not each.cancelled()}

    def cancel(self) -> None:
        """Cancel all timers."""
        for each in self._pending:
            each.cancel()
        self._pending.clear()
