"""A worker's stages, side by side: take -> prepare -> schedule -> forward -> answer.

While one batch is in `forward`, the jobs of the next are taken, decoded and prepared, and never more than one
batch of them.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from inference.engines import Engine
from inference.errors import BeholderError, Expired, ModelFailed, QueueUnavailable
from inference.images.decoder_pool import DecoderUnavailable
from inference.images.reader import Decoder
from inference.model_thread import CallTimeout
from inference.queue.backlog import Backlog
from inference.queue.consumer import ClaimedJob, Consumer
from inference.schema import Failure, Result, Task
from inference.settings import WorkerSettings
from inference.worker.batch_runner import BatchRunner, ModelBroken, failure, where
from inference.worker.preprocessor import InFlightJob, Preprocessor
from inference.worker.scheduler import plan, share

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 5.0
"""Between two heartbeats; when three are missing the worker counts as gone."""
STOP_SECONDS: Final = 2.5
"""That the batch in hand gets when the worker is told to stop; `bot.supervise` kills it after 3.5."""
PAUSE_SECONDS: Final = 0.1
"""Between two looks of a busy worker whether there is more than the others can do."""
SOON_SECONDS: Final = 1.0
"""After which it is tried again to take over what dead workers left, where a conversation is at that."""
PREPARE_SECONDS: Final = 60.0
"""After which an engine's `prepare`, some hundredths of a second of work, counts as hanging."""
BROKEN: Final = (ModelBroken, DecoderUnavailable, CallTimeout)
"""What a worker does not go on with."""


