"""The bot's side of the queue: submit jobs and wait for replies. The handlers' only way to the queue."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable

from pydantic import TypeAdapter, ValidationError

from inference.background import BackgroundTasks
from inference.errors import NotServed, QueueUnavailable, TooManyInFlight
from inference.queue.backend_state import QueueStatus, read_status
from inference.queue.connection import Client, connect, translated
from inference.queue.embedded_redis import running_redis
from inference.queue.image_store import PictureStore, queue_full
from inference.queue.keys import TASKS, Keys, picture_name
from inference.queue.loading_state import LEASE_S, TaskState, read_task_state
from inference.queue.redis_clock import CLOCK, learn_time
from inference.queue.reply_reader import ReplyReader
from inference.queue.scripts import Scripts
from inference.queue.ticket import Pending, Ticket
from inference.schema import (
    Conversed,
    Failure,
    Group,
    Job,
    Picture,
    Priority,
    Request,
    Result,
    Task,
    in_one_scope,
    replies,
)
from inference.settings import QueueSettings

__all__ = ["InferenceClient", "Ticket"]

log = logging.getLogger(__name__)

RECORD_RETENTION_S = 24 * 3600
"""Seconds after its deadline at which an open job's record expires, should no worker ever remove it."""
SWEEP_INTERVAL_S = 10.0
"""Seconds between two checks that Redis still has the pending jobs."""

_requests: TypeAdapter[Request] = TypeAdapter(Request)


