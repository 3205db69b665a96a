"""One conversation in a worker's hands, from its job to its reply."""

import asyncio
import contextlib
import logging
import time
from typing import Final

from inference.engines import ChatEngine, PullProgress, Usage
from inference.errors import BeholderError, ChatModelPulling, Expired, ModelFailed, QueueUnavailable
from inference.images.decoder_pool import DecoderUnavailable
from inference.images.reader import PictureReader
from inference.model_thread import CallTimeout
from inference.models.prompt_text import prompt_turns
from inference.queue.consumer import ClaimedJob, Consumer, StreamStart
from inference.schema import Converse, Conversed, Delta, Failure, Progress, Result, Timings
from inference.worker.batch_runner import where

log = logging.getLogger(__name__)

COALESCE_SECONDS: Final = 0.1
"""Between two pieces of a text; the first goes out at once."""
CLOSE_SECONDS: Final = 0.5
"""That a model gets to let go of an answer that nobody wants any more."""
MARGIN_SECONDS: Final = 5.0
"""Before the deadline, at which whoever asked hears that the model is still being fetched."""
MAX_WAIT_S: Final = 86400.0
"""A deadline may be weeks away, which the loop's clock does not take."""


class EngineFailed(Exception):
    """The engine raised what it has no words for; whoever catches this finds out whether it is broken."""


class ChatGeneration:
    """Generates the answer to one job, and publishes it as it grows.

    Args:
        taken: The job.
        consumer: Where its pieces and its reply go.
        reader: What reads its pictures.
        engine: What answers.
    """

    def __init__(
        self, taken: ClaimedJob, consumer: Consumer, reader: PictureReader, engine: ChatEngine
    ) -> None:
        self.taken = taken
        self._consumer = consumer
        self._reader = reader
        self._engine = engine
        self._arrived = time.time()
        self._decode = 0.0
        self._text = ""
        self._usage = Usage()
        self._pulling: PullProgress | None = None
        self._fetching = False
        self._published = 0
        self._stopped = asyncio.Event()
        self._news = asyncio.Event()
        self._ended = asyncio.Event()

    def stop(self) -> None:
        """End the answer where it is."""
        self._stopped.set()

    async def run(self) -> None:
        """Answer the job. When this is cancelled, it is left for another worker.

        Raises:
            Failed: The engine failed; the job was answered so.
            IntakeBroken, Hanging: This worker cannot go on; the job has no answer.
        """
        try:
            begun = await self._consumer.begin(self.taken)
            if begun is None:
                # Nobody hears this; it only takes the entry away.
                await self._finish(Expired())
            elif begun.stopped:
                await self._consumer.finish(self.taken, self._result(stopped=True))
            else:
                await self._answer(begun)
        except QueueUnavailable:
            log.warning("job %s: Redis is away; somebody will do it again", self.taken.job.id)

    async def _answer(self, begun: StreamStart) -> None:
        generating = asyncio.create_task(self._generate())
        generating.add_done_callback(lambda task: task.cancelled() or task.exception())
        publishing = asyncio.create_task(self._publish(begun.attempt))
        try:
            whole = await self._until_over(generating)
            self._ended.set()
            self._news.set()
            await publishing
        finally:
            publishing.cancel()
        if whole:
            await self._reply(generating.exception())
        elif self._stopped.is_set():
            await self._consumer.finish(self.taken, self._result(stopped=True))
        else:
            await self._finish(ChatModelPulling() if self._fetching else Expired())

    async def _until_over(self, generating: asyncio.Task[None]) -> bool:
        """Wait until the text is whole, or somebody stops it, or its time is up; then let go of the engine.

        Returns:
            Whether the engine came to its end.
        """
        stopped = asyncio.create_task(self._stopped.wait())
        both, deadline = [generating, stopped], self.taken.job.deadline
        try:
            await asyncio.wait(
                both, timeout=_left(deadline - MARGIN_SECONDS), return_when=asyncio.FIRST_COMPLETED
            )
            if not self._fetching:
                await asyncio.wait(both, timeout=_left(deadline), return_when=asyncio.FIRST_COMPLETED)
            return generating.done()
        finally:
            stopped.cancel()
            if not generating.done():
                generating.cancel()
                await asyncio.wait([generating], timeout=CLOSE_SECONDS)

    async def _generate(self) -> None:
        began = time.monotonic()
        request = self.taken.job.request
        if not isinstance(request, Converse):
            raise TypeError(f"a job of {request.task} is no conversation")
        pictures = await self._reader.read(request.pictures)
        self._decode = time.monotonic() - began
        async with contextlib.aclosing(self._engine.chat(prompt_turns(request.turns, pictures))) as pieces:
            async for piece in pieces:
                if isinstance(piece, Usage):
                    self._usage = piece
                    continue
                if isinstance(piece, PullProgress):
                    self._pulling = piece
                    self._fetching = piece.fraction != 1.0
                else:
                    self._text += piece
                self._news.set()

    async def _publish(self, attempt: int) -> None:
        """Send the first piece at once, and what comes after it together."""
        seq = 0
        while not self._ended.is_set():
            await self._news.wait()
            self._news.clear()
            seq += await self._send(attempt, seq)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COALESCE_SECONDS):
                    await self._ended.wait()
        await self._send(attempt, seq)

    async def _send(self, attempt: int, seq: int) -> bool:
        """Send what is new, and say whether that was a piece of text."""
        job = self.taken.job
        wanted = True
        if (pulling := self._pulling) is not None:
            self._pulling = None
            wanted = await self._consumer.publish_delta(job, Progress(job_id=job.id, done=pulling.fraction))
        if piece := self._text[self._published :]:
            self._published += len(piece)
            delta = Delta(job_id=job.id, attempt=attempt, seq=seq, text=piece)
            wanted = await self._consumer.publish_delta(job, delta)
        if not wanted:
            self.stop()
        return bool(piece)

    async def _reply(self, error: BaseException | None) -> None:
        if error is None:
            await self._consumer.finish(self.taken, self._result())
        elif isinstance(error, QueueUnavailable):
            raise error
        elif isinstance(error, BeholderError):
            await self._finish(error)
        elif isinstance(error, (DecoderUnavailable, CallTimeout)):
            raise error
        else:
            log.warning("job %s: %s in the engine", self.taken.job.id, where(error))
            await self._finish(ModelFailed())
            raise EngineFailed from error

    async def _finish(self, error: BeholderError) -> None:
        failure = Failure(job_id=self.taken.job.id, code=error.code, detail=error.detail)
        await self._consumer.finish(self.taken, failure)

    def _result(self, *, stopped: bool = False) -> Result:
        outcome = Conversed(
            text=self._text,
            prompt_tokens=self._usage.prompt_tokens,
            reply_tokens=self._usage.reply_tokens,
            stopped=stopped,
        )
        now, job = time.time(), self.taken.job
        timings = Timings(
            waited=max(0.0, self._arrived - job.submitted) * 1000,
            decode=self._decode * 1000,
            forward=max(0.0, now - self._arrived - self._decode) * 1000,
            done=now,
        )
        log.info("job %s: %d characters in %.0f ms", job.id, len(self._text), timings.forward)
        return Result(job_id=job.id, outcome=outcome, timings=timings)


def _left(until: float) -> float:
    return min(MAX_WAIT_S, max(0.0, until - time.time()))
