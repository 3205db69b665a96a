"""The worker's side of the queue: claim jobs, renew the claims, publish replies."""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from inference.errors import Expired, QueueUnavailable, WorkerLost
from inference.queue.backend_state import BackendState
from inference.queue.connection import Client, connect_blocking, read_after, translated
from inference.queue.image_store import PictureStore
from inference.queue.keys import GROUP, Keys, picture_name
from inference.queue.loading_state import LoadingAnnouncer
from inference.queue.redis_clock import CLOCK
from inference.queue.scripts import Scripts
from inference.schema import Delta, Failure, Job, Picture, Progress, Result, Task, in_one_scope
from inference.settings import WorkerSettings

__all__ = ["GROUP", "MAX_ATTEMPTS", "ClaimedJob", "Consumer", "GenerationStart", "Keys", "worker_name"]

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_ATTEMPTS = 3
"""Isolated attempts of a job before it is given up."""
MAX_BLOCK_S = 5.0
"""Seconds of one blocking read, at most."""
MISSED_BEAT_S = 2.0
"""Seconds that are left of a heartbeat (of 3.5) where its worker has missed the next one."""
MIN_RETRY_DELAY_S = 0.05
MAX_RETRY_DELAY_S = 2.0
"""Seconds between two tries while Redis is away, at most; the delay doubles from the least to the most."""


@dataclass(frozen=True)
class ClaimedJob:
    """A job that is delivered to this worker and not yet acknowledged.

    Attributes:
        job: The job.
        stream: The key of its stream.
        entry_id: Its entry in the stream.
        isolated: It was claimed from a worker that fell silent, so it must run in a batch of its own.
        extended: Seconds by which its deadline had moved when it was claimed; `job.deadline` includes them.
    """

    job: Job
    stream: str
    entry_id: str
    isolated: bool
    extended: float = 0.0


@dataclass(frozen=True)
class GenerationStart:
    """The state of a streamed job when a worker begins to generate its text.

    Attributes:
        attempt: The number of attempts before this one.
        cancelled: It was cancelled before this worker claimed it.
    """

    attempt: int
    cancelled: bool


