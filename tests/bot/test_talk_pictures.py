"""Pictures in conversations: broken ones, albums, hidden ones, others' and deleted ones."""

import pytest

from bot import talk_replies
from handlers.chat.history import History
from handlers.chat.prompt import PICTURE_WAS_HERE
from inference.errors import QueueUnavailable
from tests.bot.calling import Caller
from tests.bot.stage import Stage, picture, until
from tests.bot.talk import (
    CIRCLE,
    SQUARE,
    answers,
    buttons,
    deny_threads,
    finished,
    lose,
    opened,
    press,
    seen,
    thread,
)
from tests.bot.talker import talking
from tests.e2e.member import Member

MENU = "Talk about this image"
SVG = ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")


async def test_a_picture_that_cannot_be_read_ends_no_conversation(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        await stage.ada.post(place, "look", files=[SVG])
        [_, sorry] = await seen(stage, place, lambda found: len(found) == 2 and "Retry" in buttons(found[-1]))
        assert "no picture that I can read" in sorry["content"]
        await stage.ada.post(place, "what color is it?")
        told = (await finished(stage, place, 3))[-1]["content"]
        assert told == f"Ada says what color is it?\n{talk_replies.GONE}"
        assert talker.seen[-1] == [["a red circle"], [], [], []]
        assert talker.last.turns[2].text == f"{PICTURE_WAS_HERE} look"


async def test_a_picture_that_only_the_worker_finds_broken_is_left_out_of_later_turns(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.broken = "a broken one"
        place = await thread(stage)
        await finished(stage, place, 1)
        await stage.ada.post(place, "look", files=[("b.png", picture("a broken one"))])
        await seen(stage, place, lambda found: len(found) == 2 and "Retry" in buttons(found[-1]))
        await stage.ada.post(place, "what color is it?")
        assert "Ada says what color is it?" in (await finished(stage, place, 3))[-1]["content"]
        assert talker.seen[-1][0] == ["a red circle"]


async def test_of_an_album_with_a_broken_picture_the_others_are_talked_about(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage, files=[*CIRCLE, SVG])
        [first] = await finished(stage, place, 1)
        assert first["content"].endswith(talk_replies.GONE)
        assert talker.seen[-1] == [["a red circle"]]


async def test_of_a_large_album_the_first_are_looked_at_and_a_new_picture_always(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage, files=[(f"{each}.png", picture(f"p{each}")) for each in range(10)])
        [first] = await finished(stage, place, 1)
        assert first["content"].endswith(talk_replies.UNSEEN_ONES.format(seen=3))
        assert talker.seen[-1] == [["p0", "p1", "p2"]]
        await stage.ada.post(place, "and what is this one?", files=SQUARE)
        await finished(stage, place, 2)
        assert talker.seen[-1][-1] == ["a blue square"]
        assert ["p0", "p1", "p2"] in talker.seen[-1]


async def test_in_a_dm_a_newer_picture_ends_the_talk_about_the_one_before(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await stage.ada.direct_channel()
        caption = await stage.ada.reply_to(await stage.ada.post(place, files=CIRCLE))
        await press(stage.ada, caption, "Talk about it")
        await finished(stage, place, 2)
        await stage.all_closed()
        await stage.ada.reply_to(await stage.ada.post(place, files=SQUARE))
        said = await stage.ada.post(place, "what color is it?")
        assert "no picture" in (await stage.ada.reply_to(said))["content"]
        assert len(talker.jobs) == 1


@pytest.mark.parametrize("in_place", [True, False])
async def test_what_is_said_of_a_hidden_picture_is_hidden(stage: Stage, in_place: bool) -> None:
    if in_place:
        deny_threads(stage)
    async with talking(stage) as talker, stage.bot():
        posted = await stage.ada.post(stage.general, files=CIRCLE)
        await Caller(stage.ada).call(stage.general, MENU, target=posted)
        place = stage.general if in_place else posted["id"]
        if not in_place:
            await opened(stage, place)
        [first] = await finished(stage, place, 1)
        assert first["content"] == "Ada says describe the image"
        await stage.all_closed()
        talker.pieces = lambda _: ["It is ", "a secret.\n```\na || b\n```"]
        reply = {"message_reference": {"message_id": first["id"]}} if in_place else {}
        await stage.ada.post(place, "what is this?", files=[("SPOILER_b.png", picture("a secret"))], **reply)
        hidden = (await finished(stage, place, 2))[-1]["content"]
        assert hidden == "||It is a secret.\n```\na |\u200b| b\n```||"


async def test_a_picture_that_was_replied_to_is_its_authors(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot(), Member(stage.session, 1) as ben:
        posted = await ben.post(stage.general, files=CIRCLE)
        asked = await stage.ada.post(
            stage.general, f"{stage.me} what is it?", message_reference={"message_id": posted["id"]}
        )
        await press(stage.ada, await stage.ada.reply_to(asked), "Talk about it")
        place = (await stage.ada.hear(lambda kind, _: kind == "THREAD_CREATE"))["id"]
        await finished(stage, place, 1)
        assert talker.seen[-1] == [["a red circle"]]
        await stage.all_closed()
        await lose(stage)
        await stage.ada.post(place, "what color is it?")
        await finished(stage, place, 2)
        assert talker.seen[-1][0] == ["a red circle"], "it is found again"
        await stage.all_closed()
        await ben.request("DELETE", f"/channels/{stage.general}/messages/{posted['id']}")
        await stage.ada.hear(lambda kind, data: kind == "MESSAGE_DELETE" and data["id"] == posted["id"])
        await stage.ada.post(place, "tell me more")
        assert (await finished(stage, place, 3))[-1]["content"].endswith(talk_replies.GONE)
        assert not any(talker.seen[-1])


async def test_a_picture_that_is_deleted_while_it_is_described_is_described_no_further(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.gate.clear()
        place = await thread(stage)
        await seen(stage, place, lambda found: bool(found) and found[-1]["content"] == "Ada")
        await stage.ada.request("DELETE", f"/channels/{stage.pictures}/messages/{place}")
        [answer] = await finished(stage, place, 1)
        assert answer["content"] == f"Ada\n{talk_replies.STOPPED}"
        assert talker.stopped == {talker.jobs[-1].id}


async def test_a_deletion_outlasts_an_outage_of_redis(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    delete, tries = History.delete, []

    async def away(self: History, message_id: int) -> object:
        tries.append(message_id)
        if len(tries) == 1:
            raise QueueUnavailable
        return await delete(self, message_id)

    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        secret = await stage.ada.post(place, "my secret")
        await finished(stage, place, 2)
        await stage.all_closed()
        monkeypatch.setattr(History, "delete", away)
        await stage.ada.request("DELETE", f"/channels/{place}/messages/{secret['id']}")
        await until(lambda: len(tries) > 1)
        await stage.ada.post(place, "and now?")
        await seen(stage, place, lambda found: "and now?" in found[-1]["content"])
        assert "secret" not in talker.jobs[-1].model_dump_json()


async def test_what_was_deleted_or_edited_while_the_bot_was_away_is_not_held_against_anybody(
    stage: Stage,
) -> None:
    async with talking(stage) as talker:
        async with stage.bot():
            place = await thread(stage)
            await finished(stage, place, 1)
            secret = await stage.ada.post(place, "my secret")
            await finished(stage, place, 2)
            typo = await stage.ada.post(place, "a typo")
            await finished(stage, place, 3)
            await stage.all_closed()
        await stage.ada.request("DELETE", f"/channels/{place}/messages/{secret['id']}")
        await stage.ada.request(
            "PATCH", f"/channels/{place}/messages/{typo['id']}", json={"content": "no typo"}
        )
        async with stage.bot():
            await stage.ada.post(place, "and now?")
            await seen(stage, place, lambda found: "and now?" in found[-1]["content"])
            await stage.all_closed()
        asked = [turn.text for turn in talker.last.turns if turn.role == "user"]
        assert asked == ["describe the image", "no typo", "and now?"]
        assert len(await answers(stage, place)) == 4
