"""Scores images against labels in one job, and has the similarity matrix drawn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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
from inference.errors import BeholderError, JobFailed, NoPictureUsable, PictureError, from_code
from inference.schema import Delta, Group, Match, Matched, Picture, Progress, Result, job_id

Draw = Callable[..., Awaitable[bytes]]
"""Draws a matrix of thumbnails by labels, as `handlers.heatmap.render.draw_matrix` does."""


@dataclass(frozen=True)
class Scores:
    """Outcome of a match.

    Attributes:
        labels: The labels of the request.
        matched: A row for each image that could be used, a column for each label; at least one row.
        scored: The numbers of these images, from 1; None: there are no others.
        failed: Why each of the others could not be used, by its number.
        cut_off: The numbers of the images whose files are cut off.
    """

    labels: tuple[str, ...]
    matched: Matched
    scored: tuple[int, ...] | None = None
    failed: Mapping[int, BeholderError] = field(default_factory=dict)
    cut_off: tuple[int, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        """The number of each row's image, from 1."""
        return self.scored or tuple(range(1, len(self.matched.cosine) + 1))


class MatchTicket:
    """The ticket of a match job.

    Args:
        ticket: The job's.
        job_id: The job's id.
        numbers: The numbers of its images, from 1.
        failed: Why each of the others could not be stored, by its number.
    """

    def __init__(
        self, ticket: Ticket, job_id: str, numbers: Sequence[int], failed: Mapping[int, PictureError]
    ) -> None:
        self._ticket = ticket
        self.job_id = job_id
        self.numbers = tuple(numbers)
        self.failed = failed

    async def result(self) -> Result:
        """Wait for the job's result, as `Ticket.result` does."""
        return await self._ticket.result()

    async def position(self) -> int | None:
        """Return the number of jobs ahead of it, as `Ticket.position` does."""
        return await self._ticket.position()

    def deltas(self) -> AsyncIterator[Delta | Progress]:
        """Yield what is streamed, as `Ticket.deltas` does."""
        return self._ticket.deltas()


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
    ) -> MatchTicket:
        """Store the images that can be used, and submit the job.

        Idempotent: the same request with the same usable images is the same job.

        Args:
            context: The request.
            sources: 1 to `inference.schema.MAX_PICTURES` images.
            labels: As `handlers.matching.labels.parse_labels` returns them.

        Raises:
            NoPictureUsable: None of several images can be used.
            PictureError: The one image cannot be used.
            BeholderError: The queue is full, no worker serves matches, or Redis cannot be reached.
        """
        stored = await self._stored(context, sources, [None] * len(sources))
        is_fresh = True

        async def submit() -> MatchTicket:
            nonlocal stored, is_fresh
            if not is_fresh:
                stored = await self._stored(context, sources, stored)
            is_fresh = False
            return await self._submit(context, stored, labels)

        return await self._submissions.submit(context, submit)

    async def _submit(
        self, context: JobContext, stored: Sequence[Picture | PictureError], labels: Sequence[str]
    ) -> MatchTicket:
        usable = {number: each for number, each in enumerate(stored, 1) if isinstance(each, Picture)}
        failed = {number: each for number, each in enumerate(stored, 1) if isinstance(each, PictureError)}
        if not usable:
            raise NoPictureUsable.of(failed)
        job = _job(context, usable if failed else ())
        ticket = await self._queue.submit(
            Match(pictures=tuple(usable.values()), labels=tuple(labels), partial=len(stored) > 1),
            id=job,
            priority=context.priority,
            asker=str(context.asker),
            group=Group(id=context.request, size=1),
        )
        return MatchTicket(ticket, job, tuple(usable), failed)

    async def scores(self, ticket: Ticket, pictures: int, labels: Sequence[str]) -> Scores:
        """Wait for the job's scores.

        Args:
            ticket: The job.
            pictures: The number of images that were given.
            labels: The labels it was submitted with.

        Raises:
            NoPictureUsable: None of several images can be used.
            PictureError: The one image cannot be used.
            LabelTooLong: A label has more tokens than the model reads (`label`: its number from 1).
            BeholderError: The job failed, or its deadline passed.
        """
        outcome = (await ticket.result()).outcome
        if not isinstance(outcome, Matched):
            raise JobFailed(f"The worker returned the outcome of another task: {outcome.task!r}.")
        given = ticket.numbers if isinstance(ticket, MatchTicket) else tuple(range(1, pictures + 1))
        failed: dict[int, BeholderError] = dict(ticket.failed) if isinstance(ticket, MatchTicket) else {}
        unusable = {each.number: from_code(each.code, each.detail) for each in outcome.unusable}
        scored = tuple(each for place, each in enumerate(given, 1) if place not in unusable)
        shape = [len(labels)] * len(scored)
        if (
            any(place > len(given) for place in (*unusable, *outcome.cut_off))
            or [len(row) for row in outcome.cosine] != shape
            or [len(row) for row in outcome.share] != shape
        ):
            raise JobFailed(
                f"The worker returned scores of another shape than {len(scored)} by {len(labels)}."
            )
        failed |= {given[place - 1]: error for place, error in unusable.items()}
        failed = dict(sorted(failed.items()))
        if not scored:
            raise NoPictureUsable.of(failed)
        cut_off = tuple(given[place - 1] for place in outcome.cut_off)
        return Scores(tuple(labels), outcome, scored if failed else None, failed, cut_off)

    async def matrix(self, context: JobContext, scores: Scores) -> bytes:
        """Draw the similarity matrix; an image without a thumbnail is drawn as a crossed box.

        Returns:
            A PNG file, at most 1 MB.

        Raises:
            MatrixNotDrawn: Drawing failed.
        """
        thumbnails = await self.thumbnails(context, scores)
        numbers = {} if scores.scored is None else {"numbers": scores.scored}
        return await self._draw(thumbnails, scores.labels, scores.matched.cosine, **numbers)

    async def thumbnails(self, context: JobContext, scores: Scores) -> list[bytes]:
        """Return each image's thumbnail, a JPEG file; empty if there is none."""
        stored, count = scores.matched.thumbnails, len(scores.matched.cosine)
        if len(stored) != count:
            return [b""] * count
        limit = self._max_thumbnail_bytes
        return await asyncio.gather(
            *(fetch_thumbnail(self._queue, context, thumbnail, limit) for thumbnail in stored)
        )

    async def release_results(self, context: JobContext, ticket: MatchTicket | None = None) -> None:
        """Delete the stored result, once it is visible in Discord. Idempotent.

        Args:
            context: The request.
            ticket: Its job; None: the one of all images.

        Raises:
            QueueUnavailable: Redis cannot be reached; the result expires by itself.
        """
        await self._queue.close_request([_job(context) if ticket is None else ticket.job_id])

    async def _stored(
        self,
        context: JobContext,
        sources: Sequence[ImageSource],
        before: Sequence[Picture | PictureError | None],
    ) -> list[Picture | PictureError]:
        """Store images, or keep those that were stored before; for each that cannot be used, return why.

        Raises:
            BeholderError: One cannot be stored for another reason.
        """

        async def attempt(
            source: ImageSource, stored: Picture | PictureError | None
        ) -> Picture | PictureError:
            if isinstance(stored, PictureError):
                return stored
            try:
                if stored is not None:
                    return await keep_image(self._queue, context, source, stored)
                return await store_image(self._queue, context, source)
            except PictureError as error:
                return error

        return await asyncio.gather(*map(attempt, sources, before))


def _job(context: JobContext, numbers: Iterable[int] = ()) -> str:
    """Return the id of the job of all images, or of those with these numbers."""
    return job_id(context.request, "match", *numbers)
