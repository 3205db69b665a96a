"""A worker in the test's process, and a client like the bot's that submits jobs to it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr
from redis.asyncio import Redis

from inference.engines import ChatEngine, Engine
from inference.errors import BeholderError
from inference.queue.client import InferenceClient, Ticket
from inference.queue.keys import GROUP, Keys
from inference.schema import (
    Answered,
    Captioned,
    Converse,
    Conversed,
    Group,
    Picture,
    Priority,
    Task,
    Turn,
    job_id,
)
from inference.settings import WorkerSettings
from inference.worker.base import STOP_TIMEOUT_S
from inference.worker.main import serve
from tests.inference.image_files import encode, plain
from tests.inference.job_factory import SCOPE, request
from tests.inference.process_probes import until_told

RED = encode(plain("red"), "PNG")
BLUE = encode(plain("blue"), "PNG")

_numbers = itertools.count(1)
"""Numbers of jobs, so that no two tests' or clients' jobs have the same id."""


def settings(url: str, **given: Any) -> WorkerSettings:
    """Make settings that no environment changes."""
    return WorkerSettings(_env_file=None, redis_url=SecretStr(url), **given)


class Asker:
    """Submits jobs to a queue."""

    def __init__(self, client: InferenceClient) -> None:
        self.client = client

    async def ask(
        self,
        question: str = "",
        data: bytes = RED,
        *,
        task: Task | None = None,
        pictures: tuple[Picture, ...] = (),
        priority: Priority = "waiting",
    ) -> Ticket:
        """Submit a question about a picture, or without one a caption."""
        number = next(_numbers)
        shown = pictures or (await self.client.put_picture(SCOPE, data),)
        return await self.client.submit(
            request(task or ("answer" if question else "caption"), shown, question),
            id=job_id("test", number),
            priority=priority,
            asker="7",
            group=Group(id=str(number), size=1),
        )

    async def talk(self, *turns: str | Turn, scope: str = SCOPE) -> Ticket:
        """Submit a conversation: what a person and the bot said by turns, the person first."""
        number = next(_numbers)
        made = [
            turn if isinstance(turn, Turn) else Turn(role="assistant" if place % 2 else "user", text=turn)
            for place, turn in enumerate(turns)
        ]
        return await self.client.submit(
            Converse(scope=scope, turns=tuple(made)),
            id=job_id("test", number),
            priority="waiting",
            asker="7",
            group=Group(id=str(number), size=1),
        )

    async def ready(self, *tasks: Task) -> None:
        """Wait until a worker is ready for `tasks`."""
        await until_told(lambda: self.client.workers_ready(tasks))

    async def taken(self, *tickets: Ticket) -> None:
        """Wait until workers have claimed these jobs."""

        async def all_taken() -> bool:
            return [await ticket.position() for ticket in tickets] == [None] * len(tickets)

        await until_told(all_taken)


async def abandoned_by_dead_worker(url: str, task: Task) -> None:
    """Deliver a task's waiting jobs to a consumer that has been silent for an hour."""
    async with Redis.from_url(url) as redis:
        stream = Keys().jobs(task, "waiting")
        await redis.xgroup_create(stream, GROUP, "0")
        answer: Any = await redis.xreadgroup(GROUP, "dead", {stream: ">"})
        ids = [entry_id for _, entries in answer for entry_id, _ in entries]
        await redis.xclaim(stream, GROUP, "dead", 0, ids, idle=3_600_000, justid=True)


async def renewed_claims(url: str, task: Task, times: int) -> None:
    """Wait until the claim on a task's oldest delivered job has been renewed so often."""
    async with Redis.from_url(url) as redis:
        last, renewals = 0, 0
        while renewals < times:
            pending: Any = await redis.xpending_range(Keys().jobs(task, "waiting"), GROUP, "-", "+", 1)
            idle = int(pending[0]["time_since_delivered"])
            renewals += idle < last
            last = idle
            await asyncio.sleep(0.01)


async def outcome(ticket: Ticket) -> str:
    """Wait for a job: its text, or its error's code."""
    try:
        async with asyncio.timeout(60):
            found = (await ticket.result()).outcome
    except BeholderError as error:
        return error.code
    assert isinstance(found, Captioned | Answered | Conversed)
    return found.text


@asynccontextmanager
async def asking(given: WorkerSettings) -> AsyncIterator[Asker]:
    """Connect as the bot does."""
    async with InferenceClient.open(given, "bot") as client:
        yield Asker(client)


@asynccontextmanager
async def working(
    given: WorkerSettings,
    engines: Mapping[Task, Engine],
    chat: ChatEngine | None = None,
    *,
    stop_timeout_s: float = STOP_TIMEOUT_S,
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a worker in this process until the context ends, and see that it stops."""
    assert given.redis_url is not None
    stop = asyncio.Event()
    url = given.redis_url.get_secret_value()
    work = asyncio.create_task(
        serve(given, engines, url, stop=stop, chat=chat, stop_timeout_s=stop_timeout_s)
    )
    try:
        yield work
    finally:
        stop.set()
        done, _ = await asyncio.wait([work], timeout=60)
        assert done
