"""Protocols of the job queue that the handlers use, and the values that callers pass to every handler.

`inference.queue.client.InferenceClient` satisfies `ChatQueue`, and with it the others; tests pass fakes.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from inference.errors import BeholderError, TooManyInFlight
from inference.queue.loading_state import TaskState
from inference.schema import Delta, Group, Picture, Priority, Progress, Request, Result, Task, job_id

log = logging.getLogger(__name__)

MAX_THUMBNAIL_BYTES: Final = 2**20
"""Bytes; a worker's thumbnails have about 30 kB. A larger one counts as missing."""


class Ticket(Protocol):
    """Handle of a submitted job."""

    async def result(self) -> Result:
        """Wait for the job's result.

        Raises:
            BeholderError: The job failed, or its deadline passed.
        """

    async def position(self) -> int | None:
        """Return the number of jobs ahead of it in the queue; None once a worker has it.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """

    def deltas(self) -> AsyncIterator[Delta | Progress]:
        """Yield the pieces of a streamed text in order, and a worker's progress before the first.

        Raises:
            Expired: The job's deadline passed.
        """


class ImageStore(Protocol):
    """Store of image bytes that the workers read."""

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Store an image for the workers. Idempotent.

        Raises:
            QueueFull: The store has no room for it.
            QueueUnavailable: Redis cannot be reached.
        """

    async def keep_picture(self, picture: Picture) -> bool:
        """Extend a stored image's lifetime; False: its bytes are gone.

        Raises:
            QueueFull: The store has no room for it.
            QueueUnavailable: Redis cannot be reached.
        """

    async def picture(self, picture: Picture) -> bytes:
        """Return an image's bytes.

        Raises:
            PictureGone: They are gone.
            QueueUnavailable: Redis cannot be reached.
        """


class JobQueue(ImageStore, Protocol):
    """Queue that jobs are submitted to."""

    async def submit(
        self,
        request: Request,
        *,
        id: str,  # noqa: A002 - the field's name in the schema
        priority: Priority,
        asker: str,
        group: Group,
    ) -> Ticket:
        """Submit a job. Idempotent: the same id returns the job that was submitted before.

        Raises:
            BeholderError: The queue refuses it, or Redis cannot be reached.
        """

    async def close_request(self, ids: Iterable[str]) -> None:
        """Delete the stored results of jobs. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """


class ChatQueue(JobQueue, Protocol):
    """Job queue with the operations that only chat needs."""

    async def stop(self, job_id: str) -> None:
        """Stop generating an answer; its ticket returns the text so far.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """

    async def task_state(self, task: Task) -> TaskState:
        """Return whether `task` is served by a live worker, and how far others have loaded its models.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """


@dataclass(eq=False)
class SubmissionState:
    """How far the submission of a request's jobs is; `handlers.submission` keeps it.

    Attributes:
        refusal: The newest refusal, where its asker has been over the limit for one person.
        has_begun: Whether a job of the request was accepted.
    """

    refusal: TooManyInFlight | None = None
    has_begun: bool = False


@dataclass(frozen=True)
class JobContext:
    """The request that jobs are submitted for.

    Attributes:
        request: The request's id; job ids are derived from it, so that a retry submits the same jobs.
        scope: Guild or DM that the images belong to, such as `guild:7`.
        asker: Discord's id of the user.
        priority: `waiting` if the user waits for the answer.
        wait_until: Unix time in seconds until which its jobs wait for earlier ones of the user; None: as long
            as `handlers.submission.Submissions` has patience.
        submission: How far the submission is.
    """

    request: str
    scope: str
    asker: int
    priority: Priority
    wait_until: float | None = None
    submission: SubmissionState = field(default_factory=SubmissionState, compare=False, repr=False)

    @property
    def waiting_for(self) -> TooManyInFlight | None:
        """Why no job of the request has begun: the user has as many open as one person may have, or None."""
        return None if self.submission.has_begun else self.submission.refusal

    def job(self, key: str, question: str | None = None) -> str:
        """Return the id of the job for one image: a caption, or the answer to a question."""
        if question is None:
            return job_id(self.request, key, "caption")
        return job_id(self.request, key, "answer", question)


@dataclass(frozen=True)
class ImageSource:
    """An image that can be fetched.

    Attributes:
        key: Unique among the request's images, and the same after a restart.
        fetch: Returns the image's bytes; may be called again. Raises a `BeholderError` if it cannot.
        thumbnail: Whether the worker shall return a thumbnail with the result.
    """

    key: str
    fetch: Callable[[], Awaitable[bytes]]
    thumbnail: bool = False


async def store_image(store: ImageStore, context: JobContext, source: ImageSource) -> Picture:
    """Fetch an image and store it for the workers.

    Raises:
        BeholderError: It cannot be fetched, or the store has no room for it.
    """
    return await store.put_picture(context.scope, await source.fetch())


async def keep_image(store: ImageStore, context: JobContext, source: ImageSource, stored: Picture) -> Picture:
    """Keep an image that was stored a while ago; where its bytes are gone, fetch and store it again.

    Raises:
        BeholderError: It cannot be fetched, or the store has no room for it.
    """
    return stored if await store.keep_picture(stored) else await store_image(store, context, source)


async def fetch_thumbnail(
    store: ImageStore, context: JobContext, picture: Picture, max_bytes: int = MAX_THUMBNAIL_BYTES
) -> bytes:
    """Return a thumbnail that a worker made.

    Args:
        store: Where the worker put it.
        context: The request; a thumbnail of another scope is never fetched.
        picture: The thumbnail.
        max_bytes: Larger thumbnails are not fetched.

    Returns:
        A JPEG file; empty if there is none.
    """
    if picture.scope != context.scope or picture.size > max_bytes:
        log.warning("%s: thumbnail of another scope, or too large", context.request)
        return b""
    try:
        return await store.picture(picture)
    except BeholderError as error:
        log.info("%s: no thumbnail: %s", context.request, error.code)
        return b""
