"""A ticket whose job has ended."""

from collections.abc import AsyncIterator

from inference.errors import BeholderError
from inference.schema import Delta, Progress, Result


class FinishedTicket:
    """The ticket of a job that has ended.

    Args:
        outcome: The job's result, or the error that `result` raises.
    """

    def __init__(self, outcome: Result | BeholderError) -> None:
        self._outcome = outcome

    async def result(self) -> Result:
        if isinstance(self._outcome, BeholderError):
            raise self._outcome
        return self._outcome

    async def position(self) -> int | None:
        return None

    async def deltas(self) -> AsyncIterator[Delta | Progress]:
        none: tuple[Delta | Progress, ...] = ()
        for delta in none:
            yield delta
