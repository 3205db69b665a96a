"""The worker's side of the queue: take jobs, keep hold of them, answer them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from inference.errors import Expired, QueueUnavailable, WorkerLost
from inference.queue.connection import Client, connect_blocking, read_after
from inference.queue.image_store import PictureStore
from inference.queue.keys import GROUP, Keys, picture_name
from inference.queue.scripts import Scripts
from inference.schema import Delta, Failure, Job, Picture, Progress, Result, Task, in_one_scope
from inference.settings import WorkerSettings

__all__ = ["GROUP", "MAX_ATTEMPTS", "ClaimedJob", "Consumer", "Keys", "StreamStart"]

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_ATTEMPTS = 3
"""Attempts that a job makes alone before it is given up."""
MAX_BLOCK_S = 5.0
"""Seconds of one blocking read."""
MAX_RETRY_DELAY_S = 2.0
"""Seconds between two tries while Redis is away, at most."""


@dataclass(frozen=True)
class ClaimedJob:
    """A job in a worker's hands.

    Attributes:
        job: What to do.
        stream: The key of the stream that it came from.
        entry_id: Its entry there.
        alone: It was in the hands of a worker that fell silent: it must run in a batch of its own.
    """

    job: Job
    stream: str
    entry_id: str
    alone: bool


@dataclass(frozen=True)
class StreamStart:
    """What a worker must know before it begins with a text.

    Attributes:
        attempt: How often somebody began with it before.
        stopped: It was stopped before this worker had it.
    """

    attempt: int
    stopped: bool


class Consumer:
    """One worker's end of the job streams. While Redis is away it waits; it does not fall over.

    Args:
        redis: For short commands; blocking reads get a connection of their own.
        keys: The key names.
        tasks: What the worker serves.
        name: Of the worker; no other live worker may have it.
        settings: `claim_seconds`, `picture_seconds`, `queue_bytes`.
        clock: Gives Unix time in seconds.
    """

    def __init__(
        self,
        redis: Client,
        keys: Keys,
        tasks: Sequence[Task],
        name: str,
        settings: WorkerSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.garbage = 0
        """Entries that were no jobs, so far."""
        self._redis = redis
        self._blocking = connect_blocking(redis)
        self._run = Scripts(redis, keys)
        self._keys = keys
        self._tasks = tuple(tasks)
        self._settings = settings
        self._clock = clock
        self._pictures = PictureStore(redis, keys, settings, clock)
        self._life = settings.picture_seconds * 1000
        # People who wait come first; `take.lua` relies on the two halves.
        self._expected = {
            keys.jobs(task, priority): (task, priority)
            for priority in ("waiting", "unasked")
            for task in self._tasks
        }
        self._pause = 0.0

    async def ensure_groups(self) -> None:
        """Make the consumer group on every stream that is served; `take` mends a lost one by itself.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        await self._run("groups", *self._expected)

    async def take(
        self, count: int, block_ms: int, *, manners: Callable[[], float] = float
    ) -> list[ClaimedJob]:
        """Take what waits, the oldest first, people who wait before what nobody asked for.

        Expired jobs are answered so and garbage is dropped: neither is handed out.

        Args:
            count: At most so many, at least 1.
            block_ms: How long to wait while there is nothing; 0 does not wait.
            manners: Gives the seconds for which what comes is left to workers with less to do.

        Returns:
            The jobs, all for streams of this worker's tasks; none when nothing came, or Redis is away.
        """
        until = asyncio.get_running_loop().time() + block_ms / 1000
        try:
            entries, marks = await self._run("take", self.name, count, *self._expected)
            while not entries and (left := until - asyncio.get_running_loop().time()) > 0:
                await self._wait_for_news(marks, min(left, MAX_BLOCK_S))
                if (seconds := manners()) > 0:
                    await asyncio.sleep(seconds)
                entries, marks = await self._run("take", self.name, count, *self._expected)
        except QueueUnavailable as error:
            await self._rest(error, until)
            return []
        self._pause = 0.0
        return await self._sift(entries)

    async def _wait_for_news(self, marks: Sequence[bytes], seconds: float) -> None:
        """Return when a stream has an entry after its mark; deliver nothing.

        Reading in the group itself could give more than was asked for, the less urgent first, and a
        connection that breaks at the wrong moment would leave entries with nobody. This is only a bell.
        """
        await read_after(self._blocking, dict(zip(self._expected, marks, strict=True)), 1, seconds)

    async def _rest(self, error: QueueUnavailable, until: float) -> None:
        if not self._pause:
            log.warning("the queue is away, waiting for it: %s", error)
        self._pause = min(MAX_RETRY_DELAY_S, max(0.05, self._pause * 2))
        await asyncio.sleep(max(0.0, min(self._pause, until - asyncio.get_running_loop().time())))

    async def _sift(self, entries: Iterable[tuple[bytes, bytes, bytes]]) -> list[ClaimedJob]:
        taken: list[ClaimedJob] = []
        for stream, entry, payload in entries:
            # If Redis goes away right now, what was not dropped stays pending, and is claimed later.
            with contextlib.suppress(QueueUnavailable):
                taken += await self._examine(stream.decode(), entry.decode(), payload)
        return taken

    async def _examine(self, stream: str, entry: str, payload: bytes) -> list[ClaimedJob]:
        """Read an entry; drop it where it is garbage or too late.

        Returns:
            The job, or nothing.
        """
        job = self._read(stream, payload)
        if job is None:
            self.garbage += 1
            log.warning("entry %s of %s is no job: dropped (%d so far)", entry, stream, self.garbage)
            await self._finish("", stream, entry, "")
            return []
        taken = ClaimedJob(job, stream, entry, alone=False)
        if job.deadline < self._clock():
            log.info("job %s expired before it was begun", job.id)
            await self._answer(taken, Failure(job_id=job.id, code=Expired.code))
            return []
        return [taken]

    def _read(self, stream: str, payload: bytes) -> Job | None:
        """Read a job, and check that it is in its stream and names one scope."""
        try:
            job = Job.model_validate_json(payload)
        except ValidationError:
            return None
        in_place = (job.request.task, job.priority) == self._expected.get(stream)
        return job if in_place and in_one_scope(job.request) else None

    async def take_abandoned(self) -> list[ClaimedJob]:
        """Take over a job from a worker that fell silent for `claim_seconds`.

        It hands out one at a time and counts the attempt, so call it only when the job can run at once and
        alone: no other job pays for one that kills its worker.

        Returns:
            A job with `alone` set, or nothing (also while Redis is away).
        """
        idle = max(1, int(self._settings.claim_seconds * 1000))
        with contextlib.suppress(QueueUnavailable):
            while claimed := await self._run("claim", self.name, idle, *self._expected):
                stream, entry, payload = claimed
                for taken in await self._examine(stream.decode(), entry.decode(), payload):
                    if alone := await self._attempt(taken):
                        return [alone]
        return []

    async def any_abandoned(self) -> bool:
        """Say whether there may be a job for `take_abandoned`, without touching it."""
        idle = max(1, int(self._settings.claim_seconds * 1000))
        found = False
        with contextlib.suppress(QueueUnavailable):
            found = bool(await self._run("abandoned", idle, *self._expected))
        return found

    async def _attempt(self, taken: ClaimedJob) -> ClaimedJob | None:
        attempts = int(await self._run("attempt", taken.job.id, taken.entry_id))
        if attempts == 0:
            await self._finish("", taken.stream, taken.entry_id, "")
        elif attempts > MAX_ATTEMPTS:
            log.error("job %s took %d workers down alone: given up", taken.job.id, MAX_ATTEMPTS)
            failure = Failure(job_id=taken.job.id, code=WorkerLost.code)
            await self._answer(taken, failure, self._dead_letter(taken.job))
        else:
            return ClaimedJob(taken.job, taken.stream, taken.entry_id, alone=True)
        return None

    def _dead_letter(self, job: Job) -> dict[str, str]:
        """Say which job it was, and nothing of what people wrote."""
        return {
            "job": job.id,
            "task": job.request.task,
            "priority": job.priority,
            "pictures": " ".join(picture_name(picture) for picture in job.request.pictures),
            "submitted": str(job.submitted),
            "attempts": str(MAX_ATTEMPTS),
        }

    async def renew(self, taken: Iterable[ClaimedJob]) -> None:
        """Say that these are still worked at; call it more often than every `claim_seconds`."""
        pairs = [word for each in taken for word in (each.stream, each.entry_id)]
        if pairs:
            with _away("renew a claim"):
                await self._run("renew", self.name, *pairs)

    async def finish(self, taken: ClaimedJob, reply: Result | Failure) -> None:
        """Answer a job: publish and keep the reply, acknowledge and delete the entry, all at once.

        A job that somebody else has answered meanwhile, or that nobody wants any more, gets no second reply.
        While Redis is away it tries again for `claim_seconds`.

        Raises:
            QueueUnavailable: Redis did not come back; the job will be claimed by another worker.
            ValueError: The reply is for another job.
        """
        if reply.job_id != taken.job.id:
            raise ValueError(f"a reply for job {reply.job_id} cannot answer job {taken.job.id}")
        await self._patiently(lambda: self._answer(taken, reply))

    async def _answer(
        self, taken: ClaimedJob, reply: Result | Failure, dead: dict[str, str] | None = None
    ) -> None:
        await self._finish(taken.job.id, taken.stream, taken.entry_id, reply.model_dump_json(), dead)

    async def _finish(
        self, job_id: str, stream: str, entry: str, reply: str, dead: dict[str, str] | None = None
    ) -> None:
        now = self._clock()
        # Dead letters are kept for as long as pictures, and no longer.
        oldest = max(0, int((now - self._settings.picture_seconds) * 1000))
        words = [word for pair in (dead or {}).items() for word in pair]
        await self._run("finish", job_id, stream, entry, reply, now, self._life, oldest, *words)

    async def picture(self, picture: Picture) -> bytes:
        """Fetch a picture's bytes, exactly `picture.size` of them.

        Raises:
            PictureGone: They are no longer kept, or are not what the job says.
            QueueUnavailable: Redis was away for longer than `claim_seconds`.
        """
        return await self._patiently(lambda: self._pictures.get(picture))

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Keep a picture that was made for a result, such as a thumbnail, for as long as others.

        Raises:
            QueueFull: There is no room for it.
            QueueUnavailable: Redis was away for longer than `claim_seconds`.
        """
        return await self._patiently(lambda: self._pictures.put(scope, data))

    async def begin(self, taken: ClaimedJob) -> StreamStart | None:
        """Begin with a job whose text is streamed; None where nobody wants it any more.

        Raises:
            QueueUnavailable: Redis was away for longer than `claim_seconds`.
        """
        begun = await self._patiently(lambda: self._run("begin", taken.job.id, taken.entry_id))
        return StreamStart(int(begun[0]), stopped=bool(begun[1])) if begun else None

    async def publish_delta(self, job: Job, delta: Delta | Progress) -> bool:
        """Send a piece of a text on its way. One that is lost does no harm: the result has the whole text.

        Returns:
            Whether anybody still wants the job.
        """
        try:
            return bool(await self._run("delta", job.id, delta.model_dump_json(), self._life))
        except QueueUnavailable as error:
            log.warning("could not publish a delta: %s", error)
            return True

    async def beat(self, ttl: float) -> None:
        """Say that this worker lives and is ready, for `ttl` seconds from now."""
        with _away("beat"):
            await self._run("beat", self.name, ttl, *self._tasks)

    async def leave(self) -> None:
        """Give back at once what is in hand, and count as not ready: for a worker that stops by itself."""
        with _away("leave"):
            await self._run("leave", self.name, len(self._tasks), *self._tasks, *self._expected)

    async def close(self) -> None:
        """Close the connection for blocking reads; the other one is whoever's gave it."""
        await self._blocking.aclose()

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it succeeds, for as long as the job is certainly still ours."""
        until = asyncio.get_running_loop().time() + self._settings.claim_seconds
        while True:
            try:
                return await call()
            except QueueUnavailable as error:
                if asyncio.get_running_loop().time() >= until:
                    raise
                await self._rest(error, until)


@contextlib.contextmanager
def _away(what: str) -> Iterator[None]:
    """Let something that matters little come to nothing while Redis is away."""
    try:
        yield
    except QueueUnavailable as error:
        log.warning("could not %s: %s", what, error)
