"""Asking workers from a test, through the client that the bot uses."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from inference.engines import ChatEngine, Engine
from inference.errors import BeholderError
from inference.queue.client import InferenceClient, Ticket
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
from inference.worker.main import serve
from tests.inference.image_files import encode, plain
from tests.inference.job_factory import SCOPE, request
from tests.inference.process_probes import until_told

RED = encode(plain("red"), "PNG")
BLUE = encode(plain("blue"), "PNG")


def settings(url: str, **given: Any) -> WorkerSettings:
    """Make settings that no environment changes."""
    return WorkerSettings(_env_file=None, redis_url=SecretStr(url), **given)


class Asker:
    """Submits jobs to a queue."""

    def __init__(self, client: InferenceClient) -> None:
        self.client = client
        self._number = 0

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
        self._number += 1
        shown = pictures or (await self.client.put_picture(SCOPE, data),)
        return await self.client.submit(
            request(task or ("answer" if question else "caption"), shown, question),
            id=job_id("test", self._number),
            priority=priority,
            asker="7",
            group=Group(id=str(self._number), size=1),
        )

    async def talk(self, *turns: str | Turn, scope: str = SCOPE) -> Ticket:
        """Submit a conversation: what a person and the bot said by turns, the person first."""
        self._number += 1
        made = [
            turn if isinstance(turn, Turn) else Turn(role="assistant" if number % 2 else "user", text=turn)
            for number, turn in enumerate(turns)
        ]
        return await self.client.submit(
            Converse(scope=scope, turns=tuple(made)),
            id=job_id("test", self._number),
            priority="waiting",
            asker="7",
            group=Group(id=str(self._number), size=1),
        )

    async def ready(self, *tasks: Task) -> None:
        """Wait until a worker is ready for `tasks`."""
        await until_told(lambda: self.client.workers_ready(tasks))

    async def taken(self, *tickets: Ticket) -> None:
        """Wait until workers have these jobs in hand."""

        async def all_taken() -> bool:
            return [await ticket.position() for ticket in tickets] == [None] * len(tickets)

        await until_told(all_taken)


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
    given: WorkerSettings, engines: Mapping[Task, Engine], chat: ChatEngine | None = None
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a worker in this process."""
    assert given.redis_url is not None
    stop = asyncio.Event()
    work = asyncio.create_task(
        serve(given, engines, given.redis_url.get_secret_value(), stop=stop, chat=chat)
    )
    try:
        yield work
    finally:
        stop.set()
        began = time.monotonic()
        await asyncio.wait([work])
        assert time.monotonic() - began < 20
