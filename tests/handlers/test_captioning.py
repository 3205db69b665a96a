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


class Queue:
    """A queue that captions a picture with its own bytes.

    Attributes:
        refusals: Raised by the next submits, one each.
    """

    def __init__(self, *refusals: BeholderError) -> None:
        self.refusals = list(refusals)
        self.submitted: list[tuple[str, Priority, str, Group]] = []
        self.closed: list[str] = []
        self._kept: dict[str, bytes] = {}

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        picture = Picture.of(scope, data)
        self._kept[picture.digest] = data
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
        text = self._kept[request.pictures[0].digest].decode()
        if text == "broken":
            return FinishedTicket(BrokenPicture())
        return FinishedTicket(Result(job_id=id, outcome=Captioned(text=text)))

    async def picture(self, picture: Picture) -> bytes:
        return self._kept[picture.digest]

    async def keep_picture(self, picture: Picture) -> bool:
        return picture.digest in self._kept

    async def close_request(self, ids: Iterable[str]) -> None:
        self.closed.extend(ids)


def source(key: str, text: str | BeholderError) -> ImageSource:
    async def fetch() -> bytes:
        if isinstance(text, BeholderError):
            raise text
        return text.encode()

    return ImageSource(key, fetch)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.captioning.MIN_RETRY_DELAY_S", 0.001)
    monkeypatch.setattr("handlers.captioning.MAX_RETRY_DELAY_S", 0.001)


async def test_each_picture_has_an_outcome_of_its_own_in_their_order() -> None:
    queue = Queue()
    sources = [source("1", "one"), source("2", NotAPicture()), source("3", "broken"), source("4", "four")]
    first, second, third, fourth = await Captioner(queue, patience=1).caption(POST, sources)
    assert (first, fourth) == (Captioned(text="one"), Captioned(text="four"))
    assert isinstance(second, NotAPicture)
    assert isinstance(third, BrokenPicture)
    assert {group for *_, group in queue.submitted} == {Group(id="post:1", size=3)}


async def test_the_same_request_makes_the_same_jobs() -> None:
    queue = Queue()
    captioner = Captioner(queue, patience=1)
    for _ in range(2):
        await captioner.caption(POST, [source("1", "one"), source("2", "two")])
    first, second, *again = (job for job, *_ in queue.submitted)
    assert [first, second] == again
    assert first != second
    await captioner.release_results(POST, [source("1", "one"), source("2", "two")])
    assert queue.closed == [first, second]


@pytest.mark.parametrize("refusal", [QueueFull("", retry_after=5.0), TooManyInFlight(), QueueUnavailable()])
async def test_a_post_that_nobody_asked_for_waits_for_room(refusal: BeholderError) -> None:
    queue = Queue(refusal, refusal)
    assert await Captioner(queue, patience=5).caption(POST, [source("1", "one")]) == [ONE]


async def test_somebody_who_waits_hears_at_once_that_the_queue_is_full() -> None:
    (outcome,) = await Captioner(Queue(QueueFull("", retry_after=5.0)), patience=5).caption(
        MENTION, [source("1", "one")]
    )
    assert isinstance(outcome, QueueFull)
    assert outcome.detail == {"retry_after": 5.0}


async def test_patience_ends() -> None:
    queue = Queue(*[QueueUnavailable() for _ in range(10_000)])
    (outcome,) = await Captioner(queue, patience=0.01).caption(MENTION, [source("1", "one")])
    assert isinstance(outcome, QueueUnavailable)


async def test_a_refused_picture_is_fetched_again_rather_than_held() -> None:
    fetched = 0

    async def fetch() -> bytes:
        nonlocal fetched
        fetched += 1
        return b"one"

    class FullOnce(Queue):
        async def put_picture(self, scope: str, data: bytes) -> Picture:
            if fetched == 1:
                raise QueueFull("", retry_after=1.0)
            return await super().put_picture(scope, data)

    fetching: Callable[[], Awaitable[bytes]] = fetch
    assert await Captioner(FullOnce(), patience=5).caption(POST, [ImageSource("1", fetching)]) == [ONE]
    assert fetched == 2
