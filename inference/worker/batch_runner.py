"""Running a batch on a model, and finding out what is to blame where it fails: a job, or the model."""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from inference.engines import Engine
from inference.errors import BeholderError, ModelFailed
from inference.model_thread import CallTimeout, ModelThread
from inference.schema import Answered, Captioned, Failure, Matched, Result, Timings
from inference.worker.preprocessor import InFlightJob

log = logging.getLogger(__name__)

MAX_FAILURES: Final = 5
"""Lone jobs in a row on which the model raised, with no success between: it is the model then."""

Answer = Callable[[InFlightJob, Result | Failure], Awaitable[None]]


class ModelBroken(RuntimeError):
    """The model itself is broken, not a job: this worker is of no use any more."""


class BatchRunner:
    """Runs batches, one at a time, in a thread of its own.

    Args:
        answer: Gets the reply of each job.
        longest: Seconds after which a call counts as hanging.
    """

    def __init__(self, answer: Answer, longest: float) -> None:
        self._answer = answer
        self._lane = ModelThread("forward", longest)
        self._failures = 0

    def close(self) -> None:
        """Let the thread end, once it is done with what it is at."""
        self._lane.close()

    async def warm_up(self, engine: Engine) -> None:
        """Run one pass on a blank picture.

        Raises:
            ModelBroken, Hanging: It fails.
        """
        started = time.monotonic()
        log.info("warming up %s", engine.name)
        try:
            await self._lane.call(engine.warm_up)
        except CallTimeout:
            raise
        except Exception as error:
            # Nobody's picture is in this: the words may be told.
            raise ModelBroken(f"The model {engine.name} cannot do a blank picture: {error}") from error
        log.info("%s is warm after %.1f s", engine.name, time.monotonic() - started)

    async def run(self, engine: Engine, batch: Sequence[InFlightJob]) -> None:
        """Run a batch and answer its jobs; where it fails, in halves, until what is wrong is alone.

        Raises:
            ModelBroken, Hanging: The model is to blame. Jobs without an answer are left for another worker.
        """
        started = time.monotonic()
        try:
            outcomes = await self._lane.call(engine.forward, [held.prepared for held in batch])
            _check(outcomes, batch)
        except CallTimeout:
            raise
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            log.warning("%s: a batch of %d failed: %s", engine.name, len(batch), where(error))
            await self._split(engine, batch, error)
            return
        self._failures = 0
        took = (time.monotonic() - started) * 1000
        log.info("%s: %d jobs in %.0f ms", engine.name, len(batch), took)
        answers = zip(batch, outcomes, strict=True)
        await asyncio.gather(
            *(self._answer(held, _result(held, outcome, took, len(batch))) for held, outcome in answers)
        )

    async def _split(self, engine: Engine, batch: Sequence[InFlightJob], error: Exception) -> None:
        middle = len(batch) // 2
        if middle:
            await self.run(engine, batch[:middle])
            await self.run(engine, batch[middle:])
        elif isinstance(error, BeholderError):
            await self._answer(batch[0], failure(batch[0], error))
        else:
            await self._blame(engine, batch[0])

    async def _blame(self, engine: Engine, held: InFlightJob) -> None:
        """Find out whether it was the job or the model.

        Raises:
            ModelBroken: It was the model.
        """
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            raise ModelBroken(f"The model {engine.name} failed on {self._failures} jobs in a row.")
        # A lost GPU, and the CUDA errors from which a process never recovers, show here.
        await self.warm_up(engine)
        await self._answer(held, failure(held, ModelFailed()))


def failure(held: InFlightJob, error: BeholderError) -> Failure:
    """Make the reply that says what went wrong."""
    return Failure(job_id=held.job.id, code=error.code, detail=error.detail)


def where(error: BaseException) -> str:
    """Name an error's type and place for the log, never its words: they may hold what people posted."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"


def _check(outcomes: Sequence[Captioned | Answered | Matched], batch: Sequence[InFlightJob]) -> None:
    """Refuse what cannot be the answers to these jobs: nobody must get a neighbour's.

    Raises:
        ValueError: They cannot.
    """
    if len(outcomes) != len(batch):
        raise ValueError(f"{len(outcomes)} answers to {len(batch)} jobs")
    for held, outcome in zip(batch, outcomes, strict=True):
        if outcome.task != held.job.request.task:
            raise ValueError(f"an answer of {outcome.task} to a job of {held.job.request.task}")


def _result(held: InFlightJob, outcome: Captioned | Answered | Matched, took: float, size: int) -> Result:
    waited = max(0.0, held.arrived - held.job.submitted) * 1000
    timings = Timings(waited=waited, decode=held.decode, forward=took, batch=size, done=time.time())
    if held.thumbnails:
        outcome = outcome.model_copy(update={"thumbnails": held.thumbnails})
    return Result(job_id=held.job.id, outcome=outcome, timings=timings)
