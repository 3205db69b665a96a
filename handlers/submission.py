"""Submits jobs, and waits in line where their asker has as many open as one person may have."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from handlers.ports import JobContext
from inference.errors import QueueUnavailable, TooManyInFlight

if TYPE_CHECKING:
    from inference.schema import Priority

MIN_DELAY_S: Final = 0.25
MAX_DELAY_S: Final = 2.0
"""Seconds between two attempts of the first in a line; doubled from the one to the other."""

T = TypeVar("T")


@dataclass(eq=False)
class _Line:
    """The submissions of one person that wait, in the order in which they came.

    Attributes:
        first: Held by the one that is tried again.
        refusal: The newest refusal.
        members: The submissions that wait or are being tried.
    """

    first: asyncio.Lock = field(default_factory=asyncio.Lock)
    refusal: TooManyInFlight | None = None
    members: int = 0


class Submissions:
    """The submissions of all features: those of one person over the limit wait in one line.

    What nobody asked for waits in a line of its own, so that a member who asks is not behind it. A line keeps
    nobody else waiting.

    Args:
        patience: Seconds for which a submission waits, at most.
        min_delay_s: Seconds until the first in a line is tried again, at first.
        max_delay_s: Seconds between two of its attempts, at most.
        clock: Returns Unix time in seconds.
    """

    def __init__(
        self,
        *,
        patience: float,
        min_delay_s: float = MIN_DELAY_S,
        max_delay_s: float = MAX_DELAY_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._patience = patience
        self._min_delay_s = min_delay_s
        self._max_delay_s = max_delay_s
        self._clock = clock
        self._lines: dict[tuple[int, Priority], _Line] = {}

    async def submit(self, context: JobContext, attempt: Callable[[], Awaitable[T]]) -> T:
        """Submit a job; over the limit for one person, again and again. Cancelling it ends the wait.

        While it waits, `context.waiting_for` says so.

        Args:
            context: The request that the job is for. Its `wait_until` bounds the wait as well: once
                it has passed, a refusal is raised at once.
            attempt: Submits the job. Must be idempotent, and store again what it needs.

        Returns:
            What `attempt` returns.

        Raises:
            TooManyInFlight: It has waited as long as it may (`limit`, `open`, `retry_after`: seconds).
            BeholderError: `attempt` raised it for another reason.
        """
        with self._in_line(context) as line:
            if not line.first.locked():
                try:
                    return self._accepted(context, await attempt())
                except TooManyInFlight as error:
                    line.refusal = error
            context.submission.refusal = line.refusal
            return self._accepted(context, await self._submit_in_turn(context, line, attempt))

    @contextlib.contextmanager
    def _in_line(self, context: JobContext) -> Iterator[_Line]:
        key = context.asker, context.priority
        line = self._lines.setdefault(key, _Line())
        line.members += 1
        try:
            yield line
        finally:
            line.members -= 1
            if not line.members:
                del self._lines[key]

    @staticmethod
    def _accepted(context: JobContext, result: T) -> T:
        context.submission.has_begun = True
        return result

    async def _submit_in_turn(
        self, context: JobContext, line: _Line, attempt: Callable[[], Awaitable[T]]
    ) -> T:
        until = self._clock() + self._patience
        if context.wait_until is not None:
            until = min(until, context.wait_until)
        try:
            async with asyncio.timeout(max(0.0, until - self._clock())):
                # A lock is handed on in the order in which it was asked for.
                await line.first.acquire()
        except TimeoutError:
            raise self._refusal(line) from None
        try:
            delay = self._min_delay_s
            while (left := until - self._clock()) > 0:
                await asyncio.sleep(min(delay, left))
                try:
                    return await attempt()
                except TooManyInFlight as error:
                    line.refusal = context.submission.refusal = error
                except QueueUnavailable:
                    # Its place in the line is kept until Redis is back.
                    pass
                delay = min(self._max_delay_s, delay * 2)
            raise self._refusal(line)
        finally:
            line.first.release()

    def _refusal(self, line: _Line) -> TooManyInFlight:
        """Return the newest refusal, with the seconds until there is room at the latest, where known."""
        error = line.refusal or TooManyInFlight()
        if error.room_at is None:
            return error
        refusal = TooManyInFlight(
            str(error), **error.detail, retry_after=max(1.0, error.room_at - self._clock())
        )
        refusal.room_at = error.room_at
        return refusal
