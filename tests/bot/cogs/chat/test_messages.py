"""Messages in conversations that are answered with a notice."""

import pytest

from bot.cogs.chat import strings
from bot.formatting.status import REDIS_AWAY
from handlers.chat.history import ConversationKey, History
from inference.errors import QueueUnavailable
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import CommandCaller
from tests.bot.conversation_steps import (
    CIRCLE,
    bot_messages,
    delete_conversations,
    forbid_threads,
    open_thread,
    press,
    wait_finished,
    wait_for_messages,
    wait_for_thread,
)
from tests.bot.harness import Harness

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
        assert found[-1]["content"] == strings.NOTHING_THERE
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
