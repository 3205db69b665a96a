"""Base of the worker's two loops: heartbeat, claim renewal, and an orderly or a failed end."""

import abc
import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from inference.queue.consumer import ClaimedJob, Consumer
from inference.worker.errors import WORKER_BROKEN

BEAT_INTERVAL_S: Final = 1.0
"""Seconds between two heartbeats."""
HEARTBEAT_TTL_S: Final = 3.5
"""Seconds after its last heartbeat at which a worker counts as gone, and its jobs are for others."""
LOOK_INTERVAL_S: Final = 1.0
"""Seconds between two looks for the jobs of workers that are gone."""
STOP_TIMEOUT_S: Final = 2.5
"""The default of `stop_timeout_s`; the worker's supervisor kills it after 3.5 seconds."""


class WorkerLoop(abc.ABC):
    """One of a worker's loops, from its first heartbeat to its last. Each instance runs once.

    Args:
        consumer: The queue, for this loop's tasks alone. The caller closes it.
        claim_seconds: Seconds after which another worker may claim a job of a worker that beats and renews no
            claim; claims are renewed four times in it.
        isolation_lock: Shared by the worker's loops. It is held while a job claimed from a dead worker runs,
            so that two of these never run at the same time.
        stop_timeout_s: Seconds for the jobs in flight to finish when the worker is told to stop.
    """

    def __init__(
        self,
        consumer: Consumer,
        claim_seconds: float,
        isolation_lock: asyncio.Lock,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        self._consumer = consumer
        self._claim_seconds = claim_seconds
        self._isolation_lock = isolation_lock
        self._stop_timeout_s = stop_timeout_s
        self._tasks = asyncio.TaskGroup()
        self._slot_freed = asyncio.Event()
        """Set when the loop may have room for another job."""

    async def run(self, stop: asyncio.Event) -> None:
        """Warm the models up, then work until `stop` is set; then give back the jobs that do not finish soon.

        Raises:
            ModelBroken, DecoderUnavailable, CallTimeout: The worker cannot go on. Jobs in flight keep their
                claims until these run out; then another worker claims them one at a time.
        """
        try:
            await self._run_until(stop)
            await self._consumer.leave()
        except BaseExceptionGroup as group:
            # Not `leave`: a job that breaks every model would go back to its stream as if it were new, and
            # would be batched with others again.
            await self._consumer.beat(0)
            broken = group.subgroup(WORKER_BROKEN)
            if broken is None:
                raise
            raise _first_error(broken) from None
        finally:
            await self._close()

    @abc.abstractmethod
    async def _run_until(self, stop: asyncio.Event) -> None:
        """Do the work within `self._tasks`; return when `stop` is set and all its tasks have ended."""

    @abc.abstractmethod
    async def _close(self) -> None:
        """Close what the loop has opened."""

    @abc.abstractmethod
    def _claimed(self) -> Iterable[ClaimedJob]:
        """Return the jobs whose claims must be renewed."""

    async def _beat(self) -> None:
        while True:
            await self._consumer.beat(HEARTBEAT_TTL_S)
            await asyncio.sleep(BEAT_INTERVAL_S)

    async def _renew_claims(self) -> None:
        while True:
            await asyncio.sleep(self._claim_seconds / 4)
            await self._consumer.renew(self._claimed())

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()` holds; it is checked each time that `_slot_freed` is set."""
        while not condition():
            self._slot_freed.clear()
            await self._slot_freed.wait()


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error in nested groups."""
    error = group.exceptions[0]
    return _first_error(error) if isinstance(error, BaseExceptionGroup) else error
