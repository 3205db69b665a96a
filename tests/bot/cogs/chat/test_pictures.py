"""Pictures in conversations: unreadable ones, albums, spoilers, replies, deletions."""

import pytest

from bot.cogs.chat import strings
from handlers.chat.history import History
from handlers.chat.prompt import PICTURE_WAS_HERE
from inference.errors import QueueUnavailable
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import CommandCaller
from tests.bot.conversation_steps import (
    CIRCLE,
    SQUARE,
    bot_messages,
    buttons,
    delete_conversations,
    forbid_threads,
    open_thread,
    press,
    wait_finished,
    wait_for_messages,
    wait_for_thread,
)
from tests.bot.harness import Harness, picture, wait_until
from tests.e2e.member import Member

MENU = "Talk about this image"
SVG = ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")


async def test_an_unreadable_picture_fails_only_its_own_turn(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        await harness.ada.post(thread_id, "look", files=[SVG])
        [_, refusal] = await wait_for_messages(
            harness, thread_id, lambda found: len(found) == 2 and "Retry" in buttons(found[-1])
        )
        assert "no picture that I can read" in refusal["content"]
        await harness.ada.post(thread_id, "what color is it?")
        answer = (await wait_finished(harness, thread_id, 3))[-1]["content"]
        assert answer == f"Ada says what color is it?\n{strings.GONE}"
        assert worker.pictures[-1] == [["a red circle"], [], [], []]
        assert worker.last_request.turns[2].text == f"{PICTURE_WAS_HERE} look"


async def test_a_picture_that_the_worker_cannot_decode_is_left_out_of_later_turns(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.unreadable = "a broken one"
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        await harness.ada.post(thread_id, "look", files=[("b.png", picture("a broken one"))])
        await wait_for_messages(
            harness, thread_id, lambda found: len(found) == 2 and "Retry" in buttons(found[-1])
        )
        await harness.ada.post(thread_id, "what color is it?")
        assert "Ada says what color is it?" in (await wait_finished(harness, thread_id, 3))[-1]["content"]
        assert worker.pictures[-1][0] == ["a red circle"]


async def test_the_readable_pictures_of_an_album_are_used(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness, files=[*CIRCLE, SVG])
        [first] = await wait_finished(harness, thread_id, 1)
        assert first["content"].endswith(strings.GONE)
        assert worker.pictures[-1] == [["a red circle"]]


async def test_a_large_album_is_cut_to_its_first_pictures_beside_a_new_one(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(
            harness, files=[(f"{each}.png", picture(f"p{each}")) for each in range(10)]
        )
        [first] = await wait_finished(harness, thread_id, 1)
        assert first["content"].endswith(strings.left_out(asked=10, seen=5))
        assert worker.pictures[-1] == [["p0", "p1", "p2", "p3", "p4"]]
        await harness.ada.post(thread_id, "and what is this one?", files=SQUARE)
        [_, second] = await wait_finished(harness, thread_id, 2)
        assert worker.pictures[-1][-1] == ["a blue square"]
        shown = [each for some in worker.pictures[-1] for each in some]
        assert shown == ["p0", "p1", "p2", "p3", "a blue square"]
        assert second["content"].endswith(strings.left_out(unseen_earlier=6))


async def test_pictures_that_a_model_refuses_as_too_many_are_answered_about_in_part(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.max_tokens = 256
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        album = [(f"{each}.png", picture(f"p{each}")) for each in range(5)]
        await harness.ada.post(thread_id, "what are these?", files=album)
        [_, answer] = await wait_finished(harness, thread_id, 2)
        assert answer["content"].startswith("Ada says what are these?")
        left_out = strings.left_out(asked=5, seen=3, unseen_earlier=1)
        assert answer["content"].endswith(left_out)
        assert worker.pictures[-1][-1] == ["p0", "p1", "p2"]
        await harness.ada.post(thread_id, "what color are they?")
        [*_, answer] = await wait_finished(harness, thread_id, 3)
        left_out = strings.left_out(asked=5, seen=3, unseen_earlier=1, dropped=True)
        assert answer["content"].endswith(left_out)
        assert [each for some in worker.pictures[-1] for each in some] == ["p0", "p1", "p2"]


async def test_a_picture_whose_file_is_cut_off_is_told_of_once(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.cut_off_files = (1,)
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        assert first["content"].endswith(f"\n{strings.CUT_OFF_FILES}")
        await harness.ada.post(thread_id, "what color is it?")
        [_, second] = await wait_finished(harness, thread_id, 2)
        assert second["content"] == "Ada says what color is it?"


async def test_a_new_picture_in_a_dm_ends_the_conversation_about_the_one_before(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        channel_id = await harness.ada.direct_channel()
        caption = await harness.ada.reply_to(await harness.ada.post(channel_id, files=CIRCLE))
        await press(harness.ada, caption, "Talk about it")
        await wait_finished(harness, channel_id, 2)
        await harness.all_closed()
        await harness.ada.reply_to(await harness.ada.post(channel_id, files=SQUARE))
        question = await harness.ada.post(channel_id, "what color is it?")
        answer = (await harness.ada.reply_to(question))["content"]
        assert answer.startswith("a blue square, if you ask")
        assert len(worker.jobs) == 1


@pytest.mark.parametrize("in_place", [True, False])
async def test_an_answer_about_a_spoiler_is_behind_a_spoiler(harness: Harness, in_place: bool) -> None:
    if in_place:
        forbid_threads(harness)
    async with chat_worker(harness) as worker, harness.bot():
        posted = await harness.ada.post(harness.general, files=CIRCLE)
        await CommandCaller(harness.ada).call(harness.general, MENU, target=posted)
        channel_id = harness.general if in_place else posted["id"]
        if not in_place:
            await wait_for_thread(harness, channel_id)
        [first] = await wait_finished(harness, channel_id, 1)
        assert first["content"] == "Ada says describe the image"
        await harness.all_closed()
        worker.pieces = lambda _: ["It is ", "a secret.\n```\na || b\n```"]
        reply = {"message_reference": {"message_id": first["id"]}} if in_place else {}
        await harness.ada.post(
            channel_id, "what is this?", files=[("SPOILER_b.png", picture("a secret"))], **reply
        )
        hidden = (await wait_finished(harness, channel_id, 2))[-1]["content"]
        assert hidden == "||It is a secret.\n```\na |\u200b| b\n```||"


async def test_a_picture_from_a_reply_is_deleted_with_its_own_message(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot(), Member(harness.session, 1) as ben:
        posted = await ben.post(harness.general, files=CIRCLE)
        question = await harness.ada.post(
            harness.general, f"{harness.mention} what is it?", message_reference={"message_id": posted["id"]}
        )
        await press(harness.ada, await harness.ada.reply_to(question), "Talk about it")
        thread_id = (await harness.ada.hear(lambda kind, _: kind == "THREAD_CREATE"))["id"]
        assert thread_id == posted["id"], "it is made from the message with the picture"
        await wait_finished(harness, thread_id, 1)
        assert worker.pictures[-1] == [["a red circle"]]
        await harness.all_closed()
        await delete_conversations(harness)
        await harness.ada.post(thread_id, "what color is it?")
        await wait_finished(harness, thread_id, 2)
        assert worker.pictures[-1][0] == ["a red circle"], "the picture is found again"
        await harness.all_closed()
        await ben.request("DELETE", f"/channels/{harness.general}/messages/{posted['id']}")
        await harness.ada.hear(lambda kind, data: kind == "MESSAGE_DELETE" and data["id"] == posted["id"])
        await harness.ada.post(thread_id, "tell me more")
        assert (await wait_finished(harness, thread_id, 3))[-1]["content"].endswith(strings.GONE)
        assert not any(worker.pictures[-1])


async def test_deleting_a_picture_stops_the_answer_about_it(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.gate.clear()
        thread_id = await open_thread(harness)
        await wait_for_messages(
            harness, thread_id, lambda found: bool(found) and found[-1]["content"] == "Ada"
        )
        await harness.ada.request("DELETE", f"/channels/{harness.pictures}/messages/{thread_id}")
        [answer] = await wait_finished(harness, thread_id, 1)
        assert answer["content"] == f"Ada\n{strings.STOPPED}"
        assert worker.stopped == {worker.jobs[-1].id}


async def test_a_deletion_during_an_outage_of_redis_is_applied_later(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete, tries = History.delete, []

    async def away(self: History, message_id: int) -> object:
        tries.append(message_id)
        if len(tries) == 1:
            raise QueueUnavailable
        return await delete(self, message_id)

    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        secret = await harness.ada.post(thread_id, "my secret")
        await wait_finished(harness, thread_id, 2)
        await harness.all_closed()
        monkeypatch.setattr(History, "delete", away)
        await harness.ada.request("DELETE", f"/channels/{thread_id}/messages/{secret['id']}")
        await wait_until(lambda: len(tries) > 1)
        await harness.ada.post(thread_id, "and now?")
        await wait_for_messages(harness, thread_id, lambda found: "and now?" in found[-1]["content"])
        assert "secret" not in worker.jobs[-1].model_dump_json()


async def test_edits_and_deletions_while_the_bot_was_away_are_applied(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker:
        async with harness.bot():
            thread_id = await open_thread(harness)
            await wait_finished(harness, thread_id, 1)
            secret = await harness.ada.post(thread_id, "my secret")
            await wait_finished(harness, thread_id, 2)
            typo = await harness.ada.post(thread_id, "a typo")
            await wait_finished(harness, thread_id, 3)
            await harness.all_closed()
        await harness.ada.request("DELETE", f"/channels/{thread_id}/messages/{secret['id']}")
        await harness.ada.request(
            "PATCH", f"/channels/{thread_id}/messages/{typo['id']}", json={"content": "no typo"}
        )
        async with harness.bot():
            await harness.ada.post(thread_id, "and now?")
            await wait_for_messages(harness, thread_id, lambda found: "and now?" in found[-1]["content"])
            await harness.all_closed()
        questions = [turn.text for turn in worker.last_request.turns if turn.role == "user"]
        assert questions == ["describe the image", "no typo", "and now?"]
        assert len(await bot_messages(harness, thread_id)) == 4
