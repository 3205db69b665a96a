"""One conversation job in flight, from its claim to its reply."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from typing import Final

from inference.engines import BusyRetry, ChatEngine, ChatPiece, PullProgress, Thinking, Usage
from inference.errors import (
    BeholderError,
    ChatInterrupted,
    ChatModelPulling,
    ChatNotBegun,
    Expired,
    ModelFailed,
    QueueUnavailable,
    error_place,
)
from inference.images.decoder_pool import DecoderUnavailable, is_cut_off
from inference.images.reader import PictureReader
from inference.model_thread import CallTimeout
from inference.models.prompt_text import prompt_turns
from inference.models.thoughts import ThoughtFilter
from inference.queue.consumer import ClaimedJob, Consumer, GenerationStart
from inference.queue.redis_clock import CLOCK
from inference.schema import Converse, Conversed, Delta, Failure, Progress, Result, Timings

log = logging.getLogger(__name__)

DELTA_INTERVAL_S: Final = 0.1
"""Seconds between two deltas; the first is published at once."""
CLOSE_TIMEOUT_S: Final = 0.5
"""Seconds for an engine to release a cancelled generation."""
PULL_LEASE_S: Final = 60.0
"""Seconds for which a job's deadline stands still after each step that the fetching of its model has made."""
PULL_MARGIN_S: Final = 5.0
"""Seconds before the deadline at which the reply says that the model is still being fetched."""
MAX_WAIT_S: Final = 86400.0
"""Seconds of one wait: a deadline may be weeks away, which the event loop's clock does not take."""


class EngineFailed(Exception):
    """The engine raised an unexpected error. The caller finds out whether the engine is broken."""