class InferenceClient:
    """A process's client of the queue. Create it with `open`.

    Args:
        redis: For short commands; the reader of replies gets a connection of its own.
        settings: The queue's limits; every process must have the same.
        bot_name: Names the reply stream. It must be the same after a restart and differ from every other
            process's (it is made from the application's id and the shards); 1 to 64 characters.
        keys: The key names.
        clock: Returns Unix time in seconds, by default by Redis's clock.
    """

    def __init__(
        self,
        redis: Client,
        settings: QueueSettings,
        bot_name: str,
        *,
        keys: Keys | None = None,
        clock: Callable[[], float] = CLOCK,
    ) -> None:
        self._redis = redis
        self._settings = settings
        self._bot_name = bot_name
        self._keys = keys or Keys()
        self._run = Scripts(redis, self._keys)
        self._clock = clock
        self._pictures = PictureStore(redis, self._keys, settings, clock)
        self._pending: dict[str, Pending] = {}
        self._reader = ReplyReader(redis, self._keys.replies(bot_name), self._pending, self._resubmit_pending)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        settings: QueueSettings,
        bot_name: str,
        *,
        keys: Keys | None = None,
        clock: Callable[[], float] = CLOCK,
        background: BackgroundTasks | None = None,
    ) -> "AsyncIterator[InferenceClient]":
        """Connect, and read replies until the context ends.

        Without a `redis_url` in the settings the embedded server is used. `background` runs the reading and
        the checks; None: tasks of its own.

        Raises:
            QueueUnavailable: There is no usable Redis; the message says why and what to do.
        """
        async with running_redis(settings) as url:
            redis = connect(url)
            client = cls(redis, settings, bot_name, keys=keys, clock=clock)
            with contextlib.suppress(QueueUnavailable):
                await learn_time(redis)
            background = background or BackgroundTasks()
            work = {f"replies for {bot_name}": client._reader.run, f"jobs of {bot_name}": client._sweep}
            for name, run in work.items():
                background.start(name, run)
            try:
                yield client
            finally:
                await background.stop(*work)
                await client._reader.close()
                await redis.aclose()

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Store an image file for the workers, for `picture_seconds` from now. Idempotent.

        Args:
            scope: The guild or DM that it belongs to: `guild:<id>` or `dm:<channel id>`.
            data: The file as it was posted; it is not decoded here.

        Raises:
            QueueFull: Images of open jobs fill the queue (`retry_after`).
            QueueUnavailable: Redis cannot be reached.
            ValueError: The scope is malformed, or `data` is empty.
        """
        return await self._pictures.put(scope, data)

    async def keep_picture(self, picture: Picture) -> bool:
        """Keep a stored image for another `picture_seconds`.

        Returns:
            Whether its bytes are still there; otherwise they have to be stored again.

        Raises:
            QueueFull: Images of open jobs fill the queue (`retry_after`).
            QueueUnavailable: Redis cannot be reached.
        """
        return await self._pictures.keep(picture)

    async def picture(self, picture: Picture) -> bytes:
        """Fetch an image file, such as a result's thumbnail.

        Raises:
            PictureGone: It is no longer kept.
            QueueUnavailable: Redis cannot be reached.
        """
        return await self._pictures.get(picture)

    async def submit(
        self,
        request: Request,
        *,
        id: str,  # noqa: A002 - its name on the wire
        priority: Priority,
        asker: str,
        group: Group,
    ) -> Ticket:
        """Submit a job. Idempotent by its id: an open job is joined, a finished one has its result at once.

        Args:
            request: The request.
            id: Made by `job_id` from the parts that identify the request.
            priority: Whether a user waits for the result.
            asker: Discord's id of the user.
            group: The jobs of the same message.

        Raises:
            NotServed: There are live workers, and none of them serves this task or loads its model.
            TooManyInFlight: The user has too many open jobs (`limit`, `open`).
            QueueFull: There are too many open jobs in all (`retry_after`: seconds).
            QueueUnavailable: Redis cannot be reached; this takes up to `CALL_TIMEOUT_S`.
            ValueError: The request's images belong to different scopes, or a value is out of range.
        """
        now = self._clock()
        job = Job(
            id=id,
            request=_requests.validate_python(request),
            priority=priority,
            asker=asker,
            group=group,
            reply_to=self._bot_name,
            submitted=now,
            deadline=now + self._settings.job_seconds,
        )
        if not in_one_scope(job.request):
            raise ValueError(f"the pictures of job {id} belong to different scopes: one job, one scope")
        pending = await self._submit(job)
        return Ticket(pending, job.deadline, position=self._position, expire=self._expire, clock=self._clock)

    async def _submit(self, job: Job) -> Pending:
        """Enqueue a job. It is pending from before that: the reply may come before this returns."""
        pending = self._pending.setdefault(job.id, Pending(job))
        pending.submits += 1
        try:
            reply = await self._enqueue(job)
        except BaseException:
            pending.submits -= 1
            if not pending.submits:
                self._drop(pending)
            raise
        pending.accepted = True
        pending.job = max(pending.job, job, key=lambda each: each.deadline)
        if reply is not None:
            self._drop(pending)
            pending.receive(reply)
        return pending

    async def _enqueue(
        self, job: Job, *, accepted: bool = False, extended: float = 0.0
    ) -> Result | Failure | None:
        """Add a job to its stream, unless it is there. Idempotent.

        Args:
            job: The job.
            accepted: It was accepted before, so that no limit refuses it now.
            extended: Seconds by which its deadline has moved before.

        Returns:
            Its reply, where it is finished already.
        """
        pictures = job.request.pictures
        status, *rest = await self._run(
            "submit",
            job.id,
            job.model_dump_json(),
            job.request.task,
            self._keys.jobs(job.request.task, job.priority),
            job.request.scope,
            job.asker,
            job.reply_to,
            " ".join(picture_name(picture) for picture in pictures),
            self._clock(),
            job.deadline,
            int((job.deadline - job.submitted + RECORD_RETENTION_S) * 1000),
            self._settings.queue_jobs,
            self._settings.jobs_per_person,
            "1" if accepted else "",
            extended,
            LEASE_S,
            *TASKS,
        )
        if status == b"not_served":
            raise NotServed(f"No live worker serves {job.request.task}.", task=job.request.task)
        if status == b"many":
            limit = self._settings.jobs_per_person
            open_jobs = int(rest[0])
            error = TooManyInFlight(
                f"A user may have {limit} open jobs at a time, and this one has {open_jobs}: "
                "try again when one of them is done.",
                limit=limit,
                open=open_jobs,
            )
            error.room_at = float(rest[1])
            raise error
        if status == b"full":
            max_jobs = self._settings.queue_jobs
            raise queue_full(f"{max_jobs} jobs", rest, self._clock(), max_jobs)
        if status == b"kept":
            return await self._parse_kept(job, rest[0])
        return None

    async def _parse_kept(self, job: Job, raw: bytes) -> Result | Failure | None:
        """Parse a kept reply; where another version of Beholder wrote it, enqueue the job again."""
        with contextlib.suppress(ValidationError):
            reply = replies.validate_json(raw)
            if isinstance(reply, Result | Failure) and reply.job_id == job.id:
                return reply
        log.warning("job %s: its kept result cannot be parsed, so it runs again", job.id)
        await self._run("close", job.id)
        return await self._enqueue(job, accepted=True)

    def _drop(self, pending: Pending) -> None:
        if self._pending.get(pending.job.id) is pending:
            del self._pending[pending.job.id]

    async def close_request(self, ids: Iterable[str]) -> None:
        """Delete these jobs' kept results, once shown; withdraw the jobs that still wait. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached; kept results expire by themselves after
                `picture_seconds`.
        """
        if closed := list(ids):
            for each in closed:
                self._pending.pop(each, None)
            await self._run("close", *closed)

    async def stop(self, job_id: str) -> None:
        """Cancel a conversation job; its result has the text so far, with `stopped` set. Idempotent.

        A job that still waits ends with an empty text. A finished job, and one of another task, is left as it
        is.

        Raises:
            QueueUnavailable: Redis cannot be reached; the job was not cancelled.
        """
        empty = Result(job_id=job_id, outcome=Conversed(text="", stopped=True))
        retention_ms = self._settings.picture_seconds * 1000
        await self._run("cancel", job_id, empty.model_dump_json(), retention_ms, self._keys.cancellations)

    async def workers_ready(self, tasks: Iterable[Task]) -> bool:
        """Return whether each of `tasks` is served by a live and ready worker.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return bool(await self._run("workers_ready", *tasks))

    async def task_state(self, task: Task) -> TaskState:
        """Return whether `task` is served, and how far the workers are that load its models.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return await read_task_state(self._run, task)

    async def status(self) -> QueueStatus:
        """Return the state of the queue and its workers.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return await read_status(self._redis, self._keys)

    async def ping(self) -> None:
        """Check that Redis answers.

        Raises:
            QueueUnavailable: It does not.
        """
        async with translated():
            await self._redis.ping()

    async def _position(self, job_id: str) -> int | None:
        job = self._pending[job_id].job if job_id in self._pending else None
        if job is None:
            return None
        task = job.request.task
        streams = (self._keys.jobs(task, "waiting"), self._keys.jobs(task, "unasked"))
        ahead = await self._run("position", job_id, *streams)
        return None if ahead is None else int(ahead)

    async def _expire(self, pending: Pending) -> None:
        """Withdraw an expired job, unless its deadline has moved or a later `submit` has joined it.

        Where Redis is away, the worker that claims it drops it.
        """
        job, now = pending.job, self._clock()
        with contextlib.suppress(QueueUnavailable):
            extended = await self._run("expire", job.id, now, job.deadline)
            if extended is not None:
                pending.extended = float(extended)
        if job.deadline + pending.extended <= now:
            self._drop(pending)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            with contextlib.suppress(QueueUnavailable):
                await self._resubmit_pending()

    async def _resubmit_pending(self) -> None:
        """Submit every pending job again.

        An open job is only joined. One that finished while its reply got lost gets its kept result, and one
        that Redis lost (it may lose its last second when the machine stops) is enqueued again.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        await learn_time(self._redis)
        for pending in list(self._pending.values()):
            # It may have been closed since the list was made.
            is_open = self._pending.get(pending.job.id) is pending
            if not is_open or not pending.accepted or pending.reply.done():
                continue
            if pending.job.deadline + pending.extended <= self._clock():
                await self._expire(pending)
            elif (
                reply := await self._enqueue(pending.job, accepted=True, extended=pending.extended)
            ) is not None:
                self._drop(pending)
                pending.receive(reply)
