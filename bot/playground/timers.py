"""Timers that are still to ring, so that closing can call them off."""

import asyncio


class Timers:
    """Calls that the loop makes later."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.TimerHandle] = set()

    def add(self, timer: asyncio.TimerHandle) -> None:
        """Remember a timer."""
        self.expire()
        self._waiting.add(timer)

    def expire(self) -> None:
        """Forget the timers that have rung."""
        now = asyncio.get_running_loop().time()
        self._waiting = {each for each in self._waiting if each.when() > now and not each.cancelled()}

    def cancel(self) -> None:
        """Call all of them off."""
        for each in self._waiting:
            each.cancel()
        self._waiting.clear()
