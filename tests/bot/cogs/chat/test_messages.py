"""Messages in conversations that are answered with a notice."""

import pytest

from bot.cogs.chat import strings
from bot.formatting.status import REDIS_AWAY
from handlers.chat.history import ConversationKey, History
from handlers.chat.prompt import OTHER_FILES
from inference.errors import QueueUnavailable
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import CommandCaller
from tests.bot.conversation_steps import (
    CIRCLE,
    SQUARE,
    bot_messages,
    delete_conversations,
    forbid_threads,
    open_thread,
    press,
    wait_finished,
    wait_for_messages,
    wait_for_thread,
)
from tests.bot.harness import Harness, wait_until

MENU = "Talk about this image"


@pytest.mark.parametrize("kind", ["name", "file"])
async def test_a_message_without_text_or_picture_is_answered_with_what_to_do(
    harness: Harness, kind: str
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        if kind == "name":
            await harness.ada.post(thread_id, harness.mention)
        else:
            await harness.ada.post(thread_id, files=[("notes.txt", b"hello")])
        found = await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        named = "" if kind == "name" else "\n-# I did not look at notes.txt: I can look at pictures only."
        assert found[-1]["content"] == strings.NOTHING_THERE + named
        await harness.ada.post(thread_id, "and now?")
        await wait_finished(harness, thread_id, 3)
        assert len(worker.jobs) == 2


async def test_an_empty_mention_is_not_answered_with_a_request_for_a_mention(harness: Harness) -> None:
    harness.pocket.grant_message_content(granted=False)
    async with chat_worker(harness), harness.bot():
        question = await harness.ada.post(harness.general, harness.mention, files=CIRCLE)
        await press(harness.ada, await harness.ada.reply_to(question), "Talk about it")
        thread_id = question["id"]
        await wait_for_thread(harness, thread_id)
        await wait_finished(harness, thread_id, 1)
        await harness.ada.post(thread_id, harness.mention)
        found = await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        assert found[-1]["content"] == strings.NOTHING_THERE


async def test_a_reply_to_an_expired_conversation_is_answered_with_a_notice(harness: Harness) -> None:
    forbid_threads(harness)
    async with chat_worker(harness) as worker, harness.bot():
        posted = await harness.ada.post(harness.general, files=CIRCLE)
        await CommandCaller(harness.ada).call(harness.general, MENU, target=posted)
        [first] = await wait_finished(harness, harness.general, 1)
        await harness.all_closed()
        await delete_conversations(harness)
        reference = {"message_id": first["id"]}
        question = await harness.ada.post(harness.general, "what color?", message_reference=reference)
        assert (await harness.ada.reply_to(question))["content"] == strings.LOST
        assert len(worker.jobs) == 1


async def test_a_turn_in_a_dm_is_answered_once_after_an_outage_of_redis(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest, tried = History.latest, 0

    async def flaky(self: History, channel: int) -> ConversationKey | None:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise QueueUnavailable
        return await latest(self, channel)

    async with chat_worker(harness), harness.bot():
        channel_id = await harness.ada.direct_channel()
        posted = await harness.ada.post(channel_id, files=CIRCLE)
        await press(harness.ada, await harness.ada.reply_to(posted), "Talk about it")
        await wait_finished(harness, channel_id, 2)
        await harness.all_closed()
        monkeypatch.setattr(History, "latest", flaky)
        await harness.ada.post(channel_id, "what color is it?")
        found = await wait_finished(harness, channel_id, 3)
        assert found[-1]["content"] == "Ada says what color is it?"
        await harness.all_closed()
        assert REDIS_AWAY not in [each["content"] for each in await bot_messages(harness, channel_id)]
        assert tried > 1


NOTES = ("my_notes.txt", b"hello")


async def test_files_that_are_no_pictures_are_named_below_the_answer_and_to_the_model(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces = lambda request: [f"It reads {request.turns[-1].text!r}."]
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        await harness.ada.post(thread_id, "see file", files=[NOTES])
        [_, answer] = await wait_finished(harness, thread_id, 2)
        assert answer["content"].endswith(
            "\n-# I did not look at my\\_notes.txt: I can look at pictures only."
        )
        told = OTHER_FILES.format(names="my_notes.txt")
        assert worker.last_request.turns[-1].text == f"{told} see file"
        many = [(f"{number}.pdf", b"%PDF") for number in range(4)]
        await harness.ada.post(thread_id, "and these?", files=[*many, *SQUARE])
        [*_, answer] = await wait_finished(harness, thread_id, 3)
        assert answer["content"].endswith(
            "\n-# I did not look at 0.pdf, 1.pdf, 2.pdf and 1 more file: I can look at pictures only."
        )
        assert worker.pictures[-1][-1] == ["a blue square"]
        await harness.ada.post(thread_id, "thank you")
        [*_, answer] = await wait_finished(harness, thread_id, 4)
        assert "did not look" not in answer["content"]
        assert worker.last_request.turns[2].text == f"{told} see file"


@pytest.mark.parametrize("words", ["first", "old"])
async def test_a_turn_that_is_edited_while_it_waits_is_answered_as_it_reads_then(
    harness: Harness, words: str
) -> None:
    """A worker has it, and has not begun to answer; or it waits for the answer before."""
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        worker.pieces_before_gate = 0
        worker.gate.clear()
        first = await harness.ada.post(thread_id, "first")
        await wait_until(lambda: len(worker.jobs) == 2)
        old = await harness.ada.post(thread_id, "old")
        edited = first if words == "first" else old
        await harness.ada.request(
            "PATCH", f"/channels/{thread_id}/messages/{edited['id']}", json={"content": "what color is it?"}
        )
        await harness.wait_stored(int(thread_id), "what color is it?")
        worker.gate.set()
        found = await wait_finished(harness, thread_id, 3)
        said = {"first": "first", "old": "old"} | {words: "what color is it?"}
        assert [each["content"] for each in found[1:]] == [f"Ada says {each}" for each in said.values()]


async def test_an_edit_after_the_answer_has_begun_leaves_it(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        worker.gate.clear()
        asked = await harness.ada.post(thread_id, "one")
        await wait_for_messages(harness, thread_id, lambda found: found[-1]["content"] == "Ada")
        await harness.ada.request(
            "PATCH", f"/channels/{thread_id}/messages/{asked['id']}", json={"content": "two"}
        )
        await harness.wait_stored(int(thread_id), "two")
        worker.gate.set()
        [_, answer] = await wait_finished(harness, thread_id, 2)
        assert answer["content"] == "Ada says one"
        assert len(worker.jobs) == 2


def test_what_was_left_out_is_said_in_one_sentence() -> None:
    begin = "-# All of this is more than my model can take at once: it did not get "
    assert strings.left_out(asked=2, seen=2) == ""
    assert strings.left_out(asked=4, seen=3) == begin + "the last one of these 4 pictures."
    assert (
        strings.left_out(unseen_earlier=1, dropped=True)
        == begin + "an earlier picture and the oldest messages."
    )
    assert strings.left_out(asked=9, seen=3, unseen_earlier=2, dropped=True) == (
        begin + "the last 6 of these 9 pictures, 2 earlier pictures and the oldest messages."
    )
