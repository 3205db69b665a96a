"""A worker with a small engine, a real Redis and real decoder processes: its replies and its failures."""

import asyncio
import io
import os
import signal
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from redis.asyncio import Redis

from inference.errors import ModelFailed, PictureError, QuestionTooLong, QueueUnavailable
from inference.model_thread import CallTimeout
from inference.queue.client import Ticket
from inference.queue.embedded_redis import running_redis
from inference.schema import Conversed, Group, Match, Matched, job_id
from inference.settings import QueueSettings, WorkerSettings
from inference.worker.errors import MAX_FAILURES, ModelBroken
from tests.inference.fake_engine import ColourEngine
from tests.inference.image_files import chunk, encode, near, plain
from tests.inference.job_factory import SCOPE
from tests.inference.process_probes import until, until_told
from tests.inference.worker_harness import (
    BLUE,
    RED,
    Asker,
    asking,
    outcome,
    renewed_claims,
    settings,
    working,
)

RGB = ((255, 0, 0), (0, 0, 255))
"""Red and blue."""


@pytest.fixture
def engine() -> Iterator[ColourEngine]:
    made = ColourEngine()
    yield made
    made.go.set()


@pytest.fixture
async def asker(redis_url: str) -> AsyncIterator[Asker]:
    async with asking(settings(redis_url)) as made:
        yield made


async def test_pictures_are_captioned_each_its_own(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    colours = ["red", "blue", "lime", "white"] * 2
    async with working(settings(redis_url), {"caption": engine}):
        tickets = [await asker.ask(data=encode(plain(colour), "PNG")) for colour in colours]
        found = [await outcome(ticket) for ticket in tickets]
    assert found == [f"a {colour} picture" for colour in colours]


async def test_all_tasks_are_served_side_by_side(redis_url: str, asker: Asker) -> None:
    engines = {"caption": ColourEngine(), "answer": ColourEngine(), "match": ColourEngine()}
    async with working(settings(redis_url), engines):  # type: ignore[arg-type]
        pictures = (await asker.client.put_picture(SCOPE, RED), await asker.client.put_picture(SCOPE, BLUE))
        caption, answer = await asker.ask(), await asker.ask("what?", BLUE)
        match = await asker.ask(task="match", pictures=pictures)
        assert await outcome(caption) == "a red picture"
        assert await outcome(answer) == "what?: blue"
        matched = (await match.result()).outcome
        assert isinstance(matched, Matched)
        assert (matched.cosine, matched.share) == (((1, 0), (0, 1)), ((1, 0), (0, 1)))


async def test_a_match_brings_upright_thumbnails(redis_url: str, asker: Asker, engine: ColourEngine) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    lying = encode(plain("blue", (600, 300)), "JPEG", exif=turned.tobytes())
    async with working(settings(redis_url), {"match": engine}):
        pictures = [await asker.client.put_picture(SCOPE, data) for data in (RED, lying)]
        found = (await (await asker.ask(task="match", pictures=tuple(pictures))).result()).outcome
    assert isinstance(found, Matched)
    files = [await asker.client.picture(each) for each in found.thumbnails]
    opened = [Image.open(io.BytesIO(file)) for file in files]
    assert [(each.format, each.size) for each in opened] == [("JPEG", (40, 20)), ("JPEG", (160, 320))]
    assert [near(each.getpixel((10, 10)), colour) for each, colour in zip(opened, RGB, strict=True)] == [
        True
    ] * 2


async def test_what_waits_runs_as_one_batch(redis_url: str, asker: Asker, engine: ColourEngine) -> None:
    tickets = [await asker.ask(f"q{number}") for number in range(8)]
    async with working(settings(redis_url), {"answer": engine}):
        results = [await ticket.result() for ticket in tickets]
    assert [len(batch) for batch in engine.batches] == [8]
    for result in results:
        assert result.timings.batch == 8
        assert result.timings.waited > 0
        assert result.timings.decode > 0
        assert result.timings.forward > 0


async def test_the_next_batch_is_prepared_while_one_runs(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    async with working(settings(redis_url, batch=4), {"answer": engine}):
        first = await asker.ask("hold")
        await until(engine.began.is_set)
        later = [await asker.ask(f"q{number}") for number in range(6)]
        await asker.taken(*later[:4])
        assert [await ticket.position() for ticket in later[4:]] == [0, 1]
        engine.go.set()
        assert await outcome(first) == "hold: red"
        assert [await outcome(ticket) for ticket in later] == [f"q{number}: red" for number in range(6)]
    assert sorted(engine.batches[1]) == ["q0", "q1", "q2", "q3"]


async def test_a_picture_that_is_none_fails_alone(redis_url: str, asker: Asker, engine: ColourEngine) -> None:
    whole = encode(plain("blue", (400, 400)), "JPEG")
    tickets = [await asker.ask(data=data) for data in (RED, b"a text, renamed holiday.png", whole[:200], RED)]
    async with working(settings(redis_url), {"caption": engine}):
        found = [await outcome(ticket) for ticket in tickets]
    assert found == ["a red picture", "not_a_picture", "broken_picture", "a red picture"]


async def test_pictures_are_captioned_whatever_is_wrong_with_their_envelopes(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    png, jpeg = encode(plain("white"), "PNG"), encode(plain("white"), "JPEG")
    progressive = encode(plain("white"), "JPEG", progressive=True)
    at = png.index(b"IDAT") - 4
    large = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 * 2**20)))
    wrong = chunk(b"tEXt", b"Comment\0hello")[:-4] + bytes(4)
    files = [jpeg[:-2], progressive[:-2], png[:at] + large + png[at:], png[:at] + wrong + png[at:]]
    tickets = [await asker.ask(data=data) for data in files]
    async with working(settings(redis_url), {"caption": engine}):
        found = [await outcome(ticket) for ticket in tickets]
    assert found == ["a white picture"] * 4


