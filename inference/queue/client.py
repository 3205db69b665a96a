"""The bot's side of the queue, and the only door that handlers use: submit a job and wait for its reply."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable

from pydantic import TypeAdapter, ValidationError

from inference.errors import NotServed, QueueUnavailable, TooManyInFlight
from inference.queue.connection import Client, connect, end, translated
from inference.queue.embedded_redis import running_redis
from inference.queue.image_store import PictureStore, queue_full
from inference.queue.keys import TASKS, Keys, picture_name
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

RECORD_SECONDS = 24 * 3600
"""A record outlives its job's deadline by so much, should no worker ever come to drop it."""
SWEEP_SECONDS = 10.0
"""Between two looks whether what we wait for is still known to Redis."""

_requests: TypeAdapter[Request] = TypeAdapter(Request)


class InferenceClient:
    """A process's way to the workers. Make it with `open`.

    Args:
        redis: For short commands; the reader of replies gets a connection of its own.
        settings: The bounds of the queue; every process must be told the same.
        bot_name: Names the reply stream, so it must be the same after a restart and no other process's (made
            from the application's id and the shards); 1 to 64 characters.
        keys: The key names.
        clock: Gives Unix time in seconds.
    """

    def __init__(
        self,
        redis: Client,
        settings: QueueSettings,
        bot_name: str,
        *,
        keys: Keys | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._settings = settings
        self._bot_name = bot_name
        self._keys = keys or Keys()
        self._run = Scripts(redis, self._keys)
        self._clock = clock
        self._pictures = PictureStore(redis, self._keys, settings, clock)
        self._pending: dict[str, Pending] = {}
        self._reader = ReplyReader(redis, self._keys.replies(bot_name), self._pending, self._look_again)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        settings: QueueSettings,
        bot_name: str,
        *,
        keys: Keys | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "AsyncIterator[InferenceClient]":
        """Connect, and read replies for as long as this lasts.

        Without a `redis_url` in the settings the embedded server is used.

        Raises:
            QueueUnavailable: There is no usable Redis; the sentence says why and what to do.
        """
        async with running_redis(settings) as url:
            redis = connect(url)
            client = cls(redis, settings, bot_name, keys=keys, clock=clock)
            tasks = [
                asyncio.create_task(client._reader.run(), name=f"replies for {bot_name}"),
                asyncio.create_task(client._sweep(), name=f"sweep for {bot_name}"),
            ]
            try:
                yield client
            finally:
                await end(*tasks)
                await client._reader.close()
                await redis.aclose()

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Keep a picture's bytes for the workers, for `picture_seconds` from now.

        Args:
            scope: The server or DM that it belongs to: `guild:<id>` or `dm:<channel id>`.
            data: As they were posted; they are not looked into.

        Raises:
            QueueFull: Open jobs hold as many bytes as may be kept (`retry_after`).
            QueueUnavailable: Redis cannot be reached.
            ValueError: No such scope, or no bytes.
        """
        return await self._pictures.put(scope, data)

    async def keep_picture(self, picture: Picture) -> bool:
        """Keep a picture that was put before for another `picture_seconds`.

        Returns:
            Whether its bytes are still there; else they have to be put again.

        Raises:
            QueueFull: Open jobs hold as many bytes as may be kept (`retry_after`).
            QueueUnavailable: Redis cannot be reached.
        """
        return await self._pictures.keep(picture)

    async def picture(self, picture: Picture) -> bytes:
        """Fetch a picture's bytes, such as a result's thumbnail.

        Raises:
            PictureGone: They are no longer kept.
            QueueUnavailable: Redis cannot be reached.
        """
        return await self._pictures.get(picture)

    async def submit(
        self,
        request: Request,
        *,
        id: str,  # noqa: A002 - what it is called on the wire
        priority: Priority,
        asker: str,
        group: Group,
    ) -> Ticket:
        """Ask for something.

        The same id is the same job: a finished one answers at once, one that is under way is joined.

        Args:
            request: What to do.
            id: Made by `job_id` from what identifies the request.
            priority: Whether somebody waits for it.
            asker: Discord's id of the person.
            group: The jobs of the same message.

        Raises:
            NotServed: Workers live, and none of them serves this task.
            TooManyInFlight: The asker has too many jobs under way (`limit`).
            QueueFull: Too many jobs are under way in all (`retry_after`: seconds).
            QueueUnavailable: Redis cannot be reached; this takes a few seconds to be sure of.
            ValueError: The request's pictures belong to different scopes, or something is out of range.
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
        pending = await self._joined(job)
        return Ticket(pending, job.deadline, position=self._position, expire=self._expire, clock=self._clock)

    async def _joined(self, job: Job) -> Pending:
        """Submit a job, and wait for its reply from before that on: the reply may be faster than we are."""
        pending = self._pending.setdefault(job.id, Pending(job))
        pending.holders += 1
        try:
            kept = await self._enqueue(job)
        except BaseException:
            pending.holders -= 1
            if not pending.holders:
                self._drop(pending)
            raise
        pending.accepted = True
        pending.job = max(pending.job, job, key=lambda each: each.deadline)
        if kept is not None:
            self._drop(pending)
            pending.hear(kept)
        return pending

    async def _enqueue(self, job: Job, *, accepted: bool = False) -> Result | Failure | None:
        """Put a job into its stream, or find it there.

        Args:
            job: What to submit.
            accepted: It was accepted before, so that no bound refuses it now.

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
            int((job.deadline - job.submitted + RECORD_SECONDS) * 1000),
            self._settings.queue_jobs,
            self._settings.jobs_per_person,
            "1" if accepted else "",
            *TASKS,
        )
        if status == b"not_served":
            raise NotServed(f"No worker that runs now serves {job.request.task}.", task=job.request.task)
        if status == b"many":
            limit = self._settings.jobs_per_person
            raise TooManyInFlight(f"One person may have {limit} jobs under way at a time.", limit=limit)
        if status == b"full":
            jobs = self._settings.queue_jobs
            raise queue_full(f"{jobs} jobs", rest, self._clock(), jobs)
        if status == b"kept":
            return await self._kept(job, rest[0])
        return None

    async def _kept(self, job: Job, raw: bytes) -> Result | Failure | None:
        """Read a kept reply; where another version of Beholder wrote it, forget it and begin anew."""
        with contextlib.suppress(ValidationError):
            reply = replies.validate_json(raw)
            if isinstance(reply, Result | Failure) and reply.job_id == job.id:
                return reply
        log.warning("what was kept of job %s cannot be read: it runs again", job.id)
        await self._run("close", "closed", job.id)
        return await self._enqueue(job, accepted=True)

    def _drop(self, pending: Pending) -> None:
        if self._pending.get(pending.job.id) is pending:
            del self._pending[pending.job.id]

    async def close_request(self, ids: Iterable[str]) -> None:
        """Forget what was kept for these jobs, once their outcome is visible; one still waiting is dropped.

        Raises:
            QueueUnavailable: Redis cannot be reached; what is kept goes by itself after `picture_seconds`.
        """
        if closed := list(ids):
            for each in closed:
                self._pending.pop(each, None)
            await self._run("close", "closed", *closed)

    async def stop(self, job_id: str) -> None:
        """End a conversation's answer; whoever waits gets what there was of it, with `stopped` set.

        A job that still waits ends with an empty text. One that is finished, and one that no worker can stop
        (of another task), is left as it is.

        Raises:
            QueueUnavailable: Redis cannot be reached; nothing was stopped.
        """
        nothing = Result(job_id=job_id, outcome=Conversed(text="", stopped=True))
        life = self._settings.picture_seconds * 1000
        await self._run("stop", job_id, nothing.model_dump_json(), life, self._keys.stops)

    async def workers_ready(self, tasks: Iterable[Task]) -> bool:
        """Say whether a worker that lives and is warm serves each of `tasks`.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return bool(await self._run("ready", *tasks))

    async def ping(self) -> None:
        """See that Redis answers.

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
        """Take back a job whose deadline passed; where Redis is away it goes when a worker sees it."""
        job = pending.job
        if job.deadline > self._clock():
            return  # Somebody has joined it since, and waits longer.
        self._drop(pending)
        with contextlib.suppress(QueueUnavailable):
            await self._run("close", "expired", job.id)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            with contextlib.suppress(QueueUnavailable):
                await self._look_again()

    async def _look_again(self) -> None:
        """Submit everything again that we still wait for.

        What is under way is only joined. What was finished while its reply got lost is answered, and what
        Redis lost (it may lose its last second when the machine stops) is put back.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        for pending in list(self._pending.values()):
            if not pending.accepted or pending.reply.done():
                continue
            if pending.job.deadline <= self._clock():
                await self._expire(pending)
            elif (kept := await self._enqueue(pending.job, accepted=True)) is not None:
                self._drop(pending)
                pending.hear(kept)
