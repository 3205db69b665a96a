"""Scores images against labels in one job, and has the similarity matrix drawn."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from handlers.heatmap.render import draw_matrix
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
from inference.errors import JobFailed, PictureError
from inference.schema import Group, Match, Matched, Picture, job_id

Draw = Callable[[Sequence[bytes], Sequence[str], Sequence[Sequence[float]]], Awaitable[bytes]]
"""Draws a matrix of thumbnails by labels, as `handlers.heatmap.render.draw_matrix` does."""


@dataclass(frozen=True)
class Scores:
    """Outcome of a match.

    Attributes:
        labels: The labels of the request.
        matched: A row for each image, a column for each label.
    """

    labels: tuple[str, ...]
    matched: Matched


class Matcher:
    """Submits match jobs, and turns their results into scores and a matrix.

    Args:
        queue: The job queue; it stores the thumbnails too.
        draw: Draws the matrix.
        max_thumbnail_bytes: Larger thumbnails count as missing.
        submissions: The submissions of all features; None: over the limit for one person nothing waits.
    """

    def __init__(
        self,
        queue: JobQueue,
        *,
        draw: Draw = draw_matrix,
        max_thumbnail_bytes: int = MAX_THUMBNAIL_BYTES,
        submissions: Submissions | None = None,
    ) -> None:
        self._submissions = submissions or Submissions(patience=0)
        self._queue = queue
        self._draw = draw
        self._max_thumbnail_bytes = max_thumbnail_bytes

    async def submit(
        self, context: JobContext, sources: Sequence[ImageSource], labels: Sequence[str]
    ) -> Ticket:
        """Store the images and submit the job. Idempotent: the same request is the same job.

        Args:
            context: The request.
            sources: 1 to `inference.schema.MAX_PICTURES` images.
            labels: As `handlers.matching.labels.parse_labels` returns them.

        Raises:
            PictureError: An image cannot be used (`picture`: its number from 1, if there are several).
            BeholderError: The queue is full, no worker serves matches, or Redis cannot be reached.
        """
        pictures = await self._stored(context, sources)
        is_fresh = True

        async def submit() -> Ticket:
            nonlocal pictures, is_fresh
            if not is_fresh:
                pairs = zip(sources, pictures, strict=True)
                pictures = await asyncio.gather(*(keep_image(self._queue, context, *each) for each in pairs))
            is_fresh = False
            return await self._queue.submit(
                Match(pictures=tuple(pictures), labels=tuple(labels)),
                id=_job(context),
                priority=context.priority,
                asker=str(context.asker),
                group=Group(id=context.request, size=1),
            )

        return await self._submissions.submit(context, submit)

    async def scores(self, ticket: Ticket, pictures: int, labels: Sequence[str]) -> Scores:
        """Wait for the job's scores.

        Args:
            ticket: The job.
            pictures: The number of images it was submitted with.
            labels: The labels it was submitted with.

        Raises:
            PictureError: An image cannot be used (`picture`: its number from 1, if there are several).
            LabelTooLong: A label has more tokens than the model reads (`label`: its number from 1).
            BeholderError: The job failed, or its deadline passed.
        """
        outcome = (await ticket.result()).outcome
        if not isinstance(outcome, Matched):
            raise JobFailed(f"The worker returned the outcome of another task: {outcome.task!r}.")
        shape = [len(labels)] * pictures
        if [len(row) for row in outcome.cosine] != shape or [len(row) for row in outcome.share] != shape:
            raise JobFailed(f"The worker returned scores of another shape than {pictures} by {len(labels)}.")
        return Scores(tuple(labels), outcome)

    async def matrix(self, context: JobContext, scores: Scores) -> bytes:
        """Draw the similarity matrix; an image without a thumbnail is drawn as a crossed box.

        Returns:
            A PNG file, at most 1 MB.

        Raises:
            MatrixNotDrawn: Drawing failed.
        """
        thumbnails = await self.thumbnails(context, scores)
        return await self._draw(thumbnails, scores.labels, scores.matched.cosine)

    async def thumbnails(self, context: JobContext, scores: Scores) -> list[bytes]:
        """Return each image's thumbnail, a JPEG file; empty if there is none."""
        stored, count = scores.matched.thumbnails, len(scores.matched.cosine)
        if len(stored) != count:
            return [b""] * count
        limit = self._max_thumbnail_bytes
        return await asyncio.gather(
            *(fetch_thumbnail(self._queue, context, thumbnail, limit) for thumbnail in stored)
        )

    async def release_results(self, context: JobContext) -> None:
        """Delete the stored result, once it is visible in Discord. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached; the result expires by itself.
        """
        await self._queue.close_request([_job(context)])

    async def _stored(self, context: JobContext, sources: Sequence[ImageSource]) -> list[Picture]:
        stored = await asyncio.gather(
            *(store_image(self._queue, context, s) for s in sources), return_exceptions=True
        )
        pictures = []
        for number, each in enumerate(stored, 1):
            if isinstance(each, PictureError) and len(sources) > 1:
                raise type(each)(str(each), **{**each.detail, "picture": number}) from each
            if isinstance(each, BaseException):
                raise each
            pictures.append(each)
        return pictures


def _job(context: JobContext) -> str:
    return job_id(context.request, "match")
