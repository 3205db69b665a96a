"""Runs batches on an engine; where one fails, finds out whether a job or the model is the cause."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from inference.engines import Engine
from inference.errors import BeholderError, ModelFailed, error_place
from inference.model_thread import CallTimeout, ModelThread
from inference.queue.redis_clock import CLOCK
from inference.schema import Answered, Captioned, Failure, Matched, Result, Timings
from inference.worker.errors import MAX_FAILURES, ModelBroken
from inference.worker.preprocessor import InFlightJob

log = logging.getLogger(__name__)

Reply = Callable[[InFlightJob, Result | Failure], Awaitable[None]]


class BatchRunner:
    """Runs batches, one at a time, in a thread of its own.

    Args:
        reply: Called once for each job, with its result or its failure.
        timeout_s: Seconds after which a call into the engine counts as hanging.
    """

    def __init__(self, reply: Reply, timeout_s: float) -> None:
        self._reply = reply
        self._model_thread = ModelThread("forward", timeout_s)
        self._failures = 0

    def close(self) -> None:
        """Let the thread end after its current call."""
        self._model_thread.close()

    async def warm_up(self, engine: Engine) -> None:
        """Run one pass on a blank image.

        Raises:
            ModelBroken: The pass failed.
            CallTimeout: It does not return.
        """
        started = time.monotonic()
        log.info("warming up %s", engine.name)
        try:
            await self._model_thread.call(engine.warm_up)
        except CallTimeout:
            raise
        except Exception as error:
            # The warm-up has no user content, so the engine's message may be told.
            raise ModelBroken(f"The model {engine.name} failed on a blank image: {error}") from error
        log.info("%s warmed up in %.1f s", engine.name, time.monotonic() - started)

    async def run(self, engine: Engine, batch: Sequence[InFlightJob]) -> None:
        """Run a batch and reply to its jobs; where it fails, in halves, until the failing job is isolated.

        Raises:
            ModelBroken: The model is the cause. Jobs without a reply keep their claims, for another worker.
            CallTimeout: The model does not return.
        """
        started = time.monotonic()
        try:
            outcomes = await self._model_thread.call(engine.forward, [job.model_input for job in batch])
            _check_outcomes(outcomes, batch)
        except CallTimeout:
            raise
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            log.warning("%s: a batch of %d failed: %s", engine.name, len(batch), error_place(error))
            await self._split(engine, batch, error)
            return
        self._failures = 0
        forward_ms = (time.monotonic() - started) * 1000
        log.info("%s: %d jobs in %.0f ms", engine.name, len(batch), forward_ms)
        results = zip(batch, outcomes, strict=True)
        await asyncio.gather(
            *(self._reply(job, _result(job, outcome, forward_ms, len(batch))) for job, outcome in results)
        )

    async def _split(self, engine: Engine, batch: Sequence[InFlightJob], error: Exception) -> None:
        middle = len(batch) // 2
        if middle:
            await self.run(engine, batch[:middle])
            await self.run(engine, batch[middle:])
        elif isinstance(error, BeholderError):
            await self._reply(batch[0], failure_reply(batch[0], error))
        else:
            await self._fail(engine, batch[0])

    async def _fail(self, engine: Engine, job: InFlightJob) -> None:
        """Reply that the model failed on an isolated job, unless the model is broken altogether.

        Raises:
            ModelBroken: It is: it failed on too many jobs in a row, or fails on a blank image too.
        """
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            raise ModelBroken(f"The model {engine.name} failed on {self._failures} jobs in a row.")
        # A lost GPU shows here, and so do the CUDA errors from which a process never recovers.
        await self.warm_up(engine)
        await self._reply(job, failure_reply(job, ModelFailed()))


def failure_reply(job: InFlightJob, error: BeholderError) -> Failure:
    """Return the reply for a job that ended with `error`."""
    return Failure(job_id=job.id, code=error.code, detail=error.detail)


def _check_outcomes(outcomes: Sequence[Captioned | Answered | Matched], batch: Sequence[InFlightJob]) -> None:
    """Refuse outcomes that cannot belong to these jobs, so that no job gets another one's outcome.

    Raises:
        ValueError: Their number or their tasks differ.
    """
    if len(outcomes) != len(batch):
        raise ValueError(f"{len(outcomes)} outcomes for {len(batch)} jobs")
    for job, outcome in zip(batch, outcomes, strict=True):
        if outcome.task != job.job.request.task:
            raise ValueError(f"an outcome of {outcome.task} for a job of {job.job.request.task}")


def _result(
    job: InFlightJob, outcome: Captioned | Answered | Matched, forward_ms: float, batch_size: int
) -> Result:
    timings = Timings(
        waited=max(0.0, job.claimed_at - job.job.submitted) * 1000,
        decode=job.decode_ms,
        forward=forward_ms,
        batch=batch_size,
        done=CLOCK(),
    )
    if job.thumbnails:
        outcome = outcome.model_copy(update={"thumbnails": job.thumbnails})
    if job.cut_off:
        outcome = outcome.model_copy(update={"cut_off": job.cut_off})
    if job.unusable:
        outcome = outcome.model_copy(update={"unusable": job.unusable})
    return Result(job_id=job.id, outcome=outcome, timings=timings)
