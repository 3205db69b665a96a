"""The worker loop for caption, answer and match jobs: take -> preprocess -> schedule -> forward -> reply.

The stages run side by side. While one batch is in `forward`, the jobs of the next one are taken, decoded and
preprocessed, and never more than one batch of them.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Iterable, Mapping
from typing import Final

from inference.engines import Engine
from inference.errors import BeholderError, Expired, ModelFailed, QueueUnavailable, error_place
from inference.images.reader import Decoder
from inference.queue.backlog import Backlog
from inference.queue.consumer import ClaimedJob, Consumer
from inference.queue.redis_clock import CLOCK
from inference.schema import Failure, Matched, Result, Task
from inference.settings import WorkerSettings
from inference.worker.base import LOOK_INTERVAL_S, STOP_TIMEOUT_S, WorkerLoop
from inference.worker.batch_runner import BatchRunner, failure_reply
from inference.worker.errors import WORKER_BROKEN
from inference.worker.preprocessor import InFlightJob, Preprocessor
from inference.worker.scheduler import fair_share, plan

log = logging.getLogger(__name__)

BACKLOG_INTERVAL_S: Final = 0.1
"""Seconds between two checks of a busy worker whether more jobs wait than the other workers can take."""
BUSY_TAKE_S: Final = 1.0
"""Seconds that a worker with jobs in flight waits for a new one before it looks at the backlog again."""
PREPARE_TIMEOUT_S: Final = 60.0
"""Seconds after which an engine's `prepare`, which takes some hundredths of a second, counts as hanging."""
MAX_IDLE_S: Final = 60.0
"""Seconds after which the batch loop looks again without an event: a deadline may be weeks away, which the
event loop's clock does not take."""


