"""What a submitter holds while a job is under way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from inference.errors import Expired, from_code
from inference.schema import Delta, Failure, Job, Progress, Result


@dataclass(eq=False)
class Pending:
    """A job that this process waits for; all tickets for its id share it.

    Attributes:
        job: As it was submitted, so that it can be submitted again should Redis have lost it.
        reply: Done once the worker has answered.
        deltas: The pieces of text so far, in order, each attempt's after those of the one before; and what
            had to be done first.
        accepted: Redis has it: should it be lost, it is put back past every bound.
        holders: How many submits rely on it.
        news: Set, and replaced by a new one, when a piece or the reply came.
    """

    job: Job
    reply: asyncio.Future[Result | Failure] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    deltas: list[Delta | Progress] = field(default_factory=list)
    accepted: bool = False
    holders: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    _last: tuple[int, int] = (0, -1)
    """Attempt and number of the last piece."""

    def hear(self, word: Result | Failure | Delta | Progress) -> None:
        """Take in what came from the worker. What came before, or after the end, changes nothing."""
        if self.reply.done():
            return
        if isinstance(word, Delta):
            if (word.attempt, word.seq) <= self._last:
                return
            self._last = word.attempt, word.seq
        if isinstance(word, Delta | Progress):
            self.deltas.append(word)
        else:
            self.reply.set_result(word)
        self.news.set()
        self.news = asyncio.Event()


class Ticket:
    """A job that was submitted.

    Args:
        pending: Its state, kept up to date by the client.
        deadline: Unix time in seconds until which this submitter waits.
        position: Asks how many jobs are before a job.
        expire: Takes a job back that still waits.
        clock: Gives Unix time in seconds.
    """

    def __init__(
        self,
        pending: Pending,
        deadline: float,
        *,
        position: Callable[[str], Awaitable[int | None]],
        expire: Callable[[Pending], Awaitable[None]],
        clock: Callable[[], float] = time.time,
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
        """Wait for the result; more than one may wait, and one that is cancelled does the job no harm.

        Raises:
            Expired: Nobody answered before the deadline.
            BeholderError: What the worker says went wrong.
        """
        await self._until_deadline(self._pending.reply)
        reply = self._pending.reply.result()
        if isinstance(reply, Failure):
            raise from_code(reply.code, reply.detail)
        return reply

    async def deltas(self) -> AsyncIterator[Delta | Progress]:
        """Yield the pieces of the text as they come, from the first that came here; end with the reply.

        After a restart of the bot the first pieces are missing (`seq` says so); the result has all of it. A
        piece of a later `attempt` begins the text anew: forget what came before.

        Raises:
            Expired: Nobody answered before the deadline.
        """
        seen = 0
        while True:
            news = self._pending.news
            for delta in self._pending.deltas[seen:]:
                seen += 1
                yield delta
            if self._pending.reply.done() and seen == len(self._pending.deltas):
                return
            if news is self._pending.news:
                await self._until_deadline(asyncio.ensure_future(news.wait()))

    async def position(self) -> int | None:
        """Say how many jobs are before this one; None once a worker has it.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return None if self._pending.reply.done() else await self._position(self.id)

    async def _until_deadline(self, event: asyncio.Future[Result | Failure] | asyncio.Task[bool]) -> None:
        """Wait for an event, on our own clock, whether or not Redis and the workers still live."""
        try:
            while not event.done():
                left = self._deadline - self._clock()
                if left <= 0:
                    await self._expire(self._pending)
                    raise Expired
                await asyncio.wait([event], timeout=left)
        finally:
            if event is not self._pending.reply:
                event.cancel()
