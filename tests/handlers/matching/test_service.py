"""Matches through a real Redis and a real worker; its model scores four colours."""

import io
from collections.abc import AsyncIterator, Sequence

import pytest
from PIL import Image
from redis.asyncio import Redis

from handlers.matching.service import Matcher, Scores
from handlers.ports import ImageSource, JobContext
from inference.errors import (
    BeholderError,
    BrokenPicture,
    JobFailed,
    NoPictureUsable,
    NotAPicture,
    PictureError,
    PictureGone,
    QueueFull,
)
from inference.schema import Captioned, Matched, Result, UnusablePicture
from tests.handlers.finished_ticket import FinishedTicket
from tests.inference.fake_engine import ColourEngine
from tests.inference.image_files import near
from tests.inference.worker_harness import BLUE, RED, Asker, asking, settings, working

COMMAND = JobContext("command:1", "guild:7", 6, "waiting")
LABELS = ("red", "blue", "lime")


@pytest.fixture
async def asker(redis_url: str) -> AsyncIterator[Asker]:
    async with asking(settings(redis_url)) as made, working(settings(redis_url), {"match": ColourEngine()}):
        yield made


@pytest.fixture
def matcher(asker: Asker) -> Matcher:
    return Matcher(asker.client)


def source(key: str, data: bytes | BeholderError) -> ImageSource:
    async def fetch() -> bytes:
        if isinstance(data, BeholderError):
            raise data
        return data

    return ImageSource(key, fetch)


def sources(*pictures: bytes | BeholderError) -> list[ImageSource]:
    return [source(str(number), picture) for number, picture in enumerate(pictures)]


async def match(matcher: Matcher, pictures: Sequence[ImageSource], labels: Sequence[str] = LABELS) -> Scores:
    ticket = await matcher.submit(COMMAND, pictures, labels)
    return await matcher.scores(ticket, len(pictures), labels)


def colours(png: bytes) -> set[str]:
    """Return which of red and blue cover more than 500 pixels of a drawing."""
    with Image.open(io.BytesIO(png)) as picture:
        counted = picture.convert("RGB").getcolors(2**24) or []
    wanted = {"red": (255, 0, 0), "blue": (0, 0, 255)}
    return {
        name
        for name, colour in wanted.items()
        if sum(count for count, each in counted if near(each, colour, 12)) > 500
    }


async def test_every_image_is_scored_against_every_label(matcher: Matcher) -> None:
    scores = await match(matcher, sources(RED, BLUE))
    assert scores.labels == LABELS
    assert scores.matched.cosine == ((1, 0, 0), (0, 1, 0))


async def test_the_matrix_shows_the_images(matcher: Matcher) -> None:
    scores = await match(matcher, sources(RED, BLUE))
    png = await matcher.matrix(COMMAND, scores)
    assert png.startswith(b"\x89PNG")
    assert colours(png) == {"red", "blue"}


async def test_thumbnails_that_are_gone_or_of_another_scope_are_not_shown(
    matcher: Matcher, asker: Asker, redis_url: str
) -> None:
    scores = await match(matcher, sources(RED, BLUE))
    elsewhere = await asker.client.put_picture("guild:8", BLUE)
    red, blue = await matcher.thumbnails(COMMAND, scores)
    assert red != blue != b""
    mixed = scores.matched.model_copy(update={"thumbnails": (scores.matched.thumbnails[0], elsewhere)})
    assert await matcher.thumbnails(COMMAND, Scores(LABELS, mixed)) == [red, b""]
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(*[key async for key in redis.scan_iter("beholder:picture:*")])
    assert await matcher.thumbnails(COMMAND, scores) == [b"", b""]
    none = scores.matched.model_copy(update={"thumbnails": ()})
    assert await matcher.thumbnails(COMMAND, Scores(LABELS, none)) == [b"", b""]


@pytest.mark.parametrize("bad", [BrokenPicture(), b"no picture"])
async def test_an_image_that_cannot_be_used_is_left_out_and_named(
    matcher: Matcher, bad: bytes | BeholderError
) -> None:
    scores = await match(matcher, sources(RED, bad, BLUE))
    assert scores.numbers == (1, 3)
    assert [(number, type(error)) for number, error in scores.failed.items()] == [
        (2, BrokenPicture if isinstance(bad, BrokenPicture) else NotAPicture)
    ]
    assert colours(await matcher.matrix(COMMAND, scores)) == {"red", "blue"}
    assert scores.matched.cosine == ((1, 0, 0), (0, 1, 0))


