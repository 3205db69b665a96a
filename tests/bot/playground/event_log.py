"""Gateway events that a client has received, for tests to wait for."""

import asyncio
from collections.abc import Callable
from typing import Any

TIMEOUT_S = 60
"""Seconds until a test that waits for an event fails."""


class EventLog:
    """The events of one client by name, in the order in which they came."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, Any]] = []
        self._news = asyncio.Condition()

    async def add(self, name: str, value: Any) -> None:
        async with self._news:
            self._seen.append((name, value))
            self._news.notify_all()

    def all(self, name: str) -> list[Any]:
        return [value for seen, value in self._seen if seen == name]

    async def wait(self, name: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """Return the first event that `fits`, waiting for it."""
        async with asyncio.timeout(TIMEOUT_S), self._news:
            await self._news.wait_for(lambda: any(fits(value) for value in self.all(name)))
        return next(value for value in self.all(name) if fits(value))
