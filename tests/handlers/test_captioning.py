from collections.abc import Awaitable, Callable, Iterable

import pytest

from handlers.captioning import Captioner
from handlers.ports import ImageSource, JobContext
from inference.errors import (
    BeholderError,
    BrokenPicture,
    NotAPicture,
    QueueFull,
    QueueUnavailable,
    TooManyInFlight,
)
from inference.schema import Captioned, Group, Picture, Priority, Request, Result
from tests.handlers.finished_ticket import FinishedTicket

POST = JobContext("post:1", "guild:7", 6, "unasked")
MENTION = JobContext("post:1", "guild:7", 6, "waiting")
ONE = Captioned(text="one")


class FakeQueue:
    """A queue whose caption of an image is the image's bytes.

    Attributes:
        refusals: Errors that the next submits raise, one each.
    """

    def __init__(self, *refusals: BeholderError) -> None:
        self.refusals = list(refusals)
        self.submitted: list[tuple[str, Priority, str, Group]] = []
        self.closed: list[str] = []
        self._stored: dict[str, bytes] = {}

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        picture = Picture.of(scope, data)
        self._stored[picture.digest] = data
        return picture

    async def submit(
        self,
        request: Request,
        *,
        id: str,  # noqa: A002
        priority: Priority,
        asker: str,
        group: Group,
    ) -> FinishedTicket:
        if self.refusals:
            raise self.refusals.pop(0)
        self.submitted.append((id, priority, asker, group))
        text = self._stored[request.pictures[0].digest].decode()
        if text == "broken":
            return FinishedTicket(BrokenPicture())
        return FinishedTicket(Result(job_id=id, outcome=Captioned(text=text)))

    async def picture(self, picture: Picture) -> bytes:
        return self._stored[picture.digest]

    async def keep_picture(self, picture: Picture) -> bool:
        return picture.digest in self._stored

    async def close_request(self, ids: Iterable[str]) -> None:
        self.closed.extend(ids)


def source(key: str, text: str | BeholderError) -> ImageSource:
    async def fetch() -> bytes:
        if isinstance(text, BeholderError):
            raise text
        return text.encode()

    return ImageSource(key, fetch)


def captioner(queue: FakeQueue, patience: float = 5) -> Captioner:
    return Captioner(queue, patience=patience, min_retry_delay_s=0.001, max_retry_delay_s=0.001)


async def test_images_succeed_or_fail_independently_and_outcomes_keep_their_order() -> None:
    queue = FakeQueue()
    sources = [source("1", "one"), source("2", NotAPicture()), source("3", "broken"), source("4", "four")]
    first, second, third, fourth = await captioner(queue).caption(POST, sources)
    assert (first, fourth) == (Captioned(text="one"), Captioned(text="four"))
    assert isinstance(second, NotAPicture)
    assert isinstance(third, BrokenPicture)
    assert {group for *_, group in queue.submitted} == {Group(id="post:1", size=3)}


async def test_the_same_request_makes_the_same_jobs_and_releases_their_results() -> None:
    queue = FakeQueue()
    captioning = captioner(queue)
    for _ in range(2):
        await captioning.caption(POST, [source("1", "one"), source("2", "two")])
    first, second, *again = (job for job, *_ in queue.submitted)
    assert [first, second] == again
    assert first != second
    await captioning.release_results(POST, [source("1", "one"), source("2", "two")])
    assert queue.closed == [first, second]


@pytest.mark.parametrize("refusal", [QueueFull("", retry_after=5.0), TooManyInFlight(), QueueUnavailable()])
async def test_an_unasked_caption_is_retried_until_there_is_room(refusal: BeholderError) -> None:
    queue = FakeQueue(refusal, refusal)
    assert await captioner(queue).caption(POST, [source("1", "one")]) == [ONE]


async def test_a_full_queue_is_reported_at_once_to_a_user_who_waits() -> None:
    (outcome,) = await captioner(FakeQueue(QueueFull("", retry_after=5.0))).caption(
        MENTION, [source("1", "one")]
    )
    assert isinstance(outcome, QueueFull)
    assert outcome.detail == {"retry_after": 5.0}


async def test_retries_end_when_patience_is_over() -> None:
    queue = FakeQueue(*[QueueUnavailable() for _ in range(10_000)])
    (outcome,) = await captioner(queue, patience=0.01).caption(MENTION, [source("1", "one")])
    assert isinstance(outcome, QueueUnavailable)


async def test_an_image_that_the_store_refused_is_fetched_again() -> None:
    fetched = 0

    async def fetch() -> bytes:
        nonlocal fetched
        fetched += 1
        return b"one"

    class FullOnce(FakeQueue):
        async def put_picture(self, scope: str, data: bytes) -> Picture:
            if fetched == 1:
                raise QueueFull("", retry_after=1.0)
            return await super().put_picture(scope, data)

    fetching: Callable[[], Awaitable[bytes]] = fetch
    assert await captioner(FullOnce()).caption(POST, [ImageSource("1", fetching)]) == [ONE]
    assert fetched == 2


@pytest.mark.parametrize(("max_bytes", "expected"), [(5, b"thumb"), (4, b"")])
async def test_a_thumbnail_that_is_too_large_is_not_fetched(max_bytes: int, expected: bytes) -> None:
    queue = FakeQueue()
    thumbnail = await queue.put_picture("guild:7", b"thumb")
    captioning = Captioner(queue, patience=5, max_thumbnail_bytes=max_bytes)
    outcome = Captioned(text="one", thumbnails=(thumbnail,))
    assert await captioning.thumbnail(POST, outcome) == expected


async def test_a_thumbnail_of_another_scope_is_not_fetched() -> None:
    queue = FakeQueue()
    elsewhere = await queue.put_picture("guild:8", b"thumb")
    outcome = Captioned(text="one", thumbnails=(elsewhere,))
    assert await captioner(queue).thumbnail(POST, outcome) == b""
