"""The worker loop for conversations: several are answered at a time, beside the worker's other tasks."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from inference.engines import ChatEngine
from inference.images.reader import PictureReader
from inference.queue.cancellations import CancellationListener
from inference.queue.consumer import ClaimedJob, Consumer
from inference.settings import WorkerSettings
from inference.worker.base import LOOK_INTERVAL_S, STOP_TIMEOUT_S, WorkerLoop
from inference.worker.errors import MAX_FAILURES, WORKER_BROKEN, ModelBroken
from inference.worker.generation import ChatGeneration, EngineFailed

log = logging.getLogger(__name__)

TAKE_BLOCK_MS: Final = 60_000
"""Milliseconds of one wait for jobs; it ends as soon as there is one."""
YIELD_DELAY_S: Final = 0.01
"""Seconds for each conversation in flight by which this worker takes the next job later, so that a worker
with fewer takes it first."""
CANCEL_TIMEOUT_S: Final = 0.6
"""Seconds for cancelled generations to release the engine."""


class ChatLoop(WorkerLoop):
    """The part of a worker that answers conversations.

    Args:
        consumer: The queue, for the `converse` task alone.
        cancellations: Reports cancelled jobs; closed with this loop.
        reader: Reads the turns' images.
        engine: Generates the replies; closed with this loop.
        settings: `chats`, `claim_seconds`, `chat_silence_seconds`, `chat_start_seconds`.
        isolation_lock: See `WorkerLoop`.
        stop_timeout_s: See `WorkerLoop`.
    """

    def __init__(
        self,
        consumer: Consumer,
        cancellations: CancellationListener,
        reader: PictureReader,
        engine: ChatEngine,
        settings: WorkerSettings,
        isolation_lock: asyncio.Lock,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        super().__init__(consumer, settings.claim_seconds, isolation_lock, stop_timeout_s)
        self._cancellations = cancellations
        self._reader = reader
        self._engine = engine
        self._settings = settings
        self._max_chats = settings.chats
        self._in_flight: dict[asyncio.Task[None], ChatGeneration] = {}
        self._failures = 0
        self._backend_state = consumer.backend_state("converse")

    async def _run_until(self, stop: asyncio.Event) -> None:
        async with self._tasks as tasks:
            work = tasks.create_task(self._work(), name="conversations")
            await stop.wait()
            work.cancel()
            if in_flight := list(self._in_flight):
                await asyncio.wait(in_flight, timeout=self._stop_timeout_s)
                for task in in_flight:
                    task.cancel()
                await asyncio.wait(in_flight, timeout=CANCEL_TIMEOUT_S)

    async def _close(self) -> None:
        await self._cancellations.close()
        await self._engine.close()

    def _claimed(self) -> Iterable[ClaimedJob]:
        return [generation.claimed for generation in self._in_flight.values()]

    async def _work(self) -> None:
        await self._warm_up()
        await self._cancellations.start()
        log.info("ready to converse with %s", self._engine.name)
        await self._consumer.find_dead_neighbours()
        background = [
            self._tasks.create_task(each)
            for each in (
                self._beat(),
                self._renew_claims(),
                self._run_abandoned_jobs(),
                self._cancellations.listen(self._cancel),
            )
        ]
        try:
            await self._take_jobs()
        finally:
            for task in background:
                task.cancel()

    async def _warm_up(self) -> None:
        try:
            await self._engine.warm_up()
        except WORKER_BROKEN:
            raise
        except Exception as error:
            # The warm-up has no user content, so the engine's message may be told.
            raise ModelBroken(f"The model {self._engine.name} cannot converse: {error}") from error

    def _cancel(self, job_id: str) -> None:
        for generation in self._in_flight.values():
            if generation.claimed.job.id == job_id:
                generation.cancel()

    async def _take_jobs(self) -> None:
        while True:
            await self._wait_until(lambda: len(self._in_flight) < self._max_chats)
            # One at a time, so that workers share a burst of jobs.
            for claimed in await self._consumer.take(1, TAKE_BLOCK_MS, yield_delay=self._yield_delay):
                self._begin(claimed)

    def _yield_delay(self) -> float:
        return YIELD_DELAY_S * len(self._in_flight)

    async def _run_abandoned_jobs(self) -> None:
        """Run jobs of dead workers one after the other, beside the new ones.

        Each claim counts as an attempt of that job, so two of them never run together: a conversation that
        kills its worker costs no other conversation an attempt.
        """
        while True:
            if not self._isolation_lock.locked() and await self._consumer.has_abandoned():
                async with self._isolation_lock:
                    while abandoned := await self._consumer.claim_abandoned():
                        await asyncio.wait([self._begin(claimed) for claimed in abandoned])
            await asyncio.sleep(min(LOOK_INTERVAL_S, self._claim_seconds / 2))

    def _begin(self, claimed: ClaimedJob) -> asyncio.Task[None]:
        generation = ChatGeneration(
            claimed,
            self._consumer,
            self._reader,
            self._engine,
            silence_s=self._settings.chat_silence_seconds,
            start_s=self._settings.chat_start_seconds,
        )
        task = self._tasks.create_task(self._run_generation(generation))
        self._in_flight[task] = generation
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._slot_freed.set()

    async def _run_generation(self, generation: ChatGeneration) -> None:
        try:
            await generation.run()
            if generation.error is not None:
                await self._backend_state.failed(generation.error)
            elif generation.is_answered:
                await self._backend_state.worked()
        except EngineFailed:
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                raise ModelBroken(
                    f"The model {self._engine.name} failed on {self._failures} conversations in a row."
                ) from None
            # A lost GPU shows here, and so do the CUDA errors from which a process never recovers.
            await self._warm_up()
        else:
            self._failures = 0
