"""What handlers need of the queue to the workers, and what they hand in."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from inference.errors import BeholderError
from inference.schema import Answer, Caption, Group, Match, Picture, Priority, Result, job_id

log = logging.getLogger(__name__)

MAX_THUMBNAIL_BYTES: Final = 2**20
"""Bytes; ours have some 30 kB. A larger one counts as missing."""


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
    """What is needed of `inference.queue.client.InferenceClient`."""

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Keep a picture's bytes for the worker."""

    async def picture(self, picture: Picture) -> bytes:
        """Fetch a thumbnail."""

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
class JobContext:
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
class ImageSource:
    """A picture that can be fetched.

    Attributes:
        key: What tells it from the request's other pictures, the same after a restart.
        fetch: Gets its bytes; may be called again. Raises a `BeholderError` where it cannot.
        thumbnail: Whether a small copy of it is wanted beside what is said of it.
    """

    key: str
    fetch: Callable[[], Awaitable[bytes]]
    thumbnail: bool = False


async def store_image(queue: Queue, asked: JobContext, source: ImageSource) -> Picture:
    """Fetch a picture and keep its bytes for the worker.

    Raises:
        BeholderError: It cannot be fetched, or there is no room for it.
    """
    return await queue.put_picture(asked.scope, await source.fetch())


async def fetch_thumbnail(queue: Queue, asked: JobContext, picture: Picture) -> bytes:
    """Fetch a picture that a worker made: a small JPEG file; empty where there is none to be had."""
    if picture.scope != asked.scope or picture.size > MAX_THUMBNAIL_BYTES:
        log.warning("%s: a thumbnail of another place, or too large", asked.request)
        return b""
    try:
        return await queue.picture(picture)
    except BeholderError as error:
        log.info("%s: no thumbnail: %s", asked.request, error.code)
        return b""
