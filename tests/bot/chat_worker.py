"""A worker that converses without a model: it streams what a test tells it to, and can be stopped."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr

from inference.errors import BrokenPicture, ConversationTooLong
from inference.queue.connection import connect, connect_blocking, read_after
from inference.queue.consumer import ClaimedJob, Consumer
from inference.queue.keys import Keys
from inference.schema import Captioned, Converse, Conversed, Delta, Failure, Job, Picture, Progress, Result
from inference.settings import WorkerSettings
from tests.bot.harness import JPEG, TIMEOUT_S, Harness, picture, read

if TYPE_CHECKING:
    from inference.errors import BeholderError

Pieces = Callable[[Converse], Sequence[str]]


def echo(request: Converse) -> Sequence[str]:
    """Say who said what last."""
    last = request.turns[-1]
    return [f"{last.speaker}", " says", f" {last.text}"]


class ScriptedChatWorker:
    """Takes jobs from the real queue.

    Attributes:
        jobs: The conversations that it was given.
        seen: For each of them, what its pictures say, by turn.
        pieces: What it answers.
        after: Pieces after which it waits for the gate.
        gate: Set unless a test wants it to wait.
        wrong: What it fails with.
        breaks: What it fails with after all that it has to say.
        broken: What the picture says that it cannot open.
        reads: The most tokens that it takes; a word is one, and a picture 60.
        progress: What it says before the first piece.
        tokens: What it says a prompt took.
        pause: Seconds before each piece: a model takes its time.
        stopped: The jobs that it stopped.
    """

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self.jobs: list[Job] = []
        self.seen: list[list[list[str]]] = []
        self.pieces: Pieces = echo
        self.after = 1
        self.gate = asyncio.Event()
        self.gate.set()
        self.wrong: BeholderError | None = None
        self.breaks: BeholderError | None = None
        self.broken: str | None = None
        self.reads: int | None = None
        self.progress: list[float] = []
        self.tokens: int | None = None
        self.pause = 0.0
        self.stopped: set[str] = set()
        self.captions = 0
        self._news = asyncio.Condition()

    @property
    def last(self) -> Converse:
        request = self.jobs[-1].request
        assert isinstance(request, Converse)
        return request

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(TIMEOUT_S), self._news:
            await self._news.wait_for(true)

    async def taken(self, count: int) -> None:
        """Wait until so many conversations have been taken."""
        await self.until(lambda: len(self.jobs) >= count)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def run(self) -> None:
        redis = connect(self._url)
        settings = WorkerSettings(_env_file=None, redis_url=SecretStr(self._url))
        consumer = Consumer(redis, Keys(), ["caption", "converse"], "worker", settings)
        listening = asyncio.create_task(self._listen())
        at_it: set[asyncio.Task[None]] = set()
        try:
            await consumer.ensure_groups()
            while True:
                await consumer.beat(60)
                for taken in await consumer.take(20, 200):
                    task = asyncio.create_task(self._answer(consumer, taken))
                    at_it.add(task)
                    task.add_done_callback(at_it.discard)
        finally:
            for each in (listening, *at_it):
                each.cancel()
            await asyncio.gather(listening, *at_it, return_exceptions=True)
            await consumer.close()
            await redis.aclose()

    async def _listen(self) -> None:
        """Hear which jobs are to be stopped."""
        client = connect(self._url)
        redis = connect_blocking(client)
        last = b"0"
        try:
            while True:
                for _, entries in await read_after(redis, {Keys().cancellations: last}, 10, 5):
                    self.stopped.update(fields[b"job"].decode() for _, fields in entries)
                    last = entries[-1][0]
                await self._tell()
        finally:
            await redis.aclose()
            await client.aclose()

    async def _answer(self, consumer: Consumer, taken: ClaimedJob) -> None:
        job = taken.job
        if isinstance(job.request, Converse):
            await consumer.finish(taken, await self._converse(consumer, job, job.request))
            return
        caption = read(await consumer.picture(job.request.pictures[0]))
        thumbnails: tuple[Picture, ...] = ()
        if job.request.thumbnail:
            thumbnails = (await consumer.put_picture(job.request.scope, picture(caption, JPEG)),)
        self.captions += 1
        outcome = Captioned(text=caption, thumbnails=thumbnails)
        await consumer.finish(taken, Result(job_id=job.id, outcome=outcome))

    async def _converse(self, consumer: Consumer, job: Job, request: Converse) -> Result | Failure:
        seen = [[read(await consumer.picture(each)) for each in turn.pictures] for turn in request.turns]
        self.jobs.append(job)
        self.seen.append(seen)
        await self._tell()
        wrong = self.wrong or self._broken(seen) or self._too_long(request)
        if wrong is not None:
            return Failure(job_id=job.id, code=wrong.code, detail=wrong.detail)
        for done in self.progress:
            await consumer.publish_delta(job, Progress(job_id=job.id, done=done))
            await self.gate.wait()
        said = ""
        for number, piece in enumerate(self.pieces(request)):
            if number >= self.after:
                await self._passed(job.id)
            await asyncio.sleep(self.pause)
            if job.id in self.stopped:
                break
            said += piece
            await consumer.publish_delta(job, Delta(job_id=job.id, seq=number, text=piece))
        if self.breaks is not None:
            return Failure(job_id=job.id, code=self.breaks.code)
        stopped = job.id in self.stopped
        outcome = Conversed(text=said, prompt_tokens=self.tokens, reply_tokens=5, stopped=stopped)
        return Result(job_id=job.id, outcome=outcome)

    def _broken(self, seen: list[list[str]]) -> "BeholderError | None":
        all_ = [each for turn in seen for each in turn]
        number = all_.index(self.broken) + 1 if self.broken in all_ else None
        return None if number is None else BrokenPicture("", picture=number)

    def _too_long(self, request: Converse) -> "BeholderError | None":
        pictures = 60 * sum(len(turn.pictures) for turn in request.turns)
        tokens = pictures + sum(len(turn.text.split()) for turn in request.turns)
        if self.reads is None or tokens <= self.reads:
            return None
        return ConversationTooLong(limit=self.reads, value=tokens, picture_tokens=pictures, unit="tokens")

    async def _passed(self, job_id: str) -> None:
        """Wait for the gate, or until the job is to be stopped."""
        gate = asyncio.create_task(self.gate.wait())
        stop = asyncio.create_task(self.until(lambda: job_id in self.stopped))
        await asyncio.wait([gate, stop], return_when=asyncio.FIRST_COMPLETED)
        for each in (gate, stop):
            each.cancel()
        await asyncio.gather(gate, stop, return_exceptions=True)


@asynccontextmanager
async def chat_worker(harness: Harness) -> AsyncIterator[ScriptedChatWorker]:
    """Run a worker that converses until the block ends."""
    worker = ScriptedChatWorker(harness.redis_url)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