class Consumer:
    """One worker's consumer in the group of the job streams. While Redis is away it waits instead of raising.

    Args:
        redis: For short commands; blocking reads get a connection of their own.
        keys: The key names.
        tasks: The tasks whose streams are read.
        name: The consumer's name, unique among live workers.
        settings: `claim_seconds`, `picture_seconds`, `queue_bytes`.
        loading: Announces that the worker's models are being loaded, until the first heartbeat.
        clock: Returns Unix time in seconds, by default by Redis's clock.
    """

    def __init__(
        self,
        redis: Client,
        keys: Keys,
        tasks: Sequence[Task],
        name: str,
        settings: WorkerSettings,
        *,
        loading: LoadingAnnouncer | None = None,
        clock: Callable[[], float] = CLOCK,
    ) -> None:
        self.name = name
        self._loading = loading
        self.garbage = 0
        """The number of entries so far that were no jobs."""
        self._redis = redis
        self._blocking = connect_blocking(redis)
        self._run = Scripts(redis, keys)
        self._keys = keys
        self._tasks = tuple(tasks)
        self._settings = settings
        self._clock = clock
        self._pictures = PictureStore(redis, keys, settings, clock)
        self._retention_ms = settings.picture_seconds * 1000
        # The `waiting` streams come first; `take.lua` relies on the two halves.
        self._streams = {
            keys.jobs(task, priority): (task, priority)
            for priority in ("waiting", "unasked")
            for task in self._tasks
        }
        self._retry_delay = 0.0
        self._beat_ttl = 0.0
        self._beating_since: float | None = None
        self._dead: tuple[str, ...] = ()

    async def ensure_groups(self) -> None:
        """Create the consumer group on every stream. Idempotent; `take` creates a missing one again."""
        with contextlib.suppress(QueueUnavailable):
            await self._run("ensure_groups", *self._streams)

    async def take(
        self, count: int, block_ms: int, *, yield_delay: Callable[[], float] = float
    ) -> list[ClaimedJob]:
        """Claim new jobs, the oldest first, `waiting` ones before `unasked` ones.

        Expired jobs get a failure reply and malformed entries are deleted; neither is returned.

        Args:
            count: The most jobs to claim, at least 1.
            block_ms: Milliseconds to wait while there is none; 0 does not wait.
            yield_delay: Returns the seconds to wait after a job has come, so that less loaded workers claim
                it first.

        Returns:
            The jobs, all of this worker's tasks; none when none came, or Redis is away.
        """
        until = asyncio.get_running_loop().time() + block_ms / 1000
        try:
            entries, marks = await self._run("take", self.name, count, *self._streams)
            while not entries and (left := until - asyncio.get_running_loop().time()) > 0:
                await self._wait_for_entry(marks, min(left, MAX_BLOCK_S))
                if (seconds := yield_delay()) > 0:
                    await asyncio.sleep(seconds)
                entries, marks = await self._run("take", self.name, count, *self._streams)
        except QueueUnavailable:
            await self._back_off(until)
            return []
        self._retry_delay = 0.0
        return await self._valid_jobs(entries)

    async def _wait_for_entry(self, marks: Sequence[bytes], seconds: float) -> None:
        """Return when a stream has an entry after its mark, or the time is up; deliver nothing.

        A blocking XREADGROUP could deliver more than was asked for, the less urgent first, and a connection
        that breaks at the wrong moment would leave the entries pending without an owner that knows of them.
        So this only waits, and `take.lua` delivers.
        """
        await read_after(self._blocking, dict(zip(self._streams, marks, strict=True)), 1, seconds)

    async def _back_off(self, until: float) -> None:
        """Sleep before the next try, not beyond `until` (the event loop's time)."""
        self._retry_delay = min(MAX_RETRY_DELAY_S, max(MIN_RETRY_DELAY_S, self._retry_delay * 2))
        await asyncio.sleep(max(0.0, min(self._retry_delay, until - asyncio.get_running_loop().time())))

    async def _valid_jobs(self, entries: Iterable[tuple[bytes, bytes, bytes, bytes]]) -> list[ClaimedJob]:
        claimed: list[ClaimedJob] = []
        for stream, entry_id, payload, extended in entries:
            # Where Redis goes away right now, an entry that was not removed stays pending and is claimed
            # later.
            with contextlib.suppress(QueueUnavailable):
                claimed += await self._validate(stream.decode(), entry_id.decode(), payload, float(extended))
        return claimed

    async def _validate(
        self, stream: str, entry_id: str, payload: bytes, extended: float
    ) -> list[ClaimedJob]:
        """Parse an entry; remove it where it is malformed or expired.

        Returns:
            The job, or nothing.
        """
        job = self._parse(stream, payload)
        if job is None:
            self.garbage += 1
            log.warning("entry %s of %s is no job: removed (%d so far)", entry_id, stream, self.garbage)
            await self._run_finish("", stream, entry_id, "")
            return []
        job = job.model_copy(update={"deadline": job.deadline + extended})
        claimed = ClaimedJob(job, stream, entry_id, isolated=False, extended=extended)
        if job.deadline < self._clock():
            log.info("job %s expired before it began", job.id)
            await self._publish_reply(claimed, Failure(job_id=job.id, code=Expired.code))
            return []
        return [claimed]

    def _parse(self, stream: str, payload: bytes) -> Job | None:
        """Parse a job; None where it is malformed, in the wrong stream, or names several scopes."""
        try:
            job = Job.model_validate_json(payload)
        except ValidationError:
            return None
        in_its_stream = (job.request.task, job.priority) == self._streams.get(stream)
        return job if in_its_stream and in_one_scope(job.request) else None

    async def claim_abandoned(self) -> list[ClaimedJob]:
        """Claim one job from a worker that is gone, and count the attempt.

        A worker is gone when its heartbeat has lapsed, when it was a process of this machine that has ended,
        or when it has not renewed its claim for `claim_seconds`.

        Call it only when the job can run at once and isolated, so that no other job pays for one that kills
        its worker.

        Returns:
            A job with `isolated` set, or nothing (also while Redis is away).
        """
        with contextlib.suppress(QueueUnavailable):
            while entry := await self._run("claim_abandoned", self.name, *self._look()):
                stream, entry_id, payload, extended = entry
                for claimed in await self._validate(
                    stream.decode(), entry_id.decode(), payload, float(extended)
                ):
                    if isolated := await self._count_attempt(claimed):
                        return [isolated]
        return []

    async def has_abandoned(self) -> bool:
        """Return whether there may be a job for `claim_abandoned`; False while Redis is away."""
        found = False
        with contextlib.suppress(QueueUnavailable):
            found = bool(await self._run("has_abandoned", *self._look()))
        return found

    def _look(self) -> tuple[str | int, ...]:
        """Return the arguments of a look for abandoned jobs."""
        idle_ms = max(1, int(self._settings.claim_seconds * 1000))
        # Where Redis was away, every heartbeat has lapsed; those of the living come back first.
        clock = asyncio.get_running_loop().time
        lapse = self._beating_since is not None and clock() - self._beating_since > self._beat_ttl
        return (idle_ms, "1" if lapse else "", len(self._dead), *self._dead, *self._streams)

    async def find_dead_neighbours(self) -> None:
        """Find the workers of this machine whose processes have ended: their jobs may be claimed at once."""
        with contextlib.suppress(QueueUnavailable):
            async with translated():
                seconds, microseconds = await self._redis.time()
                now = seconds + microseconds / 1e6
                CLOCK.learn(now)
                names: set[str] = set()
                for task in self._tasks:
                    known: Any = await self._redis.zrange(self._keys.workers(task), 0, -1, withscores=True)
                    # One that has given a heartbeat just now lives, perhaps in another container.
                    names |= {name.decode() for name, until in known if until - now < MISSED_BEAT_S}
            self._dead = tuple(each for each in names if each != self.name and _has_ended(each))

    async def _count_attempt(self, claimed: ClaimedJob) -> ClaimedJob | None:
        """Count an attempt; return the job as an isolated one, or None where it was closed or is given up."""
        attempts = int(await self._run("count_attempt", claimed.job.id, claimed.entry_id))
        if attempts == 0:
            await self._run_finish("", claimed.stream, claimed.entry_id, "")
        elif attempts > MAX_ATTEMPTS:
            log.error(
                "job %s: %d workers ended while it ran isolated: given up", claimed.job.id, MAX_ATTEMPTS
            )
            failure = Failure(job_id=claimed.job.id, code=WorkerLost.code)
            await self._publish_reply(claimed, failure, self._dead_letter(claimed.job))
        else:
            return replace(claimed, isolated=True)
        return None

    def _dead_letter(self, job: Job) -> dict[str, str]:
        """Return the fields that identify a job, without user content."""
        return {
            "job": job.id,
            "task": job.request.task,
            "priority": job.priority,
            "pictures": " ".join(picture_name(picture) for picture in job.request.pictures),
            "submitted": str(job.submitted),
            "attempts": str(MAX_ATTEMPTS),
        }

    async def renew(self, claimed: Iterable[ClaimedJob]) -> None:
        """Renew claims; call it more often than every `claim_seconds`. A claim that is lost stays lost."""
        pairs = [argument for each in claimed for argument in (each.stream, each.entry_id)]
        if pairs:
            with contextlib.suppress(QueueUnavailable):
                await self._run("renew", self.name, *pairs)

    async def finish(self, claimed: ClaimedJob, reply: Result | Failure) -> None:
        """Finish a job: publish and keep its reply, acknowledge and delete its entry, in one step.

        A job that another worker has finished meanwhile, or that was closed, gets no second reply. While
        Redis is away this retries for `claim_seconds`.

        Raises:
            QueueUnavailable: Redis did not come back; another worker will claim the job.
            ValueError: The reply is for another job.
        """
        if reply.job_id != claimed.job.id:
            raise ValueError(f"a reply for job {reply.job_id} cannot answer job {claimed.job.id}")
        await self._retry_while_claimed(lambda: self._publish_reply(claimed, reply))

    async def _publish_reply(
        self, claimed: ClaimedJob, reply: Result | Failure, dead_letter: dict[str, str] | None = None
    ) -> None:
        await self._run_finish(
            claimed.job.id, claimed.stream, claimed.entry_id, reply.model_dump_json(), dead_letter
        )

    async def _run_finish(
        self, job_id: str, stream: str, entry_id: str, reply: str, dead_letter: dict[str, str] | None = None
    ) -> None:
        now = self._clock()
        # Dead letters are kept for as long as images, and no longer.
        oldest_ms = max(0, int((now - self._settings.picture_seconds) * 1000))
        fields = [argument for pair in (dead_letter or {}).items() for argument in pair]
        await self._run(
            "finish", job_id, stream, entry_id, reply, now, self._retention_ms, oldest_ms, *fields
        )

    async def picture(self, picture: Picture) -> bytes:
        """Fetch an image file, exactly `picture.size` bytes.

        Raises:
            PictureGone: It is no longer kept, or its size is another one.
            QueueUnavailable: Redis was away for longer than `claim_seconds`.
        """
        return await self._retry_while_claimed(lambda: self._pictures.get(picture))

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Store an image that was made for a result, such as a thumbnail, for `picture_seconds`.

        Raises:
            QueueFull: There is no room for it.
            QueueUnavailable: Redis was away for longer than `claim_seconds`.
        """
        return await self._retry_while_claimed(lambda: self._pictures.put(scope, data))

    async def begin(self, claimed: ClaimedJob) -> GenerationStart | None:
        """Count that this worker begins to generate a job's text; None where the job was closed.

        Raises:
            QueueUnavailable: Redis was away for longer than `claim_seconds`.
        """
        start = await self._retry_while_claimed(
            lambda: self._run("begin_generation", claimed.job.id, claimed.entry_id)
        )
        return GenerationStart(int(start[0]), cancelled=bool(start[1])) if start else None

    async def publish_delta(self, job: Job, delta: Delta | Progress) -> bool:
        """Publish a delta, at most once. A lost one does no harm: the result has the whole text.

        Returns:
            Whether the job is still open.
        """
        try:
            return bool(await self._run("publish_delta", job.id, delta.model_dump_json(), self._retention_ms))
        except QueueUnavailable:
            return True

    async def hold_deadline(self, claimed: ClaimedJob, lease_s: float) -> float:
        """Have a claimed job's deadline stand still until `lease_s` seconds from now: its model is fetched.

        Returns:
            The job's deadline: Unix time in seconds. While Redis is away, the one that it was claimed with.
        """
        moved: bytes | float = claimed.extended
        with contextlib.suppress(QueueUnavailable):
            moved = await self._run("hold_deadline", claimed.job.id, claimed.entry_id, self._clock(), lease_s)
        return claimed.job.deadline - claimed.extended + float(moved)

    def backend_state(self, task: Task) -> BackendState:
        """Return what reports the problems of this worker's model server."""
        return BackendState(self._redis, self._keys, self.name, task, self._clock)

    async def beat(self, ttl: float) -> None:
        """Register this worker as live and ready for `ttl` seconds from now; 0: as gone."""
        if self._loading is not None:
            await self._loading.ready(self._tasks)
        self._beat_ttl = ttl
        try:
            CLOCK.learn(float(await self._run("beat", self.name, ttl, *self._tasks)))
        except QueueUnavailable:
            self._beating_since = None
        else:
            if self._beating_since is None:
                self._beating_since = asyncio.get_running_loop().time()

    async def leave(self) -> None:
        """Give all claimed jobs back at once, and count as gone: for a worker that stops in good order."""
        with contextlib.suppress(QueueUnavailable):
            await self._run("leave", self.name, len(self._tasks), *self._tasks, *self._streams)

    async def close(self) -> None:
        """Close the connection for blocking reads; the other one belongs to the caller."""
        await self._blocking.aclose()

    async def _retry_while_claimed(self, call: Callable[[], Awaitable[T]]) -> T:
        """Retry an idempotent call while Redis is away, for as long as the claim certainly holds."""
        until = asyncio.get_running_loop().time() + self._settings.claim_seconds
        while True:
            try:
                return await call()
            except QueueUnavailable:
                if asyncio.get_running_loop().time() >= until:
                    raise
                await self._back_off(until)


def worker_name() -> str:
    """Make a name that no other worker has: this machine's, the process's id, and a chance."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _has_ended(name: str) -> bool:
    """Tell whether a worker was a process of this machine, and has ended."""
    host, _, rest = name.rpartition("-")[0].rpartition("-")
    if host != socket.gethostname() or not rest.isdecimal() or int(rest) == os.getpid():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