async def test_a_result_says_which_files_are_cut_off(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    whole = encode(Image.effect_noise((64, 64), 80).convert("RGB"), "PNG")
    cut = whole[: len(whole) * 3 // 4]
    pictures = [await asker.client.put_picture(SCOPE, data) for data in (whole, b"no picture", cut)]
    match = Match(pictures=tuple(pictures), labels=("red", "blue"), partial=True)
    async with working(settings(redis_url), {"caption": engine, "match": engine}):
        captions = [await asker.ask(data=data) for data in (whole, cut)]
        matched = await asker.client.submit(
            match, id=job_id("cut"), priority="waiting", asker="1", group=Group(id="cut", size=1)
        )
        found = [(await ticket.result()).outcome for ticket in (*captions, matched)]
    assert [each.cut_off for each in found if not isinstance(each, Conversed)] == [(), (1,), (3,)]


async def test_of_several_pictures_the_bad_one_is_named(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    pictures = [await asker.client.put_picture(SCOPE, data) for data in (RED, b"no picture", BLUE)]
    async with working(settings(redis_url), {"match": engine}):
        ticket = await asker.ask(task="match", pictures=tuple(pictures))
        with pytest.raises(PictureError) as caught:
            await ticket.result()
    assert (caught.value.code, caught.value.detail) == ("not_a_picture", {"picture": 2})


async def test_a_partial_match_leaves_out_the_bad_pictures_and_names_them(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    files = (b"no picture", RED, b"none either", BLUE)
    pictures = tuple([await asker.client.put_picture(SCOPE, data) for data in files])
    async with working(settings(redis_url), {"match": engine}):
        mixed, none = [
            await asker.client.submit(
                Match(pictures=some, labels=("red", "blue"), partial=True),
                id=job_id("partial", len(some)),
                priority="waiting",
                asker="7",
                group=Group(id="1", size=1),
            )
            for some in (pictures, (pictures[0], pictures[2], pictures[0]))
        ]
        scored, refused = (await mixed.result()).outcome, (await none.result()).outcome
    assert isinstance(scored, Matched)
    assert isinstance(refused, Matched)
    assert len(scored.thumbnails) == 2
    assert [(each.number, each.code) for each in scored.unusable] == [
        (1, "not_a_picture"),
        (3, "not_a_picture"),
    ]
    assert [each.number for each in refused.unusable] == [1, 2, 3]
    assert not any((refused.cosine, refused.share, refused.thumbnails))
    assert scored.cosine == ((1, 0), (0, 1))


async def test_a_picture_that_is_gone_is_said_to_be(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    ticket = await asker.ask()
    async with Redis.from_url(redis_url) as redis:
        async for key in redis.scan_iter("beholder:picture:*"):
            await redis.delete(key)
    async with working(settings(redis_url), {"caption": engine}):
        assert await outcome(ticket) == "picture_gone"


async def test_a_question_that_does_not_fit_fails_alone(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    tickets = [await asker.ask(question) for question in ("one", "far too long", "two")]
    async with working(settings(redis_url), {"answer": engine}):
        assert [await outcome(ticket) for ticket in tickets] == ["one: red", "question_too_long", "two: red"]
        with pytest.raises(QuestionTooLong) as caught:
            await tickets[1].result()
    assert caught.value.detail == {"limit": 5, "value": 12, "unit": "tokens"}


@pytest.mark.parametrize("bad", ["raise", "lie", "wild"])
async def test_a_job_on_which_the_model_fails_fails_alone(
    redis_url: str, asker: Asker, engine: ColourEngine, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    questions = ["a", "b", bad, "c", "d", "e", "f"]
    tickets = [await asker.ask(question) for question in questions]
    async with working(settings(redis_url), {"answer": engine}):
        found = [await outcome(ticket) for ticket in tickets]
    assert found == ["a: red", "b: red", "model_failed", "c: red", "d: red", "e: red", "f: red"]
    with pytest.raises(ModelFailed):
        await tickets[2].result()
    assert "secret words" not in caplog.text
    assert bad not in [record.getMessage() for record in caplog.records]


async def test_what_expires_before_its_batch_costs_the_model_nothing(
    redis_url: str, engine: ColourEngine
) -> None:
    soon = settings(redis_url, job_seconds=1.0)
    async with asking(settings(redis_url)) as patient, working(settings(redis_url), {"answer": engine}):
        first = await patient.ask("hold")
        await until(engine.began.is_set)
        async with asking(soon) as hasty:
            late = await hasty.ask("late", BLUE)
            assert await outcome(late) == "expired"
        engine.go.set()
        assert await outcome(first) == "hold: red"
        assert await outcome(await patient.ask("next")) == "next: red"
    assert ["late"] not in engine.batches


async def test_it_counts_as_ready_only_when_it_is_warm(redis_url: str, asker: Asker) -> None:
    cold = ColourEngine(cold=True)
    async with working(settings(redis_url), {"caption": cold}) as work:
        ticket = await asker.ask()
        for _ in range(20):
            assert not await asker.client.workers_ready(["caption"])
            await asyncio.sleep(0.01)
        cold.go.set()
        await asker.ready("caption")
        assert await outcome(ticket) == "a red picture"
        assert not await asker.client.workers_ready(["answer"])
        assert not work.done()
    assert not await asker.client.workers_ready(["caption"])


@asynccontextmanager
async def two_workers(
    url: str, given: WorkerSettings, asker: Asker
) -> AsyncIterator[tuple[ColourEngine, ColourEngine]]:
    """Run two workers, and wait until both are ready."""
    one, two = ColourEngine(), ColourEngine()
    async with working(given, {"answer": one}), working(given, {"answer": two}), Redis.from_url(url) as redis:
        await asker.ready("answer")

        async def both() -> bool:
            return bool(await redis.zcard("beholder:workers:answer") == 2)

        await until_told(both)
        try:
            yield one, two
        finally:
            one.go.set()
            two.go.set()


async def test_a_long_batch_keeps_its_claim(redis_url: str, asker: Asker) -> None:
    given = settings(redis_url, claim_seconds=2)
    async with two_workers(redis_url, given, asker) as (one, two):
        held = await asker.ask("hold")
        await until(lambda: one.began.is_set() or two.began.is_set())
        busy, idle = (one, two) if one.began.is_set() else (two, one)
        # The idle worker looks for abandoned jobs at its start and every second, and takes the new ones.
        renewed = asyncio.create_task(renewed_claims(redis_url, "answer", 3))
        while not renewed.done() or len(idle.batches) <= 3:
            assert await outcome(await asker.ask("meanwhile")) == "meanwhile: red"
        busy.go.set()
        assert await outcome(held) == "hold: red"
        assert busy.batches == [["hold"]]


async def test_two_workers_share_a_burst(redis_url: str, asker: Asker) -> None:
    async with two_workers(redis_url, settings(redis_url), asker) as (one, two):
        tickets = [await asker.ask("hold") for _ in range(4)]
        await until(lambda: one.began.is_set() and two.began.is_set())
        one.go.set()
        two.go.set()
        assert [await outcome(ticket) for ticket in tickets] == ["hold: red"] * 4


async def test_a_stop_finishes_the_running_batch_and_gives_the_rest_back(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    stop_here = settings(redis_url, batch=1)
    async with working(stop_here, {"answer": engine}, stop_timeout_s=30):
        first = await asker.ask("hold")
        await until(engine.began.is_set)
        second = await asker.ask("second")
        await asker.taken(second)
        asyncio.get_running_loop().call_later(0.1, engine.go.set)
    assert await outcome(first) == "hold: red"
    assert not await asker.client.workers_ready(["answer"])
    assert engine.batches == [["hold"]]
    successor = ColourEngine()
    async with working(settings(redis_url, claim_seconds=600), {"answer": successor}):
        assert await outcome(second) == "second: red"


async def test_a_stop_does_not_wait_for_a_batch_that_takes_long(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    async with working(settings(redis_url), {"answer": engine}, stop_timeout_s=0.1):
        held = await asker.ask("hold")
        await until(engine.began.is_set)
    successor = ColourEngine()
    successor.go.set()
    async with working(settings(redis_url, claim_seconds=600), {"answer": successor}):
        assert await outcome(held) == "hold: red"


async def test_a_model_that_cannot_warm_up_ends_the_worker(redis_url: str, asker: Asker) -> None:
    async with working(settings(redis_url), {"caption": ColourEngine(broken=True)}) as work:
        with pytest.raises(ModelBroken, match=r"colours@test.*blank image.*CUDA error"):
            await work
    assert not await asker.client.workers_ready(["caption"])


async def test_a_model_that_breaks_later_ends_the_worker_and_not_the_jobs(
    redis_url: str, asker: Asker, engine: ColourEngine
) -> None:
    async with working(settings(redis_url, claim_seconds=0.5), {"answer": engine}) as work:
        assert await outcome(await asker.ask("fine")) == "fine: red"
        engine.broken = True
        tickets = [await asker.ask(question) for question in ("one", "two", "three")]
        with pytest.raises(ModelBroken, match="blank image"):
            await work
    assert not await asker.client.workers_ready(["answer"])
    async with working(settings(redis_url, claim_seconds=0.5), {"answer": ColourEngine()}):
        assert [await outcome(ticket) for ticket in tickets] == ["one: red", "two: red", "three: red"]


async def test_a_model_that_fails_on_job_after_job_ends_the_worker(redis_url: str, asker: Asker) -> None:
    tickets = [await asker.ask(str(number)) for number in range(MAX_FAILURES + 1)]
    async with working(
        settings(redis_url, claim_seconds=0.5), {"answer": ColourEngine(stubborn=True)}
    ) as work:
        with pytest.raises(ModelBroken, match="5 jobs in a row"):
            await work
    async with working(settings(redis_url, claim_seconds=0.5), {"answer": ColourEngine()}):
        found = [await outcome(ticket) for ticket in tickets]
    assert found.count("model_failed") == MAX_FAILURES - 1


async def test_a_model_that_hangs_ends_the_worker(redis_url: str, asker: Asker, engine: ColourEngine) -> None:
    async with working(settings(redis_url, job_seconds=1.0), {"answer": engine}) as work:
        await asker.ask("hold")
        with pytest.raises(CallTimeout):
            await work
        assert engine.began.is_set()


async def test_redis_may_go_away_for_a_while(tmp_path: Path, engine: ColourEngine) -> None:
    async with running_redis(QueueSettings(_env_file=None, redis_url=None, data_dir=tmp_path)) as url:
        async with Redis.from_url(url) as redis:
            pid = (await redis.info("server"))["process_id"]
        async with asking(settings(url)) as asker, working(settings(url), {"answer": engine}) as work:
            assert await outcome(await asker.ask("before")) == "before: red"
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(60):
                while (ticket := await _submitted(asker)) is None:
                    assert not work.done()
            assert await outcome(ticket) == "after: red"


async def _submitted(asker: Asker) -> Ticket | None:
    try:
        return await asker.ask("after")
    except QueueUnavailable:
        return None
