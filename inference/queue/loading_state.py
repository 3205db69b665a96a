"""What workers announce of the models that they fetch and load, so that jobs for these wait for them."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.errors import QueueUnavailable
from inference.queue.connection import Client
from inference.queue.keys import Keys
from inference.queue.redis_clock import CLOCK
from inference.queue.scripts import Scripts
from inference.schema import Task

LEASE_S: Final = 30.0
"""Seconds for which an announcement holds: loading a model may keep the worker from renewing it."""
ANNOUNCE_INTERVAL_S: Final = 5.0
"""Seconds between two announcements."""
WEIGHTS_SHARD: Final = re.compile(r"-(\d{1,5})-of-(\d{1,5})\.safetensors$")


class LoadingState(BaseModel):
    """How far a worker has loaded the models of its tasks.

    Attributes:
        phase: `fetching`: a model is being downloaded; `loading`: it is read and warmed up.
        number: The number of the model, from 1 to `of`.
        of: The number of the worker's models.
        fraction: The fraction of its weights that is fetched, 0 to 1; None when unknown.
    """

    model_config = ConfigDict(frozen=True)

    phase: Literal["fetching", "loading"] = "loading"
    number: int = Field(1, ge=1, le=1000)
    of: int = Field(1, ge=1, le=1000)
    fraction: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)


class TaskState(BaseModel):
    """Whether a task is served.

    Attributes:
        ready: A live worker serves it.
        loading: The state of the worker that is furthest with its models; None where a worker is ready, or no
            worker loads any.
    """

    model_config = ConfigDict(frozen=True)

    ready: bool
    loading: LoadingState | None = None


class LoadingAnnouncer:
    """Announces that one worker loads the models of its tasks, until it is ready for them.

    Meanwhile jobs for these tasks are accepted, and their deadlines stand still (up to `lease_s` longer than
    it takes). A worker that dies is forgotten after `lease_s`. While Redis is away nothing is announced.

    Args:
        redis: The Redis client.
        keys: The key names.
        worker: The worker's name, as in its heartbeat.
        tasks: The tasks.
        lease_s: Seconds for which an announcement holds.
        clock: Returns Unix time in seconds.
    """

    def __init__(
        self,
        redis: Client,
        keys: Keys,
        worker: str,
        tasks: Iterable[Task],
        *,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] = CLOCK,
    ) -> None:
        self.worker = worker
        self._run = Scripts(redis, keys)
        self._tasks = tuple(tasks)
        self._lease_s = lease_s
        self._clock = clock
        self._state = LoadingState(of=max(1, len(self._tasks)))
        # Held while an announcement is on its way: none may come after that the worker is ready.
        self._announcing = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Announce at once, and again until the context ends; what is announced then runs out."""
        await self.announce()
        repeating = asyncio.create_task(self._repeat(), name="announcements")
        try:
            yield
        finally:
            repeating.cancel()
            await asyncio.gather(repeating, return_exceptions=True)

    async def _repeat(self) -> None:
        while self._tasks:
            await asyncio.sleep(min(ANNOUNCE_INTERVAL_S, self._lease_s / 2))
            await self.announce()

    async def announce(self) -> None:
        """Announce the tasks whose models are not ready."""
        async with self._announcing:
            if not self._tasks:
                return
            state = self._state.model_dump_json()
            with contextlib.suppress(QueueUnavailable):
                await self._run(
                    "announce_loading", self.worker, self._lease_s, self._clock(), state, *self._tasks
                )

    async def begin(self, number: int) -> None:
        """Announce that the model of this number, from 1, is being loaded."""
        self._state = LoadingState(number=number, of=max(number, self._state.of))
        await self.announce()

    def progress(self, file: str, done: int, total: int) -> None:
        """Note a step of a download, for the next announcement. It may be called in any thread.

        Args:
            file: The file's name.
            done: Its bytes so far.
            total: Its bytes in all; 0 when unknown.
        """
        fraction = None
        if file.endswith(".safetensors") and total > 0:
            shard = WEIGHTS_SHARD.search(file)
            number, of = (int(shard[1]), max(1, int(shard[2]))) if shard else (1, 1)
            fraction = min(1.0, max(0.0, (number - 1 + done / total) / of))
        phase: Literal["fetching", "loading"] = "loading" if fraction == 1 else "fetching"
        self._state = LoadingState(
            phase=phase,
            number=self._state.number,
            of=self._state.of,
            fraction=fraction if phase == "fetching" else None,
        )

    async def ready(self, tasks: Iterable[Task]) -> None:
        """Announce these tasks no longer; the worker's heartbeat takes over."""
        over = frozenset(tasks)
        async with self._announcing:
            self._tasks = tuple(task for task in self._tasks if task not in over)

    async def withdraw(self) -> None:
        """Take the announcements back at once: the models will not be ready."""
        async with self._announcing:
            tasks, self._tasks = self._tasks, ()
        if tasks:
            with contextlib.suppress(QueueUnavailable):
                await self._run("withdraw_loading", self.worker, *tasks)


async def read_task_state(run: Scripts, task: Task) -> TaskState:
    """Read whether a task is served, and how far the workers are that load its models.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    ready, *states = await run("loading", task)
    if ready:
        return TaskState(ready=True)
    found = [state for raw in states if (state := _parse(raw)) is not None]
    furthest = max(found, key=lambda each: (each.number / each.of, each.fraction or 0.0), default=None)
    return TaskState(ready=False, loading=furthest)


def _parse(raw: bytes) -> LoadingState | None:
    """Parse a state; None where another version wrote it."""
    try:
        return LoadingState.model_validate_json(raw)
    except ValidationError:
        return None
