"""Captions images, or answers a question about them: one job and one outcome for each image."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from handlers.ports import (
    MAX_THUMBNAIL_BYTES,
    ImageSource,
    JobContext,
    JobQueue,
    Ticket,
    fetch_thumbnail,
    keep_image,
    store_image,
)
from handlers.submission import Submissions
from inference.errors import BeholderError, JobFailed, PictureGone, QueueFull, QueueUnavailable
from inference.schema import Answer, Answered, Caption, Captioned, Group, Picture, Priority

log = logging.getLogger(__name__)

MIN_RETRY_DELAY_S: Final = 0.5
MAX_RETRY_DELAY_S: Final = 30.0
"""Seconds until a step is retried that the queue had no room for."""

T = TypeVar("T")

Words = Captioned | Answered
"""A job's text, with a thumbnail if one was requested."""
OnSubmit = Callable[[Ticket], None]
"""Called with the ticket of each job once it is submitted."""


def ignore_ticket(_: Ticket) -> None:
    """Do nothing: the default `OnSubmit`."""


class Captioner:
    """Submits captioning and question jobs, and collects their outcomes.

    Args:
        queue: The job queue.
        patience: Seconds for which a step is retried while the queue is full or Redis is away.
        min_retry_delay_s: Seconds until the next try, at least.
        max_retry_delay_s: Seconds until the next try, at most, whatever the queue suggests.
        submissions: The submissions of all features; None: its own, with this patience and these delays.
        max_thumbnail_bytes: Larger thumbnails count as missing.
    """

    def __init__(
        self,
        queue: JobQueue,
        *,
        patience: float,
        min_retry_delay_s: float = MIN_RETRY_DELAY_S,
        max_retry_delay_s: float = MAX_RETRY_DELAY_S,
        max_thumbnail_bytes: int = MAX_THUMBNAIL_BYTES,
        submissions: Submissions | None = None,
    ) -> None:
        self._queue = queue
        self._submissions = submissions or Submissions(
            patience=patience, min_delay_s=min_retry_delay_s, max_delay_s=max_retry_delay_s
        )
        self._patience = patience
        self._min_retry_delay_s = min_retry_delay_s
        self._max_retry_delay_s = max_retry_delay_s
        self._max_thumbnail_bytes = max_thumbnail_bytes

    async def caption(
        self,
        context: JobContext,
        sources: Sequence[ImageSource],
        question: str | None = None,
        watch: OnSubmit = ignore_ticket,
    ) -> list[Words | BeholderError]:
        """Caption images, or answer a question about each. The images succeed or fail independently.

        Idempotent: the same context, images and question make the same jobs.

        Args:
            context: The request.
            sources: The images.
            question: The question; None: caption them.
            watch: Called with each job's ticket.

        Returns:
            For each source, in order, its caption or answer, or the error.
        """
        stored = await asyncio.gather(
            *(self._attempt(context, partial(store_image, self._queue, context, s)) for s in sources)
        )
        size = sum(isinstance(picture, Picture) for picture in stored)
        outcomes = (
            self._attempt(context, partial(self._run_job, context, source, picture, size, question, watch))
            if isinstance(picture, Picture)
            else _unchanged(picture)
            for source, picture in zip(sources, stored, strict=True)
        )
        return list(await asyncio.gather(*outcomes))

    async def release_results(
        self, context: JobContext, sources: Sequence[ImageSource], question: str | None = None
    ) -> None:
        """Delete the stored results, once they are visible in Discord. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached; the results expire by themselves.
        """
        await self._queue.close_request([context.job(source.key, question) for source in sources])

    async def thumbnail(self, context: JobContext, outcome: Words | BeholderError) -> bytes:
        """Return the thumbnail that a source requested: a JPEG file; empty if there is none."""
        if isinstance(outcome, BeholderError) or not outcome.thumbnails:
            return b""
        thumbnail = outcome.thumbnails[0]
        return await fetch_thumbnail(self._queue, context, thumbnail, self._max_thumbnail_bytes)

    async def _run_job(
        self,
        context: JobContext,
        source: ImageSource,
        picture: Picture,
        size: int,
        question: str | None,
        watch: OnSubmit,
    ) -> Words:
        stored: Picture | None = picture

        async def submit() -> Ticket:
            nonlocal stored
            image, stored = stored, None
            if image is None:
                image = await keep_image(self._queue, context, source, picture)
            return await self._queue.submit(
                _request(image, question, thumbnail=source.thumbnail),
                id=context.job(source.key, question),
                priority=context.priority,
                asker=str(context.asker),
                group=Group(id=context.request, size=size),
            )

        ticket = await self._submissions.submit(context, submit)
        watch(ticket)
        try:
            outcome = (await ticket.result()).outcome
        except PictureGone:
            # Redis has lost its bytes, and not Discord: it may lose its last second when it is killed.
            await self._queue.close_request([context.job(source.key, question)])
            stored = await store_image(self._queue, context, source)
            outcome = (await (await self._submissions.submit(context, submit)).result()).outcome
        expected = Captioned if question is None else Answered
        if not isinstance(outcome, expected):
            raise JobFailed(f"The worker returned the outcome of another task: {outcome.task!r}.")
        return outcome

    async def _attempt(self, context: JobContext, step: Callable[[], Awaitable[T]]) -> T | BeholderError:
        """Retry a step until it succeeds, fails for good, or `patience` is over. It must be idempotent."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._patience
        while True:
            try:
                return await step()
            except BeholderError as error:
                delay = self._retry_delay(error, context.priority)
                if delay is None or clock() + delay > until:
                    log.info("%s: %s", context.request, error.code)
                    return error
            await asyncio.sleep(delay)

    def _retry_delay(self, error: BeholderError, priority: Priority) -> float | None:
        """Return the seconds until the next try; None: do not retry.

        A full queue is reported at once to a user who waits and can retry. A post that is captioned unasked
        has no such user, so it is retried here.
        """
        match error:
            case QueueFull() if priority == "unasked":
                suggested = float(error.detail.get("retry_after", 1))
                return min(self._max_retry_delay_s, max(self._min_retry_delay_s, suggested))
            case QueueUnavailable():
                return self._min_retry_delay_s
            case _:
                return None


def _request(picture: Picture, question: str | None, *, thumbnail: bool) -> Caption | Answer:
    if question is None:
        return Caption(picture=picture, thumbnail=thumbnail)
    return Answer(picture=picture, question=question, thumbnail=thumbnail)


async def _unchanged(error: BeholderError) -> BeholderError:
    return error
