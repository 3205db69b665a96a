"""Pictures and labels -> how well they match, and the matrix that shows it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.heatmap.render import draw_matrix
from handlers.ports import ImageSource, JobContext, JobQueue, Ticket, fetch_thumbnail, store_image
from inference.errors import JobFailed, PictureError
from inference.schema import Group, Match, Matched, Picture, job_id


@dataclass(frozen=True)
class Scores:
    """What a match came to.

    Attributes:
        labels: As they were asked for.
        matched: A row for each picture, a column for each label.
    """

    labels: tuple[str, ...]
    matched: Matched


class Matcher:
    """Has pictures scored against labels.

    Args:
        queue: Where the jobs go, and thumbnails come from.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def submit(
        self, context: JobContext, sources: Sequence[ImageSource], labels: Sequence[str]
    ) -> Ticket:
        """Hand the pictures and labels in; the same request is the same job.

        Args:
            context: Who asks.
            sources: 1 to `inference.schema.MAX_PICTURES` pictures.
            labels: As `handlers.matching.labels.parse_labels` gives them.

        Raises:
            PictureError: One of the pictures cannot be used (of several: `picture`, its number from 1).
            BeholderError: There is no room, nobody who could do it, or no Redis.
        """
        pictures = await self._stored(context, sources)
        return await self._queue.submit(
            Match(pictures=tuple(pictures), labels=tuple(labels)),
            id=_job(context),
            priority=context.priority,
            asker=str(context.asker),
            group=Group(id=context.request, size=1),
        )

    async def scores(self, ticket: Ticket, pictures: int, labels: Sequence[str]) -> Scores:
        """Wait for the scores.

        Raises:
            PictureError: One of the pictures cannot be used (of several: `picture`, its number from 1).
            LabelTooLong: A label has more tokens than the model reads (`label`, its number from 1).
            BeholderError: It failed, or nobody answered before its deadline.
        """
        outcome = (await ticket.result()).outcome
        if not isinstance(outcome, Matched):
            raise JobFailed(f"A match was asked for and a {outcome.task!r} came back.")
        shape = [len(labels)] * pictures
        if [len(row) for row in outcome.cosine] != shape or [len(row) for row in outcome.share] != shape:
            raise JobFailed(f"{pictures} rows of {len(labels)} scores were asked for, and others came back.")
        return Scores(tuple(labels), outcome)

    async def matrix(self, context: JobContext, scores: Scores) -> bytes:
        """Draw the similarity matrix; a picture of which no thumbnail is to be had is drawn as missing.

        Returns:
            A PNG file, at most 1 MB.

        Raises:
            MatrixNotDrawn: It could not be drawn: the scores stand for themselves.
        """
        thumbnails = await self.thumbnails(context, scores)
        return await draw_matrix(thumbnails, scores.labels, scores.matched.cosine)

    async def thumbnails(self, context: JobContext, scores: Scores) -> list[bytes]:
        """Fetch a small JPEG file of each picture; empty bytes where there is none to be had."""
        kept, count = scores.matched.thumbnails, len(scores.matched.cosine)
        if len(kept) != count:
            return [b""] * count
        return await asyncio.gather(*(fetch_thumbnail(self._queue, context, each) for each in kept))

    async def release_results(self, context: JobContext) -> None:
        """Let go of the result: its outcome is visible.

        Raises:
            QueueUnavailable: Redis cannot be reached; it goes by itself after some time.
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