class ChatGeneration:
    """Generates the reply to one conversation job, and publishes it in deltas while it grows.

    Args:
        claimed: The job.
        consumer: Publishes the deltas and the reply.
        reader: Reads the turns' images.
        engine: Generates the text.
        silence_s: Seconds without a sign of the engine in mid-answer, after which the answer is interrupted.
        start_s: Seconds until its first sign.
        pull_margin_s: Seconds before the deadline at which the reply says that the model is still being
            fetched.
        pull_lease_s: Seconds for which the deadline stands still after each step of the fetching.

    Attributes:
        claimed: As given.
        error: The error that the job ended with, where the engine gave one.
        is_answered: Whether the engine answered to the end.
    """

    def __init__(  # noqa: PLR0913 - the delays are optional
        self,
        claimed: ClaimedJob,
        consumer: Consumer,
        reader: PictureReader,
        engine: ChatEngine,
        *,
        silence_s: float,
        start_s: float,
        pull_margin_s: float = PULL_MARGIN_S,
        pull_lease_s: float = PULL_LEASE_S,
    ) -> None:
        self.claimed = claimed
        self._deadline = claimed.job.deadline
        self._pull_lease_s = pull_lease_s
        self.error: BeholderError | None = None
        self.is_answered = False
        self._consumer = consumer
        self._reader = reader
        self._engine = engine
        self._silence_s = silence_s
        self._start_s = start_s
        self._pull_margin_s = pull_margin_s
        self._claimed_at = CLOCK()
        self._decode_s = 0.0
        self._cut_off_files: tuple[int, ...] = ()
        self._text = ""
        self._usage = Usage()
        self._progress: PullProgress | BusyRetry | Thinking | None = None
        self._pulling = False
        self._begun = False
        self._thoughts = ThoughtFilter()
        self._has_thought = False
        self._anew = False
        self._busy_s = 0.0
        self._published = 0
        self._cancelled = asyncio.Event()
        self._text_changed = asyncio.Event()
        self._ended = asyncio.Event()

    def cancel(self) -> None:
        """End the generation; the reply has the text so far, with `stopped` set."""
        self._cancelled.set()

    async def run(self) -> None:
        """Generate and publish the reply. When this task is cancelled, the job is left for another worker.

        Raises:
            EngineFailed: The engine failed; the job has a reply that says so.
            DecoderUnavailable, CallTimeout: This worker cannot go on; the job has no reply.
        """
        try:
            start = await self._consumer.begin(self.claimed)
            if start is None:
                # The job was closed: this reply reaches no bot, it only removes the entry.
                await self._finish(Expired())
            elif start.cancelled:
                await self._consumer.finish(self.claimed, self._result(cancelled=True))
            else:
                await self._answer(start)
        except QueueUnavailable:
            log.warning("job %s: Redis is away; the job will run again", self.claimed.job.id)

    async def _answer(self, start: GenerationStart) -> None:
        generating = asyncio.create_task(self._generate())
        generating.add_done_callback(lambda task: task.cancelled() or task.exception())
        publishing = asyncio.create_task(self._publish(start.attempt))
        try:
            complete = await self._wait_for_end(generating)
            self._ended.set()
            self._text_changed.set()
            await publishing
        finally:
            publishing.cancel()
        if complete:
            await self._reply(generating.exception())
        elif self._cancelled.is_set():
            await self._consumer.finish(self.claimed, self._result(cancelled=True))
        else:
            await self._finish(ChatModelPulling() if self._pulling else Expired())

    async def _wait_for_end(self, generating: asyncio.Task[None]) -> bool:
        """Wait until the generation completes, is cancelled, or meets its deadline; then release the engine.

        The deadline moves while the model is being fetched.

        Returns:
            Whether it completed, with an error or without.
        """
        cancelled = asyncio.create_task(self._cancelled.wait())
        try:
            while True:
                early, deadline = self._deadline - self._pull_margin_s, self._deadline
                until = early if _seconds_until(early) > 0 else deadline
                if _seconds_until(until) <= 0 or (until == deadline and self._pulling):
                    break
                if (
                    await asyncio.wait(
                        [generating, cancelled],
                        timeout=_seconds_until(until),
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                )[0]:
                    break
            return generating.done()
        finally:
            cancelled.cancel()
            if not generating.done():
                generating.cancel()
                await asyncio.wait([generating], timeout=CLOSE_TIMEOUT_S)

    async def _generate(self) -> None:
        started = time.monotonic()
        request = self.claimed.job.request
        if not isinstance(request, Converse):
            raise TypeError(f"a job of {request.task} is no conversation")
        pictures = await self._reader.read(request.pictures)
        self._cut_off_files = tuple(number for number, each in enumerate(pictures, 1) if is_cut_off(each))
        self._decode_s = time.monotonic() - started
        try:
            async with contextlib.aclosing(
                self._engine.chat(prompt_turns(request.turns, pictures))
            ) as pieces:
                while (piece := await self._next(pieces)) is not None:
                    if isinstance(piece, Usage):
                        self._usage = piece
                        continue
                    if isinstance(piece, PullProgress):
                        self._progress = piece
                        self._pulling = piece.fraction != 1.0
                        self._deadline = await self._consumer.hold_deadline(self.claimed, self._pull_lease_s)
                    elif isinstance(piece, BusyRetry):
                        self._busy_s = piece.delay_s
                        self._progress = piece
                    elif isinstance(piece, Thinking):
                        self._think()
                    else:
                        self._begun = True
                        self._add(self._thoughts.feed(piece))
                        if self._thoughts.in_thought:
                            self._think()
                    self._text_changed.set()
        finally:
            self._add(self._thoughts.end())
            self._text_changed.set()

    def _think(self) -> None:
        self._begun = True
        if not (self._has_thought or self._text):
            self._progress = Thinking()
        self._has_thought = True

    def _add(self, text: str) -> None:
        """Add a piece to the reply, in place of what was there where that has turned out to be thought."""
        if self._thoughts.discarded:
            self._thoughts.discarded = False
            self._text = ""
            self._published = 0
            self._anew = True
        self._text += text

    async def _next(self, pieces: AsyncGenerator[ChatPiece, None]) -> ChatPiece | None:
        """Wait for the engine's next piece; None at the end.

        Raises:
            ChatInterrupted: It fell silent in mid-answer.
            ChatNotBegun: It gave no sign in time.
        """
        # A model that is being fetched is waited for until the deadline.
        bound = None if self._pulling else self._silence_s if self._begun else self._start_s + self._busy_s
        try:
            async with asyncio.timeout(bound):
                return await anext(pieces, None)
        except TimeoutError:
            if bound is None:
                raise
            log.warning("job %s: no sign of the model for %g s", self.claimed.job.id, bound)
            raise (ChatInterrupted if self._begun else ChatNotBegun)(seconds=bound) from None

    async def _publish(self, attempt: int) -> None:
        """Publish the first piece of text at once, and later ones together every `DELTA_INTERVAL_S`."""
        seq = 0
        while not self._ended.is_set():
            await self._text_changed.wait()
            self._text_changed.clear()
            seq += await self._publish_new(attempt, seq)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DELTA_INTERVAL_S):
                    await self._ended.wait()
        await self._publish_new(attempt, seq)

    async def _publish_new(self, attempt: int, seq: int) -> bool:
        """Publish what is new; return whether that was a delta. A closed job is cancelled here."""
        job = self.claimed.job
        still_open = True
        if (progress := self._progress) is not None:
            self._progress = None
            still_open = await self._consumer.publish_delta(job, _shown(job.id, progress))
        text = self._text[self._published :]
        is_new = bool(text) or self._anew
        if is_new:
            self._published += len(text)
            delta = Delta(job_id=job.id, attempt=attempt, seq=seq, text=text, anew=self._anew)
            self._anew = False
            still_open = await self._consumer.publish_delta(job, delta)
        if not still_open:
            self.cancel()
        return is_new

    async def _reply(self, error: BaseException | None) -> None:
        if error is None:
            self.is_answered = True
            await self._consumer.finish(self.claimed, self._result())
        elif isinstance(error, QueueUnavailable):
            raise error
        elif isinstance(error, BeholderError):
            self.error = error
            await self._finish(error)
        elif isinstance(error, (DecoderUnavailable, CallTimeout)):
            raise error
        else:
            log.warning("job %s: %s in the engine", self.claimed.job.id, error_place(error))
            await self._finish(ModelFailed())
            raise EngineFailed from error

    async def _finish(self, error: BeholderError) -> None:
        failure = Failure(job_id=self.claimed.job.id, code=error.code, detail=error.detail)
        await self._consumer.finish(self.claimed, failure)

    def _result(self, *, cancelled: bool = False) -> Result:
        outcome = Conversed(
            text=self._text,
            prompt_tokens=self._usage.prompt_tokens,
            reply_tokens=self._usage.reply_tokens,
            stopped=cancelled,
            cut_off=self._usage.cut_off,
            cut_off_files=self._cut_off_files,
            in_thought=self._thoughts.in_thought or (self._has_thought and not self._text),
        )
        now, job = CLOCK(), self.claimed.job
        timings = Timings(
            waited=max(0.0, self._claimed_at - job.submitted) * 1000,
            decode=self._decode_s * 1000,
            forward=max(0.0, now - self._claimed_at - self._decode_s) * 1000,
            done=now,
        )
        log.info("job %s: %d characters in %.0f ms", job.id, len(self._text), timings.forward)
        return Result(job_id=job.id, outcome=outcome, timings=timings)


def _shown(job_id: str, progress: PullProgress | BusyRetry | Thinking) -> Progress:
    """Return what is published of an engine's report."""
    match progress:
        case PullProgress(fraction):
            return Progress(job_id=job_id, done=fraction)
        case BusyRetry():
            return Progress(job_id=job_id, what="retrying")
        case Thinking():
            return Progress(job_id=job_id, what="thinking")


def _seconds_until(unix_time: float) -> float:
    return min(MAX_WAIT_S, max(0.0, unix_time - CLOCK()))
