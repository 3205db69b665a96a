"""Conversations in a worker, with a real Redis: streaming, cancellation, limits, and failures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from PIL import Image
from redis.asyncio import Redis

from inference.errors import ChatUnavailable, ConversationTooLong, Expired, ModelFailed, PictureError
from inference.queue.client import Ticket
from inference.queue.keys import Keys
from inference.schema import Conversed, Delta, Progress, Turn
from inference.worker.errors import MAX_FAILURES, ModelBroken
from tests.inference.fake_chat_engine import ScriptedChat
from tests.inference.fake_engine import ColourEngine
from tests.inference.image_files import encode
from tests.inference.job_factory import SCOPE
from tests.inference.process_probes import until, until_told
from tests.inference.worker_harness import (
    BLUE,
    RED,
    Asker,
    abandoned_by_dead_worker,
    asking,
    outcome,
    renewed_claims,
    settings,
    working,
)


@pytest.fixture
async def asker(redis_url: str) -> AsyncIterator[Asker]:
    async with asking(settings(redis_url)) as made:
        yield made


@pytest.fixture
def chat() -> ScriptedChat:
    return ScriptedChat()


async def conversed(ticket: Ticket) -> Conversed:
    async with asyncio.timeout(60):
        found = (await ticket.result()).outcome
    assert isinstance(found, Conversed)
    return found


async def first_piece(ticket: Ticket) -> Delta:
    async with asyncio.timeout(60):
        async for word in ticket.deltas():
            if isinstance(word, Delta):
                return word
    raise AssertionError("it ended without a piece")


async def test_the_answer_streams_and_is_whole_in_the_end(
    redis_url: str, asker: Asker, chat: ScriptedChat
) -> None:
    chat.words = 300
    async with working(settings(redis_url), {}, chat):
        ticket = await asker.talk("hello you")
        heard = [word async for word in ticket.deltas()]
        found = await conversed(ticket)
    pieces = [word for word in heard if isinstance(word, Delta)]
    assert found.text.startswith("hello you w0 w1 ")
    assert "".join(piece.text for piece in pieces) == found.text
    assert [piece.seq for piece in pieces] == list(range(len(pieces)))
    assert {piece.attempt for piece in pieces} == {0}
    assert (found.prompt_tokens, found.reply_tokens, found.stopped) == (1, 2, False)


async def test_the_first_piece_goes_out_at_once_and_the_rest_together(
    redis_url: str, asker: Asker, chat: ScriptedChat
) -> None:
    async with working(settings(redis_url), {}, chat):
        ticket = await asker.talk("hold on a moment")
        assert (await first_piece(ticket)).text == "hold "
        chat.go.set()
        await conversed(ticket)
        pieces = [word.text async for word in ticket.deltas() if isinstance(word, Delta)]
    assert pieces == ["hold ", "on a moment "]


async def test_pictures_stay_with_their_turns(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    async with working(settings(redis_url), {}, chat):
        red, blue = [await asker.client.put_picture(SCOPE, data) for data in (RED, BLUE)]
        ticket = await asker.talk(
            Turn(role="user", text="look", pictures=(red, blue)),
            "I see.",
            Turn(role="user", text="and now?", pictures=(red,)),
        )
        assert (await conversed(ticket)).text == "and now? red,blue; ; red"


async def test_a_picture_that_is_gone_is_named(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    async with working(settings(redis_url), {}, chat):
        red, blue = [await asker.client.put_picture(SCOPE, data) for data in (RED, BLUE)]
        async with Redis.from_url(redis_url) as redis:
            await redis.delete(Keys().picture(blue))
        ticket = await asker.talk(Turn(role="user", text="look", pictures=(red, blue)))
        with pytest.raises(PictureError) as caught:
            await ticket.result()
    assert (caught.value.code, caught.value.detail) == ("picture_gone", {"picture": 2})
    assert chat.begun == []


async def test_progress_comes_before_the_text(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    async with working(settings(redis_url), {}, chat):
        ticket = await asker.talk("pull yourself together")
        heard = [word async for word in ticket.deltas()]
        assert isinstance(heard[0], Progress)
        assert isinstance(heard[-1], Delta)
        assert await outcome(ticket) == "pull yourself together "


@pytest.mark.parametrize(
    ("words", "error", "detail"),
    [
        ("go away", ChatUnavailable, {"where": "127.0.0.1:11434"}),
        ("too long", ConversationTooLong, {"limit": 5, "value": 9, "unit": "tokens"}),
        ("raise it", ModelFailed, {}),
    ],
)
async def test_what_goes_wrong_is_told_and_the_next_one_is_answered(
    redis_url: str,
    asker: Asker,
    chat: ScriptedChat,
    words: str,
    error: type[Exception],
    detail: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with working(settings(redis_url), {}, chat) as work:
        ticket = await asker.talk(words)
        with pytest.raises(error) as caught:
            await ticket.result()
        assert caught.value.detail == detail  # type: ignore[attr-defined]
        assert await outcome(await asker.talk("next")) == "next "
        assert not work.done()
    assert "secret words" not in caplog.text


async def test_a_stop_ends_it_on_the_engine_too(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    async with working(settings(redis_url), {}, chat):
        ticket, other = await asker.talk("hold on"), await asker.talk("hold this")
        await first_piece(ticket)
        await first_piece(other)
        await asker.client.stop(ticket.id)
        assert await conversed(ticket) == Conversed(text="hold ", stopped=True)
        assert (chat.closed, chat.running) == (1, 1)
        chat.go.set()
        assert await outcome(other) == "hold this "


async def test_one_that_was_stopped_before_its_worker_came_is_not_begun(
    redis_url: str, asker: Asker, chat: ScriptedChat
) -> None:
    """A dead worker had claimed it, so that no live one is told of the cancellation."""
    ticket = await asker.talk("hello")
    await abandoned_by_dead_worker(redis_url, "converse")
    await asker.client.stop(ticket.id)
    async with working(settings(redis_url), {}, chat):
        assert await conversed(ticket) == Conversed(text="", stopped=True)
    assert chat.begun == []


async def test_one_that_nobody_wants_any_more_is_stopped(
    redis_url: str, asker: Asker, chat: ScriptedChat
) -> None:
    async with working(settings(redis_url), {}, chat):
        ticket = await asker.talk("hold on")
        await first_piece(ticket)
        await asker.client.close_request([ticket.id])
        chat.words = 1_000_000
        chat.go.set()
        await until(lambda: chat.closed == 1)
        assert await outcome(await asker.talk("away with it")) == "chat_unavailable"


async def test_the_pictures_whose_files_are_cut_off_are_named(
    redis_url: str, asker: Asker, chat: ScriptedChat
) -> None:
    async with working(settings(redis_url), {}, chat):
        noise = encode(Image.effect_noise((64, 64), 60), "PNG")
        stored = [await asker.client.put_picture(SCOPE, each) for each in (RED, noise[: len(noise) * 3 // 4])]
        found = await conversed(await asker.talk(Turn(role="user", text="look", pictures=tuple(stored))))
        assert found.cut_off_files == (2,)
        whole = await conversed(await asker.talk(Turn(role="user", text="look", pictures=(stored[0],))))
        assert whole.cut_off_files == ()


async def test_a_generation_ends_at_its_deadline(redis_url: str, chat: ScriptedChat) -> None:
    async with working(settings(redis_url), {}, chat):
        # On a busy machine the generation may not begin within the first deadline.
        for job_seconds in (1.0, 5.0, 25.0):
            async with asking(settings(redis_url, job_seconds=job_seconds)) as hasty:
                # Deadlines stand still while a worker loads its models.
                await hasty.ready("converse")
                ticket = await hasty.talk(f"hold for {job_seconds}")
                with contextlib.suppress(Expired):
                    await first_piece(ticket)
                with pytest.raises(Expired):
                    await ticket.result()
            if chat.begun:
                break
        assert chat.begun
        await until(lambda: chat.closed == len(chat.begun))


async def test_a_few_at_a_time_and_no_more(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    async with working(settings(redis_url, chats=3), {}, chat):
        tickets = [await asker.talk(f"hold {number}") for number in range(5)]
        for ticket in tickets[:3]:
            await first_piece(ticket)
        assert [await ticket.position() for ticket in tickets[3:]] == [0, 1]
        chat.go.set()
        assert [await outcome(ticket) for ticket in tickets] == [f"hold {number} " for number in range(5)]
    assert chat.most == 3


async def test_other_tasks_are_not_held_up(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    async with working(settings(redis_url, chats=2), {"caption": ColourEngine()}, chat):
        held = [await asker.talk("hold on") for _ in range(4)]
        await first_piece(held[0])
        assert [await outcome(await asker.ask()) for _ in range(3)] == ["a red picture"] * 3
        chat.go.set()
        assert [await outcome(ticket) for ticket in held] == ["hold on "] * 4


async def test_a_stop_of_the_worker_gives_it_back_and_the_next_begins_anew(
    redis_url: str, asker: Asker, chat: ScriptedChat
) -> None:
    successor = ScriptedChat()
    successor.go.set()
    async with working(settings(redis_url), {}, chat, stop_timeout_s=0.1):
        ticket = await asker.talk("hold the line")
        await first_piece(ticket)
    assert chat.closed == 1
    async with working(settings(redis_url, claim_seconds=600), {}, successor):
        heard = [word async for word in ticket.deltas() if isinstance(word, Delta)]
        assert await outcome(ticket) == "hold the line "
    assert [word.attempt for word in heard if word.seq == 0] == [0, 1]
    assert "".join(word.text for word in heard if word.attempt == 1) == "hold the line "


async def test_one_that_ends_soon_is_finished_before_the_worker_stops(
    redis_url: str, asker: Asker, chat: ScriptedChat
) -> None:
    async with working(settings(redis_url), {}, chat, stop_timeout_s=30):
        ticket = await asker.talk("hold the line")
        await first_piece(ticket)
        asyncio.get_running_loop().call_later(0.1, chat.go.set)
    assert await outcome(ticket) == "hold the line "
    assert chat.begun == ["hold the line"]


async def test_a_long_one_keeps_its_claim(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    idle = ScriptedChat()
    given = settings(redis_url, claim_seconds=2)
    async with working(given, {}, chat):
        ticket = await asker.talk("hold on")
        await first_piece(ticket)
        async with working(given, {}, idle):
            # The idle worker looks for abandoned jobs at its start, and every second.
            await renewed_claims(redis_url, "converse", 3)
            await outcome(await asker.talk("meanwhile"))
            chat.go.set()
            assert await outcome(ticket) == "hold on "
    assert "hold on" not in idle.begun
    assert chat.begun.count("hold on") == 1


async def test_it_is_ready_when_both_its_parts_are(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    cold = ColourEngine(cold=True)
    async with working(settings(redis_url), {"caption": cold}, chat):
        await asker.ready("converse")
        assert not await asker.client.workers_ready(["caption", "converse"])
        cold.go.set()
        await asker.ready("caption", "converse")
    assert not await asker.client.workers_ready(["converse"])


async def test_an_engine_that_fails_time_after_time_ends_the_worker(redis_url: str, asker: Asker) -> None:
    stubborn = ScriptedChat(stubborn=True)
    async with working(settings(redis_url, chats=1), {"caption": ColourEngine()}, stubborn) as work:
        for _ in range(MAX_FAILURES):
            assert await outcome(await asker.talk("hello")) == "model_failed"
        with pytest.raises(ModelBroken, match="5 conversations in a row"):
            await work
    assert not await asker.client.workers_ready(["converse"])
    assert not await asker.client.workers_ready(["caption"])


async def test_an_engine_that_cannot_warm_up_ends_the_worker(redis_url: str) -> None:
    async with working(settings(redis_url), {"caption": ColourEngine()}, ScriptedChat(broken=True)) as work:
        with pytest.raises(ModelBroken, match=r"scripted one cannot converse: CUDA error"):
            await work


async def test_two_workers_share_a_burst(redis_url: str, asker: Asker, chat: ScriptedChat) -> None:
    other = ScriptedChat()
    async with working(settings(redis_url), {}, chat), working(settings(redis_url), {}, other):

        async def both() -> bool:
            async with Redis.from_url(redis_url) as redis:
                return bool(await redis.zcard(Keys().workers("converse")) == 2)

        await until_told(both)
        tickets = [await asker.talk("hold on") for _ in range(6)]
        for ticket in tickets:
            await first_piece(ticket)
        # One worker has four at a time.
        assert 2 <= len(chat.begun) <= 4
        assert 2 <= len(other.begun) <= 4
        chat.go.set()
        other.go.set()
        assert [await outcome(ticket) for ticket in tickets] == ["hold on "] * 6