class Pipeline:
    """One worker, from its first heartbeat to its last.

    Args:
        consumer: The queue.
        backlog: What waits in it.
        decoder: What decodes pictures.
        engines: What serves each task.
        settings: `batch`, `claim_seconds`, `job_seconds`.
        alone: Held while jobs run that a worker fell silent over; whoever else runs such has the same one.
    """

    def __init__(
        self,
        consumer: Consumer,
        backlog: Backlog,
        decoder: Decoder,
        engines: Mapping[Task, Engine],
        settings: WorkerSettings,
        alone: asyncio.Lock | None = None,
    ) -> None:
        self._consumer = consumer
        self._alone = alone or asyncio.Lock()
        self._backlog = backlog
        self._engines = engines
        self._settings = settings
        self._preparer = Preprocessor(
            consumer, decoder, engines, min(PREPARE_SECONDS, settings.job_seconds / 2)
        )
        self._forwarder = BatchRunner(self._answer, settings.job_seconds)
        self._tasks = asyncio.TaskGroup()
        self._hand: list[InFlightJob] = []
        self._served: dict[Task, float] = {}
        self._stopping = False
        self._feeding: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        """Set when something has happened that may let a batch begin."""
        self._left = asyncio.Event()
        """Set when a job has left the hand, or gone into the batch that runs."""

    async def run(self, stop: asyncio.Event) -> None:
        """Warm the models up, then work until `stop` is set; then give back what is in hand.

        Raises:
            ModelBroken, IntakeBroken, Hanging: It cannot go on. What is in hand is left to be claimed.
        """
        try:
            await self._until_stopped(stop)
            await self._consumer.leave()
        except BaseExceptionGroup as group:
            # Not `leave`: a job that breaks every model would come back as if it were new, among others.
            await self._consumer.beat(0)
            broken = group.subgroup(BROKEN)
            if broken is None:
                raise
            raise first(broken) from None
        finally:
            self._preparer.close()
            self._forwarder.close()

    async def _until_stopped(self, stop: asyncio.Event) -> None:
        async with self._tasks as tasks:
            work = tasks.create_task(self._work(), name="worker")
            await stop.wait()
            self._stopping = True
            self._news.set()
            if self._feeding is not None:
                self._feeding.cancel()
            await asyncio.wait([work], timeout=STOP_SECONDS)
            for task in (work, *(held.preparing for held in self._hand)):
                if task is not None:
                    task.cancel()

    async def _work(self) -> None:
        for engine in self._engines.values():
            await self._forwarder.warm_up(engine)
        log.info("ready for %s", ", ".join(self._engines))
        self._feeding = self._tasks.create_task(self._feed())
        others = [self._tasks.create_task(self._beat()), self._tasks.create_task(self._renew())]
        try:
            await self._compute()
        finally:
            for stage in (self._feeding, *others):
                stage.cancel()

    async def _beat(self) -> None:
        while True:
            await self._consumer.beat(3 * BEAT_SECONDS)
            await asyncio.sleep(BEAT_SECONDS)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.claim_seconds / 4)
            await self._consumer.renew([held.taken for held in self._hand])

    # Into the hand.

    async def _feed(self) -> None:
        clock = asyncio.get_running_loop().time
        look_at = clock()
        while True:
            if clock() >= look_at:
                longest = self._settings.claim_seconds / 2
                look_at = clock() + (longest if await self._take_over() else min(longest, SOON_SECONDS))
            await self._until(lambda: self._room() > 0)
            waiting = await self._backlog.look()
            count = share(waiting, self._room(), busy=bool(self._hand))
            if not count and self._hand and any(workers > 1 for _, workers in waiting):
                # The next one to come is for a worker with empty hands, if there is one.
                await self._pause()
                continue
            # With nothing there, wait for the first to come; what comes with it is taken the next time round.
            longest = 1.0 if self._hand else math.inf
            wait = 0.0 if count else max(0.01, min(longest, look_at - clock()))
            self._receive(await self._consumer.take(max(1, count), int(wait * 1000)))

    async def _take_over(self) -> bool:
        """Run what dead workers left, one job after the other, with nothing else in hand to be harmed.

        Returns:
            Whether it was our turn to.
        """
        await self._until(lambda: not self._hand)
        if self._alone.locked():
            return False
        async with self._alone:
            while abandoned := await self._consumer.take_abandoned():
                self._receive(abandoned)
                await self._until(lambda: not self._hand)
        return True

    def _room(self) -> int:
        return self._settings.batch - sum(not held.running for held in self._hand)

    async def _pause(self) -> None:
        self._left.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_SECONDS):
                await self._left.wait()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._left.clear()
            await self._left.wait()

    def _receive(self, taken: Iterable[ClaimedJob]) -> None:
        for each in taken:
            held = InFlightJob(each, time.time())
            self._hand.append(held)
            held.preparing = self._tasks.create_task(self._prepare(held))

    async def _prepare(self, held: InFlightJob) -> None:
        try:
            await self._preparer.prepare(held)
        except QueueUnavailable:
            # Its claim runs out, and then somebody has it again.
            log.warning("job %s: its pictures could not be fetched", held.job.id)
            self._drop(held)
        except BeholderError as error:
            await self._answer(held, failure(held, error))
        except BROKEN:
            raise
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            log.warning("job %s: %s while it was prepared", held.job.id, where(error))
            await self._answer(held, failure(held, ModelFailed()))
        self._news.set()

    # Out of the hand.

    async def _compute(self) -> None:
        while not self._stopping:
            self._news.clear()
            now = time.time()
            waiting = [held for held in self._hand if not held.running]
            found = plan(waiting, now, self._settings.batch, self._served)
            for late in found.expired:
                await self._expire(late)
            if found.batch:
                await self._run(found.batch)
            elif not found.expired:
                await self._wait_for_news(found.again_at - now)

    async def _wait_for_news(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            # A deadline may be weeks away, which the loop's clock does not take.
            async with asyncio.timeout(min(seconds, 60)):
                await self._news.wait()

    async def _expire(self, held: InFlightJob) -> None:
        if held.preparing is not None:
            held.preparing.cancel()
        log.info("job %s expired in hand", held.job.id)
        await self._answer(held, failure(held, Expired()))

    async def _run(self, batch: Iterable[InFlightJob]) -> None:
        together = list(batch)
        task = together[0].job.request.task
        self._served[task] = time.time()
        for held in together:
            held.running = True
        self._left.set()
        await self._forwarder.run(self._engines[task], together)

    async def _answer(self, held: InFlightJob, reply: Result | Failure) -> None:
        try:
            await self._consumer.finish(held.taken, reply)
        except QueueUnavailable:
            log.warning("job %s: its reply could not be published; it will be done again", held.job.id)
        self._drop(held)

    def _drop(self, held: InFlightJob) -> None:
        # An expired job may be dropped twice: by who expired it and by who prepared it.
        if held in self._hand:
            self._hand.remove(held)
        self._left.set()


def first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Find the first error in a group of groups."""
    error = group.exceptions[0]
    return first(error) if isinstance(error, BaseExceptionGroup) else error
