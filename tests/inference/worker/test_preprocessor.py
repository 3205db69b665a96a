"""Preprocessing jobs: images are fetched and decoded once, and none is kept."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest
from PIL import Image

from inference.errors import BrokenPicture, PictureError, QueueFull
from inference.images.thumbnails import thumbnail
from inference.queue.consumer import ClaimedJob
from inference.schema import Caption, Match, Picture, Task
from inference.worker.preprocessor import InFlightJob, Preprocessor
from tests.inference.fake_engine import ColourEngine, Seen
from tests.inference.image_files import plain
from tests.inference.job_factory import SCOPE, job, request

ENGINES = {"caption": ColourEngine(), "answer": ColourEngine(), "match": ColourEngine()}


class Source:
    """Pictures whose bytes are the name of their colour."""

    def __init__(self) -> None:
        self.pictures: dict[str, bytes] = {}
        self.fetched: list[Picture] = []
        self.full = False

    def keep(self, colour: bytes, scope: str = SCOPE) -> Picture:
        picture = Picture.of(scope, colour)
        self.pictures[picture.digest] = colour
        return picture

    async def picture(self, picture: Picture) -> bytes:
        self.fetched.append(picture)
        await asyncio.sleep(0)
        return self.pictures[picture.digest]

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        if self.full:
            raise QueueFull
        return self.keep(data, scope)


class Decoder:
    """Decodes a colour's name to a picture of it."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[Image.Image]] = []

    async def decode(self, data: bytes) -> Image.Image:
        await asyncio.sleep(0)
        if data == b"broken":
            raise BrokenPicture
        picture = plain(data.decode())
        self.made.append(weakref.ref(picture))
        return picture


def in_flight_job(number: int, task: Task, *pictures: Picture) -> InFlightJob:
    """Make a job in flight."""
    return InFlightJob(
        ClaimedJob(job(number, request=request(task, pictures)), "stream", "1-0", isolated=False), 0.0
    )


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def decoder() -> Decoder:
    return Decoder()


@pytest.fixture
def preprocessor(source: Source, decoder: Decoder) -> Iterator[Preprocessor]:
    made = Preprocessor(source, decoder, ENGINES, 30)  # type: ignore[arg-type]
    yield made
    made.close()


async def test_a_job_is_ready_once_it_is_prepared(source: Source, preprocessor: Preprocessor) -> None:
    one = in_flight_job(1, "match", source.keep(b"red"), source.keep(b"blue"))
    await preprocessor.prepare(one)
    assert one.ready
    assert one.decode_ms > 0
    assert isinstance(one.job.request, Match)
    assert one.model_input == Seen(one.job.request, ("red", "blue"))


async def test_a_picture_that_several_jobs_want_is_decoded_once(
    source: Source, preprocessor: Preprocessor
) -> None:
    red = source.keep(b"red")
    jobs = [
        in_flight_job(1, "caption", red),
        in_flight_job(2, "answer", red),
        in_flight_job(3, "match", red, red),
    ]
    await asyncio.gather(*map(preprocessor.prepare, jobs))
    assert [each.model_input.colours for each in jobs] == [("red",), ("red",), ("red", "red")]
    assert source.fetched == [red]


async def test_servers_share_no_decoding(source: Source, preprocessor: Preprocessor) -> None:
    here, there = source.keep(b"red"), source.keep(b"red", "guild:2")
    await asyncio.gather(
        preprocessor.prepare(in_flight_job(1, "caption", here)),
        preprocessor.prepare(in_flight_job(2, "caption", there)),
    )
    assert source.fetched == [here, there]


async def test_no_picture_is_kept(source: Source, decoder: Decoder, preprocessor: Preprocessor) -> None:
    red = source.keep(b"red")
    await preprocessor.prepare(in_flight_job(1, "caption", red))
    await preprocessor.prepare(in_flight_job(2, "caption", red))
    assert source.fetched == [red, red]
    # The thread lets go of the last call when it gets the next one.
    await preprocessor.prepare(in_flight_job(3, "caption", source.keep(b"blue")))
    gc.collect()
    assert [made() for made in decoder.made[:2]] == [None, None]


async def test_a_job_that_is_dropped_takes_no_picture_from_another(
    source: Source, preprocessor: Preprocessor
) -> None:
    red = source.keep(b"red")
    dropped = asyncio.create_task(preprocessor.prepare(in_flight_job(1, "caption", red)))
    other = in_flight_job(2, "caption", red)
    staying = asyncio.create_task(preprocessor.prepare(other))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    dropped.cancel()
    await staying
    assert other.model_input.colours == ("red",)
    assert dropped.cancelled()


async def test_each_job_is_told_which_of_its_own_pictures_is_bad(
    source: Source, preprocessor: Preprocessor
) -> None:
    red, broken = source.keep(b"red"), source.keep(b"broken")
    jobs = [
        in_flight_job(1, "match", red, broken),
        in_flight_job(2, "match", broken, red, red),
        in_flight_job(3, "caption", broken),
    ]
    errors = await asyncio.gather(*map(preprocessor.prepare, jobs), return_exceptions=True)
    assert all(isinstance(error, PictureError) for error in errors)
    assert [error.detail for error in errors if isinstance(error, PictureError)] == [
        {"picture": 2},
        {"picture": 1},
        {},
    ]
    assert not any(each.ready for each in jobs)


async def test_a_match_has_thumbnails_and_words_have_where_they_are_wanted(
    source: Source, preprocessor: Preprocessor
) -> None:
    red, blue = source.keep(b"red"), source.keep(b"blue")
    match, caption, answer = (
        in_flight_job(1, "match", red, blue, red),
        in_flight_job(2, "caption", red),
        in_flight_job(3, "answer", red),
    )
    await asyncio.gather(*map(preprocessor.prepare, (match, caption, answer)))
    assert (caption.thumbnails, answer.thumbnails) == ((), ())
    wanted = InFlightJob(
        ClaimedJob(job(4, request=Caption(picture=blue, thumbnail=True)), "stream", "1-0", isolated=False),
        0.0,
    )
    await preprocessor.prepare(wanted)
    assert wanted.thumbnails == match.thumbnails[1:2]
    assert {picture.scope for picture in match.thumbnails} == {SCOPE}
    files = [source.pictures[picture.digest] for picture in match.thumbnails]
    assert files == [thumbnail(plain(colour)) for colour in ("red", "blue", "red")]


async def test_where_there_is_no_room_for_thumbnails_the_job_does_without(
    source: Source, preprocessor: Preprocessor
) -> None:
    match = in_flight_job(1, "match", source.keep(b"red"), source.keep(b"blue"))
    source.full = True
    await preprocessor.prepare(match)
    assert match.ready
    assert match.thumbnails == ()