async def test_images_that_fail_here_and_in_the_worker_keep_their_numbers(matcher: Matcher) -> None:
    given = sources(PictureGone(), b"no picture", RED, BrokenPicture(), b"none either", BLUE)
    scores = await match(matcher, given)
    assert scores.numbers == (3, 6)
    assert {number: error.code for number, error in scores.failed.items()} == {
        1: "picture_gone",
        2: "not_a_picture",
        4: "broken_picture",
        5: "not_a_picture",
    }
    assert scores.matched.cosine == ((1, 0, 0), (0, 1, 0))


@pytest.mark.parametrize("bad", [PictureGone(), b"no picture"])
async def test_where_no_image_can_be_used_each_is_named(matcher: Matcher, bad: bytes | BeholderError) -> None:
    with pytest.raises(NoPictureUsable) as caught:
        await match(matcher, sources(BrokenPicture(), bad))
    codes = {number: error.code for number, error in caught.value.errors.items()}
    assert codes == {1: "broken_picture", 2: "picture_gone" if bad != b"no picture" else "not_a_picture"}


async def test_the_usable_images_of_a_request_are_part_of_its_job(matcher: Matcher, redis_url: str) -> None:
    first = await matcher.submit(COMMAND, sources(RED, PictureGone(), BLUE), LABELS)
    second = await matcher.submit(COMMAND, sources(PictureGone(), RED, BLUE), LABELS)
    assert first.job_id != second.job_id
    assert (await matcher.scores(first, 3, LABELS)).numbers == (1, 3)
    assert (await matcher.scores(second, 3, LABELS)).numbers == (2, 3)
    for each in (first, second):
        await matcher.release_results(COMMAND, each)
    async with Redis.from_url(redis_url) as redis:
        assert [key async for key in redis.scan_iter("beholder:result:*")] == []


@pytest.mark.parametrize("place", [1, 3])
async def test_a_result_that_names_an_image_wrongly_is_refused(matcher: Matcher, place: int) -> None:
    wrong = Matched(
        cosine=((1, 0, 0),) * 2, share=((1, 0, 0),) * 2, unusable=(UnusablePicture(number=place, code="x"),)
    )
    with pytest.raises(JobFailed):
        await matcher.scores(FinishedTicket(Result(job_id="0", outcome=wrong)), 2, LABELS)


@pytest.mark.parametrize("bad", [BrokenPicture(), b"no picture"])
async def test_an_error_of_the_only_image_has_no_number(matcher: Matcher, bad: bytes | BeholderError) -> None:
    with pytest.raises(PictureError) as caught:
        await match(matcher, sources(bad))
    assert caught.value.detail == {}


async def test_an_error_that_no_image_caused_names_none(matcher: Matcher) -> None:
    with pytest.raises(QueueFull) as caught:
        await match(matcher, sources(RED, QueueFull("", retry_after=3)))
    assert caught.value.detail == {"retry_after": 3}


async def test_the_same_request_is_the_same_job_until_its_result_is_released(
    matcher: Matcher, redis_url: str
) -> None:
    await match(matcher, sources(RED))
    async with Redis.from_url(redis_url) as redis:

        async def stored_results() -> int:
            return len([key async for key in redis.scan_iter("beholder:result:*")])

        await match(matcher, sources(RED))
        assert await stored_results() == 1
        await matcher.release_results(COMMAND)
        assert await stored_results() == 0


@pytest.mark.parametrize(
    "outcome",
    [
        Captioned(text="a cat"),
        Matched(cosine=((1, 0),), share=((1, 0),)),
        Matched(cosine=((1, 0, 0),), share=((1, 0),)),
        Matched(cosine=((1, 0, 0),) * 2, share=((1, 0, 0),) * 2),
    ],
)
async def test_a_result_of_another_task_or_shape_is_refused(
    matcher: Matcher, outcome: Matched | Captioned
) -> None:
    with pytest.raises(JobFailed):
        await matcher.scores(FinishedTicket(Result(job_id="0", outcome=outcome)), 1, LABELS)


async def test_a_thumbnail_that_is_too_large_is_not_fetched(asker: Asker) -> None:
    matcher = Matcher(asker.client, max_thumbnail_bytes=1)
    scores = await match(matcher, sources(RED))
    assert await matcher.thumbnails(COMMAND, scores) == [b""]


async def test_the_matrix_is_drawn_without_the_thumbnails_that_are_missing(asker: Asker) -> None:
    drawn: list[Sequence[bytes]] = []

    async def draw(
        thumbnails: Sequence[bytes], _labels: Sequence[str], _cosine: Sequence[Sequence[float]]
    ) -> bytes:
        drawn.append(thumbnails)
        return b"matrix"

    scores = await match(Matcher(asker.client), sources(RED))
    matcher = Matcher(asker.client, draw=draw, max_thumbnail_bytes=1)
    assert await matcher.matrix(COMMAND, scores) == b"matrix"
    assert drawn == [[b""]]