class Pipeline(WorkerLoop):
    """The part of a worker that serves an engine's batches.

    Args:
        consumer: The queue, for the engines' tasks.
        backlog: The number of waiting jobs and of live workers.
        decoder: Decodes images.
        engines: The engine of each task.
        settings: `batch`, `claim_seconds`, `job_seconds`.
        isolation_lock: See `WorkerLoop`.
        stop_timeout_s: See `WorkerLoop`.
    """

    def __init__(
        self,
        consumer: Consumer,
        backlog: Backlog,
        decoder: Decoder,
        engines: Mapping[Task, Engine],
        settings: WorkerSettings,
        isolation_lock: asyncio.Lock,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        super().__init__(consumer, settings.claim_seconds, isolation_lock, stop_timeout_s)
        self._backlog = backlog
        self._engines = engines
        self._max_batch = settings.batch
        prepare_timeout_s = min(PREPARE_TIMEOUT_S, settings.job_seconds / 2)
        self._preprocessor = Preprocessor(consumer, decoder, engines, prepare_timeout_s)
        self._batch_runner = BatchRunner(self._reply, settings.job_seconds)
        self._in_flight: list[InFlightJob] = []
        self._last_served: dict[Task, float] = {}
        self._stopping = False
        self._taking: asyncio.Task[None] | None = None
        self._schedule_changed = asyncio.Event()
        """Set when something has happened after which a batch may begin."""

    async def _run_until(self, stop: asyncio.Event) -> None:
        async with self._tasks as tasks:
            work = tasks.create_task(self._work(), name="worker")
            await stop.wait()
            self._stopping = True
            self._schedule_changed.set()
            if self._taking is not None:
                self._taking.cancel()
            await asyncio.wait([work], timeout=self._stop_timeout_s)
            for task in (work, *(job.preprocessing for job in self._in_flight)):
                if task is not None:
                    task.cancel()

    async def _close(self) -> None:
        self._preprocessor.close()
        self._batch_runner.close()

    def _claimed(self) -> Iterable[ClaimedJob]:
        return [job.claimed for job in self._in_flight]

    async def _work(self) -> None:
        for engine in self._engines.values():
            await self._batch_runner.warm_up(engine)
        log.info("ready for %s", ", ".join(self._engines))
        await self._consumer.find_dead_neighbours()
        self._taking = self._tasks.create_task(self._take_jobs())
        background = [self._tasks.create_task(self._beat()), self._tasks.create_task(self._renew_claims())]
        try:
            await self._run_batches()
        finally:
            for task in (self._taking, *background):
                task.cancel()

    # Taking and preprocessing jobs.

    async def _take_jobs(self) -> None:
        clock = asyncio.get_running_loop().time
        reclaim_at = clock()
        while True:
            if clock() >= reclaim_at:
                if not self._isolation_lock.locked() and await self._consumer.has_abandoned():
                    await self._run_abandoned_jobs()
                reclaim_at = clock() + min(LOOK_INTERVAL_S, self._claim_seconds / 2)
            await self._wait_until(lambda: self._free_slots() > 0)
            waiting = await self._backlog.look()
            count = fair_share(waiting, self._free_slots(), busy=bool(self._in_flight))
            if not count and self._in_flight and any(workers > 1 for _, workers in waiting):
                # The next job is for a worker without jobs in flight, if there is one.
                await self._pause()
                continue
            # With an empty backlog, wait for one job; those that come with it are taken in the next round.
            max_wait = BUSY_TAKE_S if self._in_flight else math.inf
            wait = 0.0 if count else max(0.01, min(max_wait, reclaim_at - clock()))
            self._begin(await self._consumer.take(max(1, count), int(wait * 1000)))

    async def _run_abandoned_jobs(self) -> None:
        """Run jobs of dead workers one after the other, each with no other job in flight that it could harm.

        While the worker's other loop holds the isolation lock, they are left for the next look.
        """
        await self._wait_until(lambda: not self._in_flight)
        if self._isolation_lock.locked():
            return
        async with self._isolation_lock:
            while abandoned := await self._consumer.claim_abandoned():
                self._begin(abandoned)
                await self._wait_until(lambda: not self._in_flight)

    def _free_slots(self) -> int:
        return self._max_batch - sum(not job.running for job in self._in_flight)

    async def _pause(self) -> None:
        self._slot_freed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BACKLOG_INTERVAL_S):
                await self._slot_freed.wait()

    def _begin(self, claimed: Iterable[ClaimedJob]) -> None:
        for each in claimed:
            job = InFlightJob(each, CLOCK())
            self._in_flight.append(job)
            job.preprocessing = self._tasks.create_task(self._preprocess(job))

    async def _preprocess(self, job: InFlightJob) -> None:
        try:
            await self._preprocessor.prepare(job)
            if not job.ready:
                none = Matched(cosine=(), share=(), unusable=job.unusable)
                await self._reply(job, Result(job_id=job.id, outcome=none))
        except QueueUnavailable:
            # Its claim runs out, and then it is claimed again.
            log.warning("job %s: its images could not be fetched", job.id)
            self._drop(job)
        except BeholderError as error:
            await self._reply(job, failure_reply(job, error))
        except WORKER_BROKEN:
            raise
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            log.warning("job %s: %s while it was preprocessed", job.id, error_place(error))
            await self._reply(job, failure_reply(job, ModelFailed()))
        self._schedule_changed.set()

    # Running batches and replying.

    async def _run_batches(self) -> None:
        while not self._stopping:
            self._schedule_changed.clear()
            now = CLOCK()
            waiting = [job for job in self._in_flight if not job.running]
            next_step = plan(waiting, now, self._max_batch, self._last_served)
            for job in next_step.expired:
                await self._expire(job)
            if next_step.batch:
                await self._run_batch(next_step.batch)
            elif not next_step.expired:
                await self._wait_for_change(next_step.wake_at - now)

    async def _wait_for_change(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, MAX_IDLE_S)):
                await self._schedule_changed.wait()

    async def _expire(self, job: InFlightJob) -> None:
        if job.preprocessing is not None:
            job.preprocessing.cancel()
        log.info("job %s expired before its batch began", job.id)
        await self._reply(job, failure_reply(job, Expired()))

    async def _run_batch(self, jobs: Iterable[InFlightJob]) -> None:
        batch = list(jobs)
        task = batch[0].job.request.task
        self._last_served[task] = CLOCK()
        for job in batch:
            job.running = True
        self._slot_freed.set()
        await self._batch_runner.run(self._engines[task], batch)

    async def _reply(self, job: InFlightJob, reply: Result | Failure) -> None:
        try:
            await self._consumer.finish(job.claimed, reply)
        except QueueUnavailable:
            log.warning("job %s: its reply could not be published; the job will run again", job.id)
        self._drop(job)

    def _drop(self, job: InFlightJob) -> None:
        # An expired job may be dropped twice: by `_expire` and by `_preprocess`.
        if job in self._in_flight:
            self._in_flight.remove(job)
        self._slot_freed.set()
