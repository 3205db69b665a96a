"""A bot's clients and some workers' consumers on one queue, with keys of their own."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal, TypeVar

from pydantic import SecretStr

from inference.queue.client import InferenceClient, Ticket
from inference.queue.connection import connect
from inference.queue.consumer import ClaimedJob, Consumer
from inference.queue.keys import TASKS, Keys
from inference.schema import (
    Caption,
    Captioned,
    Converse,
    Group,
    Picture,
    Priority,
    Result,
    Task,
    Turn,
    job_id,
)
from inference.settings import WorkerSettings

T = TypeVar("T")
SCOPE = "guild:1"
AT_ONCE_MS = 0.001
"""`claim_seconds` with which every entry counts as abandoned a millisecond later."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class QueueHarness:
    """Everything that a queue's test needs, on one Redis."""

    def __init__(self, url: str, keys: Keys, stack: AsyncExitStack) -> None:
        self.url = url
        self.keys = keys
        # Any: redis-py's types for streams are those of every protocol and option at once.
        self.redis: Any = connect(url)
        self._stack = stack

    def settings(self, **changes: Any) -> WorkerSettings:
        return WorkerSettings(_env_file=None, redis_url=SecretStr(self.url), **changes)

    async def client(
        self, name: str = "bot", clock: Callable[[], float] | None = None, **changes: Any
    ) -> InferenceClient:
        extra: Any = {"clock": clock} if clock else {}
        opening = InferenceClient.open(self.settings(**changes), name, keys=self.keys, **extra)
        return await self._stack.enter_async_context(opening)

    def worker(
        self,
        name: str = "worker",
        tasks: tuple[Task, ...] = TASKS,
        clock: Callable[[], float] | None = None,
        **changes: Any,
    ) -> Consumer:
        consumer = Consumer(
            self.redis, self.keys, tasks, name, self.settings(**changes), clock=clock or time.time
        )
        self._stack.push_async_callback(consumer.close)
        return consumer

    async def submit(
        self,
        client: InferenceClient,
        name: str,
        *,
        request: Any = None,
        priority: Priority = "waiting",
        asker: str = "7",
    ) -> Ticket:
        return await client.submit(
            request or caption(name),
            id=job_id(name),
            priority=priority,
            asker=asker,
            group=Group(id=name, size=1),
        )

    async def next_millisecond(self) -> None:
        """Wait until what comes next gets a later id than what came before, whatever its stream."""
        before = (await self.redis.time())[1] // 1000
        while (await self.redis.time())[1] // 1000 == before:
            pass

    async def submit_all(self, client: InferenceClient, names: str) -> list[Ticket]:
        return [await self.submit(client, name) for name in names]


@asynccontextmanager
async def queue_on(url: str, keys: Keys) -> AsyncIterator[QueueHarness]:
    async with AsyncExitStack() as stack:
        queue = QueueHarness(url, keys, stack)
        stack.push_async_callback(queue.redis.aclose)
        yield queue


def caption(name: str) -> Caption:
    return Caption(picture=Picture.of(SCOPE, name.encode()))


def said(text: str, role: Literal["user", "assistant"] = "user") -> Turn:
    return Turn(role=role, speaker="ann" if role == "user" else "", text=text)


def conversation(*turns: Turn, scope: str = SCOPE) -> Converse:
    return Converse(scope=scope, turns=turns or (said("hello"),))


def captioned(taken: ClaimedJob) -> Result:
    """Make a result from which the job can be told again."""
    return Result(job_id=taken.job.id, outcome=Captioned(text=f"caption of {taken.job.id}"))


def text_of(result: Result) -> str:
    assert isinstance(result.outcome, Captioned)
    return result.outcome.text


def names_of(taken: list[ClaimedJob], names: str) -> str:
    """Tell which of the jobs submitted as `names` these are, in their order."""
    by_id = {job_id(name): name for name in names}
    return "".join(by_id[each.job.id] for each in taken)


async def claim_when_idle(worker: Consumer) -> list[ClaimedJob]:
    """Claim until there is something; the caller's timeout ends it."""
    return await until(worker.claim_abandoned)


async def until(look: Callable[[], Awaitable[T]]) -> T:
    """Look until there is something to see."""
    while not (seen := await look()):
        pass
    return seen
