"""Pictures -> captions, or answers to a question, each with an outcome of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from inference.errors import BeholderError, JobFailed, QueueFull, QueueUnavailable, TooManyInFlight
from inference.jobs import (
    Answer,
    Answered,
    Caption,
    Captioned,
    Group,
    Match,
    Picture,
    Priority,
    Result,
    job_id,
)

log = logging.getLogger(__name__)

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds before something is tried again for which there was no room."""

T = TypeVar("T")


class Ticket(Protocol):
    """A job that is under way."""

    async def result(self) -> Result:
        """Wait for what it comes to.

        Raises:
            BeholderError: It failed, or nobody answered before its deadline.
        """

    async def position(self) -> int | None:
        """Say how many jobs are before it; None once a worker has it."""


class Queue(Protocol):
    """What is needed of `inference.client.InferenceClient`."""

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Keep a picture's bytes for the worker."""

    async def submit(
        self,
        request: Caption | Answer | Match,
        *,
        id: str,  # noqa: A002 - what it is called on the wire
        priority: Priority,
        asker: str,
        group: Group,
    ) -> Ticket:
        """Hand a job in, or find it again where it was handed in before."""

    async def close_request(self, ids: Iterable[str]) -> None:
        """Forget the results of jobs whose outcome is visible."""


@dataclass(frozen=True)
class Asked:
    """Who asks, and for what.

    Attributes:
        request: The request's id: jobs' ids are made from it.
        scope: The server or DM that the pictures belong to.
        asker: Discord's id of the person.
        priority: `waiting` where somebody waits for the answer.
    """

    request: str
    scope: str
    asker: int
    priority: Priority

    def job(self, key: str, question: str | None = None) -> str:
        """Name the job of one of the request's pictures."""
        if question is None:
            return job_id(self.request, key, "caption")
        return job_id(self.request, key, "answer", question)


@dataclass(frozen=True)
class Source:
    """A picture that can be fetched.

    Attributes:
        key: What tells it from the request's other pictures, the same after a restart.
        fetch: Gets its bytes; may be called again. Raises a `BeholderError` where it cannot.
    """

    key: str
    fetch: Callable[[], Awaitable[bytes]]


Watch = Callable[[Ticket], None]
"""Told of each job that is under way."""


def unwatched(_: Ticket) -> None:
    """Look at no job."""


class Captioner:
    """Has pictures captioned, or a question about them answered.

    Args:
        queue: Where the jobs go.
        patience: Seconds for which a full or absent queue is tried again.
    """

    def __init__(self, queue: Queue, *, patience: float) -> None:
        self._queue = queue
        self._patience = patience

    async def caption(
        self,
        asked: Asked,
        sources: Sequence[Source],
        question: str | None = None,
        watch: Watch = unwatched,
    ) -> list[str | BeholderError]:
        """Caption every picture; one that cannot be captioned keeps none of the others from it.

        Args:
            asked: Who asks.
            sources: The pictures.
            question: What to answer about each instead; None: a caption is wanted.
            watch: Told of the jobs.

        Returns:
            For each source, in their order, its caption or answer, or why there is none.
        """
        stored = await asyncio.gather(
            *(self._attempt(asked, partial(self._store, asked, s)) for s in sources)
        )
        size = sum(isinstance(picture, Picture) for picture in stored)
        outcomes = (
            self._attempt(asked, partial(self._ask, asked, source.key, picture, size, question, watch))
            if isinstance(picture, Picture)
            else _as_it_is(picture)
            for source, picture in zip(sources, stored, strict=True)
        )
        return list(await asyncio.gather(*outcomes))

    async def forget(self, asked: Asked, sources: Sequence[Source], question: str | None = None) -> None:
        """Let go of the results: their outcome is visible.

        Raises:
            QueueUnavailable: Redis cannot be reached; they go by themselves after some time.
        """
        await self._queue.close_request([asked.job(source.key, question) for source in sources])

    async def _store(self, asked: Asked, source: Source) -> Picture:
        return await self._queue.put_picture(asked.scope, await source.fetch())

    async def _ask(
        self, asked: Asked, key: str, picture: Picture, size: int, question: str | None, watch: Watch
    ) -> str:
        ticket = await self._queue.submit(
            Caption(picture=picture) if question is None else Answer(picture=picture, question=question),
            id=asked.job(key, question),
            priority=asked.priority,
            asker=str(asked.asker),
            group=Group(id=asked.request, size=size),
        )
        watch(ticket)
        outcome = (await ticket.result()).outcome
        if not isinstance(outcome, Captioned if question is None else Answered):
            raise JobFailed(f"Words were asked for and a {outcome.task!r} came back.")
        return outcome.text

    async def _attempt(self, asked: Asked, step: Callable[[], Awaitable[T]]) -> T | BeholderError:
        """Do a step, again and again while there is no room and patience lasts."""
        until = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                return await step()
            except BeholderError as error:
                pause = _pause_after(error, asked.priority)
                if pause is None or asyncio.get_running_loop().time() + pause > until:
                    log.info("%s: %s", asked.request, error.code)
                    return error
            await asyncio.sleep(pause)


async def _as_it_is(error: BeholderError) -> BeholderError:
    return error


def _pause_after(error: BeholderError, priority: Priority) -> float | None:
    """Tell after how many seconds to try again; None: not at all.

    Somebody who waits hears at once that the queue is full, and may come back; nobody would for a post that
    is captioned unasked.
    """
    match error:
        case QueueFull() if priority == "unasked":
            asked = float(error.detail.get("retry_after", 1))
            return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, asked))
        case TooManyInFlight() | QueueUnavailable():
            return SHORTEST_PAUSE
        case _:
            return None
