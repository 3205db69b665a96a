"""The submitter's handle on a submitted job."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from inference.errors import Expired, from_code
from inference.queue.redis_clock import CLOCK
from inference.schema import Delta, Failure, Job, Progress, Result


@dataclass(eq=False)
class Pending:
    """A job whose reply this process waits for; all tickets for its id share it.

    Attributes:
        job: The job as it was submitted, so that it can be submitted again should Redis have lost it.
        reply: Done once the final reply has come.
        deltas: The deltas and progress reports so far, in order, each attempt's after those of the one
            before.
        accepted: The queue has accepted the job: should it be lost, it is submitted again past every limit.
        submits: The number of `submit` calls that rely on it.
        extended: Seconds by which its deadline has moved while models were fetched or loaded.
        changed: Set, and replaced by a new event, when a delta or the reply has come.
    """

    job: Job
    reply: asyncio.Future[Result | Failure] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    deltas: list[Delta | Progress] = field(default_factory=list)
    accepted: bool = False
    submits: int = 0
    extended: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    _last: tuple[int, int] = (0, -1)
    """Attempt and sequence number of the last delta."""

    def receive(self, reply: Result | Failure | Delta | Progress) -> None:
        """Take in a worker's reply; one that is repeated, out of order, or after the end is ignored."""
        if self.reply.done():
            return
        if isinstance(reply, Delta):
            if (reply.attempt, reply.seq) <= self._last:
                return
            self._last = reply.attempt, reply.seq
        if isinstance(reply, Delta | Progress):
            self.deltas.append(reply)
        else:
            self.reply.set_result(reply)
        self.changed.set()
        self.changed = asyncio.Event()


class Ticket:
    """A submitted job.

    Args:
        pending: Its state, kept up to date by the client.
        deadline: Unix time in seconds until which this submitter waits; later, where it has moved.
        position: Returns the number of jobs before a job, by its id.
        expire: Called at the deadline: finds out whether it has moved, and otherwise withdraws a job that no
            worker has claimed.
        clock: Returns Unix time in seconds.
    """

    def __init__(
        self,
        pending: Pending,
        deadline: float,
        *,
        position: Callable[[str], Awaitable[int | None]],
        expire: Callable[[Pending], Awaitable[None]],
        clock: Callable[[], float] = CLOCK,
    ) -> None:
        self._pending = pending
        self._deadline = deadline
        self._position = position
        self._expire = expire
        self._clock = clock

    @property
    def id(self) -> str:
        """The job's id."""
        return self._pending.job.id

    async def result(self) -> Result:
        """Wait for the result. Several tasks may wait; one that is cancelled does not affect the job.

        Raises:
            Expired: No reply came before the deadline.
            BeholderError: The error that the worker replied with.
        """
        await self._wait_until_deadline(self._pending.reply)
        reply = self._pending.reply.result()
        if isinstance(reply, Failure):
            raise from_code(reply.code, reply.detail)
        return reply

    async def deltas(self) -> AsyncIterator[Delta | Progress]:
        """Yield deltas and progress reports as they come, from the first that this process received.

        It ends with the final reply. After a restart of the bot the first deltas are missing (`seq` shows
        it); the result has the whole text. A delta of a later `attempt` begins the text anew: drop the
        earlier ones.

        Raises:
            Expired: No reply came before the deadline.
        """
        seen = 0
        while True:
            changed = self._pending.changed
            for delta in self._pending.deltas[seen:]:
                seen += 1
                yield delta
            if self._pending.reply.done() and seen == len(self._pending.deltas):
                return
            if changed is self._pending.changed:
                await self._wait_until_deadline(asyncio.ensure_future(changed.wait()))

    async def position(self) -> int | None:
        """Return the number of jobs before this one; None once a worker has claimed it.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return None if self._pending.reply.done() else await self._position(self.id)

    def _left(self) -> float:
        return self._deadline + self._pending.extended - self._clock()

    async def _wait_until_deadline(
        self, event: asyncio.Future[Result | Failure] | asyncio.Task[bool]
    ) -> None:
        """Wait for an event, by this process's clock, whether Redis and the workers live or not."""
        try:
            while not event.done():
                if self._left() <= 0:
                    await self._expire(self._pending)
                    if self._left() <= 0:
                        raise Expired
                await asyncio.wait([event], timeout=self._left())
        finally:
            if event is not self._pending.reply:
                event.cancel()
