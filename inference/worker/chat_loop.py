"""A worker's conversations: a few at a time, beside its other tasks."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from inference.engines import ChatEngine
from inference.images.reader import PictureReader
from inference.queue.cancellations import CancellationListener
from inference.queue.consumer import ClaimedJob, Consumer
from inference.settings import WorkerSettings
from inference.worker.batch_runner import MAX_FAILURES, ModelBroken
from inference.worker.generation import ChatGeneration, EngineFailed
from inference.worker.pipeline import BEAT_SECONDS, BROKEN, SOON_SECONDS, STOP_SECONDS, first

log = logging.getLogger(__name__)

TAKE_MS: Final = 60_000
"""Of one look for what comes; Redis rings as soon as there is something."""
MANNERS_SECONDS: Final = 0.01
"""For each conversation in hand: another worker that has fewer is so much quicker to take the next."""
CLOSE_SECONDS: Final = 0.6
"""That answers get to be let go of, once they have had their time to end."""


class ChatLoop:
    """The part of a worker that converses, from its first heartbeat to its last.

    Args:
        consumer: The queue, of this task alone.
        stops: What tells of stops.
        reader: What reads pictures.
        engine: What converses.
        settings: `chats`, `claim_seconds`.
        alone: Held while jobs run that a worker fell silent over; whoever else runs such has the same one.
    """

    def __init__(
        self,
        consumer: Consumer,
        stops: CancellationListener,
        reader: PictureReader,
        engine: ChatEngine,
        settings: WorkerSettings,
        alone: asyncio.Lock,
    ) -> None:
        self._consumer = consumer
        self._stops = stops
        self._reader = reader
        self._engine = engine
        self._settings = settings
        self._alone = alone
        self._tasks = asyncio.TaskGroup()
        self._hand: dict[asyncio.Task[None], ChatGeneration] = {}
        self._left = asyncio.Event()
        """Set when a conversation has left the hand."""
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Warm the engine up, then work until `stop` is set; then give back what does not end soon.

        Raises:
            ModelBroken, IntakeBroken, Hanging: It cannot go on. What is in hand is left to be claimed.
        """
        try:
            await self._until_stopped(stop)
            await self._consumer.leave()
        except BaseExceptionGroup as group:
            await self._consumer.beat(0)
            broken = group.subgroup(BROKEN)
            if broken is None:
                raise
            raise first(broken) from None
        finally:
            await self._stops.close()
            await self._engine.close()

    async def _until_stopped(self, stop: asyncio.Event) -> None:
        async with self._tasks as tasks:
            work = tasks.create_task(self._work(), name="conversations")
            await stop.wait()
            work.cancel()
            if hand := list(self._hand):
                await asyncio.wait(hand, timeout=STOP_SECONDS)
                for each in hand:
                    each.cancel()
                await asyncio.wait(hand, timeout=CLOSE_SECONDS)

    async def _work(self) -> None:
        await self._warm_up()
        await self._stops.begin()
        log.info("ready to converse with %s", self._engine.name)
        others = [
            self._tasks.create_task(each)
            for each in (self._beat(), self._renew(), self._take_over(), self._stops.listen(self._stop))
        ]
        try:
            await self._feed()
        finally:
            for each in others:
                each.cancel()

    async def _warm_up(self) -> None:
        try:
            await self._engine.warm_up()
        except BROKEN:
            raise
        except Exception as error:
            # Nobody's words are in this: its own may be told.
            raise ModelBroken(f"The model {self._engine.name} cannot converse: {error}") from error

    async def _beat(self) -> None:
        while True:
            await self._consumer.beat(3 * BEAT_SECONDS)
            await asyncio.sleep(BEAT_SECONDS)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.claim_seconds / 4)
            await self._consumer.renew([each.taken for each in self._hand.values()])

    def _stop(self, job_id: str) -> None:
        for each in self._hand.values():
            if each.taken.job.id == job_id:
                each.stop()

    async def _feed(self) -> None:
        while True:
            await self._until(lambda: len(self._hand) < self._settings.chats)
            # One by one, so that what comes in a burst is shared with other workers.
            for taken in await self._consumer.take(1, TAKE_MS, manners=self._manners):
                self._receive(taken)

    def _manners(self) -> float:
        return MANNERS_SECONDS * len(self._hand)

    async def _take_over(self) -> None:
        """Run what dead workers left, one after the other, beside what has just come.

        An attempt at one of them counts against it, so that two never run together: no conversation pays for
        another that kills its worker.
        """
        while True:
            if not self._alone.locked() and await self._consumer.any_abandoned():
                async with self._alone:
                    while abandoned := await self._consumer.take_abandoned():
                        await asyncio.wait([self._receive(taken) for taken in abandoned])
            pause = self._settings.claim_seconds / 2
            await asyncio.sleep(min(SOON_SECONDS, pause) if self._alone.locked() else pause)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._left.clear()
            await self._left.wait()

    def _receive(self, taken: ClaimedJob) -> asyncio.Task[None]:
        conversation = ChatGeneration(taken, self._consumer, self._reader, self._engine)
        task = self._tasks.create_task(self._run(conversation))
        self._hand[task] = conversation
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._hand[task]
        self._left.set()

    async def _run(self, conversation: ChatGeneration) -> None:
        try:
            await conversation.run()
        except EngineFailed:
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                raise ModelBroken(
                    f"The model {self._engine.name} failed on {self._failures} conversations in a row."
                ) from None
            # A lost GPU, and the CUDA errors from which a process never recovers, show here.
            await self._warm_up()
        else:
            self._failures = 0
