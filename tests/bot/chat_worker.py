"""A worker for conversations without a model: it streams the text that a test sets, and can be cancelled."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr

from inference.errors import BrokenPicture, ConversationTooLong
from inference.queue.connection import connect, connect_blocking, read_after
from inference.queue.consumer import ClaimedJob, Consumer
from inference.queue.keys import Keys
from inference.schema import (
    Answer,
    Answered,
    Captioned,
    Converse,
    Conversed,
    Delta,
    Failure,
    Job,
    Picture,
    Progress,
    Result,
)
from inference.settings import WorkerSettings
from tests.bot.harness import JPEG, TIMEOUT_S, Harness, caption_of, picture

if TYPE_CHECKING:
    from inference.errors import BeholderError

Pieces = Callable[[Converse], Sequence[str]]


def echo(request: Converse) -> Sequence[str]:
    """Return the last turn's speaker and text, in three pieces."""
    last = request.turns[-1]
    return [f"{last.speaker}", " says", f" {last.text}"]


class ScriptedChatWorker:
    """Takes caption, question and conversation jobs from the real queue.

    Attributes:
        jobs: The conversation jobs.
        pictures: For each of these, the captions of its pictures, by turn.
        pieces: Returns the pieces of the answer.
        pieces_before_gate: The number of pieces that it streams before it waits for the gate.
        gate: Cleared by a test to make it wait.
        error: Fails every job.
        final_error: Fails every job after its last piece.
        unreadable: The caption of a picture that cannot be decoded.
        max_tokens: The longest prompt, with a token for a word and 60 for a picture.
        progress: Fractions of the model's download, reported before the first piece.
        cut_off: Whether its answers end at the limit of their tokens.
        cut_off_files: The numbers of the pictures whose files are cut off.
        in_thought: Whether its answers end in mid-thought.
        piece_delay_s: Seconds before each piece.
        stopped: The ids of the cancelled jobs.
        caption_jobs: The number of caption jobs.
    """

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self.jobs: list[Job] = []
        self.pictures: list[list[list[str]]] = []
        self.pieces: Pieces = echo
        self.pieces_before_gate = 1
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: BeholderError | None = None
        self.final_error: BeholderError | None = None
        self.unreadable: str | None = None
        self.max_tokens: int | None = None
        self.progress: list[float] = []
        self.cut_off = False
        self.cut_off_files: tuple[int, ...] = ()
        self.in_thought = False
        self.piece_delay_s = 0.0
        self.stopped: set[str] = set()
        self.caption_jobs = 0
        self._changed = asyncio.Condition()

    @property
    def last_request(self) -> Converse:
        """The newest conversation job's request."""
        request = self.jobs[-1].request
        assert isinstance(request, Converse)
        return request

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on jobs or cancellations holds."""
        async with asyncio.timeout(TIMEOUT_S), self._changed:
            await self._changed.wait_for(condition)

    async def wait_for_jobs(self, count: int) -> None:
        """Wait until it has claimed `count` conversation jobs."""
        await self.wait_until(lambda: len(self.jobs) >= count)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def run(self) -> None:
        redis = connect(self._url)
        settings = WorkerSettings(_env_file=None, redis_url=SecretStr(self._url))
        consumer = Consumer(redis, Keys(), ["caption", "answer", "converse"], "worker", settings)
        listening = asyncio.create_task(self._listen())
        running_jobs: set[asyncio.Task[None]] = set()
        try:
            await consumer.ensure_groups()
            while True:
                await consumer.beat(60)
                for claimed in await consumer.take(20, 200):
                    task = asyncio.create_task(self._answer(consumer, claimed))
                    running_jobs.add(task)
                    task.add_done_callback(running_jobs.discard)
        finally:
            for each in (listening, *running_jobs):
                each.cancel()
            await asyncio.gather(listening, *running_jobs, return_exceptions=True)
            await consumer.close()
            await redis.aclose()

    async def _listen(self) -> None:
        """Read the stream of cancellations."""
        client = connect(self._url)
        redis = connect_blocking(client)
        last = b"0"
        try:
            while True:
                for _, entries in await read_after(redis, {Keys().cancellations: last}, 10, 5):
                    self.stopped.update(fields[b"job"].decode() for _, fields in entries)
                    last = entries[-1][0]
                await self._notify()
        finally:
            await redis.aclose()
            await client.aclose()

    async def _answer(self, consumer: Consumer, claimed: ClaimedJob) -> None:
        job = claimed.job
        if isinstance(job.request, Converse):
            await consumer.finish(claimed, await self._converse(consumer, job, job.request))
            return
        caption = caption_of(await consumer.picture(job.request.pictures[0]))
        thumbnails: tuple[Picture, ...] = ()
        if job.request.thumbnail:
            thumbnails = (await consumer.put_picture(job.request.scope, picture(caption, JPEG)),)
        self.caption_jobs += 1
        outcome: Answered | Captioned = Captioned(text=caption, thumbnails=thumbnails)
        if isinstance(job.request, Answer):
            outcome = Answered(text=f"{caption}, if you ask: {job.request.question}", thumbnails=thumbnails)
        await consumer.finish(claimed, Result(job_id=job.id, outcome=outcome))

    async def _converse(self, consumer: Consumer, job: Job, request: Converse) -> Result | Failure:
        captions = [
            [caption_of(await consumer.picture(each)) for each in turn.pictures] for turn in request.turns
        ]
        self.jobs.append(job)
        self.pictures.append(captions)
        await self._notify()
        error = self.error or self._unreadable_error(captions) or self._too_long_error(request)
        if error is not None:
            return Failure(job_id=job.id, code=error.code, detail=error.detail)
        for done in self.progress:
            await consumer.publish_delta(job, Progress(job_id=job.id, done=done))
            await self._wait_for_gate(job.id)
        text = ""
        for number, piece in enumerate(self.pieces(request)):
            if number >= self.pieces_before_gate:
                await self._wait_for_gate(job.id)
            await asyncio.sleep(self.piece_delay_s)
            if job.id in self.stopped:
                break
            text += piece
            await consumer.publish_delta(job, Delta(job_id=job.id, seq=number, text=piece))
        if self.final_error is not None:
            return Failure(job_id=job.id, code=self.final_error.code)
        stopped = job.id in self.stopped
        outcome = Conversed(text=text, reply_tokens=5, stopped=stopped)
        ended = {"cut_off": self.cut_off, "in_thought": self.in_thought, "cut_off_files": self.cut_off_files}
        outcome = outcome.model_copy(update={name: value for name, value in ended.items() if value})
        return Result(job_id=job.id, outcome=outcome)

    def _unreadable_error(self, captions: list[list[str]]) -> "BeholderError | None":
        every_caption = [caption for turn in captions for caption in turn]
        number = every_caption.index(self.unreadable) + 1 if self.unreadable in every_caption else None
        return None if number is None else BrokenPicture("", picture=number)

    def _too_long_error(self, request: Converse) -> "BeholderError | None":
        pictures = 60 * sum(len(turn.pictures) for turn in request.turns)
        tokens = pictures + sum(len(turn.text.split()) for turn in request.turns)
        if self.max_tokens is None or tokens <= self.max_tokens:
            return None
        return ConversationTooLong(
            limit=self.max_tokens, value=tokens, picture_tokens=pictures, unit="tokens"
        )

    async def _wait_for_gate(self, job_id: str) -> None:
        """Wait until the gate is open or the job is cancelled."""
        gate = asyncio.create_task(self.gate.wait())
        stop = asyncio.create_task(self.wait_until(lambda: job_id in self.stopped))
        await asyncio.wait([gate, stop], return_when=asyncio.FIRST_COMPLETED)
        for each in (gate, stop):
            each.cancel()
        await asyncio.gather(gate, stop, return_exceptions=True)


@asynccontextmanager
async def chat_worker(harness: Harness) -> AsyncIterator[ScriptedChatWorker]:
    """Run a worker for conversations until the block ends."""
    worker = ScriptedChatWorker(harness.redis_url)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
