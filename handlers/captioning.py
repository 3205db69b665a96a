"""Pictures -> captions, or answers to a question, each with an outcome of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from handlers.ports import ImageSource, JobContext, JobQueue, Ticket, fetch_thumbnail, store_image
from inference.errors import BeholderError, JobFailed, QueueFull, QueueUnavailable, TooManyInFlight
from inference.schema import Answer, Answered, Caption, Captioned, Group, Picture, Priority

log = logging.getLogger(__name__)

MIN_RETRY_DELAY_S = 0.5
MAX_RETRY_DELAY_S = 30.0
"""Seconds before something is tried again for which there was no room."""

T = TypeVar("T")

Words = Captioned | Answered
"""What there is to say of a picture."""
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

    def __init__(self, queue: JobQueue, *, patience: float) -> None:
        self._queue = queue
        self._patience = patience

    async def caption(
        self,
        context: JobContext,
        sources: Sequence[ImageSource],
        question: str | None = None,
        watch: Watch = unwatched,
    ) -> list[Words | BeholderError]:
        """Caption every picture; one that cannot be captioned keeps none of the others from it.

        Args:
            context: Who asks.
            sources: The pictures.
            question: What to answer about each instead; None: a caption is wanted.
            watch: Told of the jobs.

        Returns:
            For each source, in their order, its caption or answer, or why there is none.
        """
        stored = await asyncio.gather(
            *(self._attempt(context, partial(store_image, self._queue, context, s)) for s in sources)
        )
        size = sum(isinstance(picture, Picture) for picture in stored)
        outcomes = (
            self._attempt(context, partial(self._ask, context, source, picture, size, question, watch))
            if isinstance(picture, Picture)
            else _as_it_is(picture)
            for source, picture in zip(sources, stored, strict=True)
        )
        return list(await asyncio.gather(*outcomes))

    async def release_results(
        self, context: JobContext, sources: Sequence[ImageSource], question: str | None = None
    ) -> None:
        """Let go of the results: their outcome is visible.

        Raises:
            QueueUnavailable: Redis cannot be reached; they go by themselves after some time.
        """
        await self._queue.close_request([context.job(source.key, question) for source in sources])

    async def thumbnail(self, context: JobContext, outcome: Words | BeholderError) -> bytes:
        """Fetch the small copy that a source wanted: a JPEG file; empty where there is none to be had."""
        if isinstance(outcome, BeholderError) or not outcome.thumbnails:
            return b""
        return await fetch_thumbnail(self._queue, context, outcome.thumbnails[0])

    async def _ask(
        self,
        context: JobContext,
        source: ImageSource,
        picture: Picture,
        size: int,
        question: str | None,
        watch: Watch,
    ) -> Words:
        ticket = await self._queue.submit(
            _request(picture, question, thumbnail=source.thumbnail),
            id=context.job(source.key, question),
            priority=context.priority,
            asker=str(context.asker),
            group=Group(id=context.request, size=size),
        )
        watch(ticket)
        outcome = (await ticket.result()).outcome
        wanted = Captioned if question is None else Answered
        if not isinstance(outcome, wanted):
            raise JobFailed(f"Words were asked for and a {outcome.task!r} came back.")
        return outcome

    async def _attempt(self, context: JobContext, step: Callable[[], Awaitable[T]]) -> T | BeholderError:
        """Do a step, again and again while there is no room and patience lasts."""
        until = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                return await step()
            except BeholderError as error:
                pause = _pause_after(error, context.priority)
                if pause is None or asyncio.get_running_loop().time() + pause > until:
                    log.info("%s: %s", context.request, error.code)
                    return error
            await asyncio.sleep(pause)


def _request(picture: Picture, question: str | None, *, thumbnail: bool) -> Caption | Answer:
    if question is None:
        return Caption(picture=picture, thumbnail=thumbnail)
    return Answer(picture=picture, question=question, thumbnail=thumbnail)


async def _as_it_is(error: BeholderError) -> BeholderError:
    return error


def _pause_after(error: BeholderError, priority: Priority) -> float | None:
    """Tell after how many seconds to try again; None: not at all.

    Somebody who waits hears at once that the queue is full, and may come back; nobody would for a post that
    is captioned unasked.
    """
    match error:
        case QueueFull() if priority == "unasked":
            wanted = float(error.detail.get("retry_after", 1))
            return min(MAX_RETRY_DELAY_S, max(MIN_RETRY_DELAY_S, wanted))
        case TooManyInFlight() | QueueUnavailable():
            return MIN_RETRY_DELAY_S
        case _:
            return None
