"""Answers that meet an archive, a moderator, a full page, a model that breaks off, or an impatient thumb."""

import asyncio

import pytest

from bot import talk_replies
from bot.playground.testing.faults import Fault, FaultKind
from handlers.chat.history import ConversationKey, History
from inference.errors import ChatInterrupted, ChatUnavailable
from tests.bot.stage import Stage
from tests.bot.talk import (
    buttons,
    finished,
    is_done,
    lose,
    press,
    seen,
    thread,
)
from tests.bot.talker import talking


async def told(stage: Stage, start: int) -> str:
    """Wait for what only the one who pressed hears."""
    heard = await stage.ada.hear(
        lambda kind, data: kind == "MESSAGE_CREATE" and bool(data["flags"] & 64) and data["content"] != "",
        start=start,
    )
    return str(heard["content"])


async def test_an_answer_made_anew_in_an_archived_thread_is_seen(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        [first] = await finished(stage, place, 1)
        await stage.all_closed()
        await stage.ada.request("PATCH", f"/channels/{place}", json={"archived": True})
        talker.pieces = lambda _: ["something else"]
        await press(stage.ada, first, "Regenerate")
        await seen(
            stage,
            place,
            lambda found: [each["content"] for each in found] == ["something else"] and is_done(found[0]),
        )


async def test_in_a_locked_thread_it_is_said_that_nothing_can_be_changed(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        [first] = await finished(stage, place, 1)
        await stage.all_closed()
        await stage.ada.request("PATCH", f"/channels/{place}", json={"archived": True, "locked": True})
        start = len(stage.ada.heard)
        await press(stage.ada, first, "Regenerate")
        assert await told(stage, start) == talk_replies.LOCKED
        assert len(talker.jobs) == 1


async def test_an_answer_that_nobody_could_be_shown_is_not_what_the_model_reads_afterwards(
    stage: Stage,
) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.gate.clear()
        place = await thread(stage)
        await seen(stage, place, lambda found: len(found) == 1)
        await stage.ada.request("PATCH", f"/channels/{place}", json={"archived": True, "locked": True})
        talker.gate.set()
        await stage.all_closed()
        await stage.ada.request("PATCH", f"/channels/{place}", json={"archived": False, "locked": False})
        await stage.ada.post(place, "and now?")
        await finished(stage, place, 2)
        assert [turn.role for turn in talker.last.turns] == ["user", "user"]


async def test_an_interrupted_answer_is_found_also_where_discord_is_away_at_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.insisting.RETRY_DELAY_S", 0.05)
    one = "/channels/{channel_id}/messages/{message_id}"
    async with talking(stage) as talker:
        talker.gate.clear()
        async with stage.bot():
            place = await thread(stage)
            await seen(stage, place, lambda found: len(found) == 1)
        stage.pocket.faults.add(Fault(FaultKind.CUT_BEFORE, times=4, method="GET", template=one))
        async with stage.bot():
            [left] = await seen(stage, place, lambda found: "Retry" in buttons(found[0]))
            assert left["content"] == f"Ada\n{talk_replies.INTERRUPTED}"
            await stage.all_closed()


async def test_an_answer_of_which_a_page_was_deleted_can_be_made_anew(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.pieces = lambda _: [f"word{number} " for number in range(400)]
        place = await thread(stage)
        found = await seen(stage, place, lambda found: len(found) == 2 and is_done(found[-1]))
        await stage.all_closed()
        await stage.ada.request("DELETE", f"/channels/{place}/messages/{found[0]['id']}")
        talker.pieces = lambda _: [f"other{number} " for number in range(400)]
        await press(stage.ada, found[-1], "Regenerate")
        again = await seen(
            stage,
            place,
            lambda found: len(found) == 2 and "other399" in found[-1]["content"] and is_done(found[-1]),
        )
        assert " ".join(each["content"] for each in again).split() == [f"other{n}" for n in range(400)]


async def test_a_shorter_answer_is_what_the_model_reads_afterwards(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.pieces = lambda _: [f"word{number} " for number in range(400)]
        place = await thread(stage)
        found = await seen(stage, place, lambda found: len(found) == 2 and is_done(found[-1]))
        await stage.all_closed()
        talker.pieces = lambda _: ["short"]
        start = len(stage.ada.heard)
        await press(stage.ada, found[-1], "Regenerate")
        await stage.ada.hear(lambda kind, _: kind == "MESSAGE_DELETE", start=start)
        await stage.all_closed()
        await stage.ada.post(place, "and now?")
        await finished(stage, place, 2)
        assert [turn.text for turn in talker.last.turns] == ["describe the image", "short", "and now?"]


async def test_what_is_said_below_a_full_page_has_room(stage: Stage) -> None:
    wrong = ChatUnavailable(where="127.0.0.1:11434")
    async with talking(stage) as talker, stage.bot():
        talker.breaks, talker.pieces = wrong, lambda _: ["x" * 1899]
        place = await thread(stage)
        found = await seen(stage, place, lambda found: bool(found) and "Retry" in buttons(found[-1]))
        assert [each["content"] for each in found] == ["x" * 1899, talk_replies.failed(wrong)]


async def test_an_answer_that_nobody_can_see_is_said_to_be_none(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.pieces = lambda _: ["\u200b"]
        place = await thread(stage)
        [first] = await finished(stage, place, 1)
        assert first["content"] == talk_replies.NOTHING_SAID


async def test_an_answer_that_breaks_off_keeps_what_was_shown(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.breaks, talker.pieces = ChatInterrupted(), lambda _: ["It shows", " a red"]
        place = await thread(stage)
        [left] = await seen(stage, place, lambda found: bool(found) and "Retry" in buttons(found[0]))
        assert left["content"] == f"It shows a red\n{talk_replies.failed(ChatInterrupted())}"
        await stage.all_closed()
        talker.breaks = None
        await press(stage.ada, left, "Retry")
        [again] = await finished(stage, place, 1)
        assert again["content"] == "It shows a red"


async def test_an_answer_that_failed_can_be_reset(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        talker.wrong = ChatInterrupted()
        await stage.ada.post(place, "what is it?")
        found = await seen(stage, place, lambda found: len(found) == 2 and "Retry" in buttons(found[-1]))
        await stage.all_closed()
        talker.wrong = None
        await press(stage.ada, found[-1], "Reset")
        await seen(stage, place, lambda found: len(found) == 3)
        await stage.ada.post(place, "and now?")
        await finished(stage, place, 4)
        assert [turn.text for turn in talker.last.turns] == ["and now?"]


async def test_who_presses_three_times_gets_one_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    newest, told = History.newest, asyncio.Event()

    async def slow(self: History, place: ConversationKey, turn_id: int | None = None) -> int | None:
        if turn_id is None:
            await told.wait()
        return await newest(self, place, turn_id)

    async with talking(stage) as talker, stage.bot():
        channel = await thread(stage)
        [first] = await finished(stage, channel, 1)
        await stage.all_closed()
        monkeypatch.setattr(History, "newest", slow)
        start = len(stage.ada.heard)
        await asyncio.gather(*(press(stage.ada, first, "Regenerate") for _ in range(3)))

        def refused() -> int:
            return sum(data.get("content") == talk_replies.STILL_AT_IT for _, data in stage.ada.heard[start:])

        await stage.ada.hear(lambda *_: refused() == 2, start=start)
        told.set()
        await talker.taken(2)
        await stage.all_closed()
        assert len(talker.jobs) == 2


@pytest.mark.parametrize("label", ["Regenerate", "Reset"])
async def test_buttons_of_a_conversation_that_is_forgotten_say_so(stage: Stage, label: str) -> None:
    async with talking(stage), stage.bot():
        place = await thread(stage)
        [first] = await finished(stage, place, 1)
        await stage.all_closed()
        await lose(stage)
        start = len(stage.ada.heard)
        await press(stage.ada, first, label)
        assert await told(stage, start) == talk_replies.FORGOTTEN
