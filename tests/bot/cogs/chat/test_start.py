"""The start of a conversation: failures before the first turn, and permissions."""

import pytest

from bot.cogs.chat import cog, strings
from bot.playground.state.permissions import Permission
from bot.playground.testing.faults import Fault, FaultKind
from inference.queue.connection import connect
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import FILE, TEXT, CommandCaller, option
from tests.bot.conversation_steps import (
    CIRCLE,
    bot_messages,
    open_thread,
    press,
    wait_finished,
    wait_for_thread,
)
from tests.bot.harness import Harness, wait_until
from tests.e2e.member import Member

MENU = cog.MENU
THREADS = "/channels/{channel_id}/messages/{message_id}/threads"
IMAGE = option(FILE, "image", 0)
QUESTION = option(TEXT, "question", "what is it?")
WRITE_PERMISSIONS = (
    Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS | Permission.CREATE_PUBLIC_THREADS
)


def deny_everyone(harness: Harness, permissions: int) -> None:
    """Remove permissions from the role @everyone: the admin keeps them, and the bot those of its own role."""
    guild = harness.pocket.world.guild
    guild.roles[guild.id].permissions &= ~permissions


async def test_creating_a_thread_is_retried(harness: Harness) -> None:
    harness.pocket.faults.add(Fault(FaultKind.CUT_BEFORE, times=3, method="POST", template=THREADS))
    async with chat_worker(harness) as worker, harness.bot():
        caller = CommandCaller(harness.ada)
        await caller.call(harness.general, "chat", IMAGE, QUESTION, files=CIRCLE)
        placeholder = await caller.placeholder(harness.general)
        await wait_for_thread(harness, placeholder["id"])
        await wait_finished(harness, placeholder["id"], 1)
        await harness.all_closed()
        assert worker.pictures == [[["a red circle"]]]


async def test_a_bot_restarted_before_the_thread_was_created_shows_one_outcome(
    harness: Harness,
) -> None:
    fault = Fault(FaultKind.CUT_BEFORE, times=10**6, method="POST", template=THREADS)
    async with chat_worker(harness):
        harness.pocket.faults.add(fault)
        async with harness.bot():
            caller = CommandCaller(harness.ada)
            await caller.call(harness.general, "chat", IMAGE, QUESTION, files=CIRCLE)
            placeholder = await caller.placeholder(harness.general)
            await wait_until(lambda: fault.times < 10**6)
        harness.pocket.faults.clear()
        redis = connect(harness.redis_url)
        await redis.delete(*await redis.keys("beholder:token:*"))
        await redis.aclose()
        async with harness.bot():
            await wait_for_thread(harness, placeholder["id"])
            await wait_finished(harness, placeholder["id"], 1)
            await harness.all_closed()
            assert [each["id"] for each in await bot_messages(harness, harness.general)] == [
                placeholder["id"]
            ]


async def test_a_given_picture_needs_no_permission_to_read_history(harness: Harness) -> None:
    for role in harness.pocket.world.guild.roles.values():
        role.permissions &= ~Permission.READ_MESSAGE_HISTORY
    async with chat_worker(harness) as worker, harness.bot():
        caller = CommandCaller(harness.ada)
        await caller.call(harness.general, "chat", IMAGE, files=CIRCLE)
        placeholder = await caller.placeholder(harness.general)
        await wait_for_thread(harness, placeholder["id"])
        await wait_finished(harness, placeholder["id"], 1)
        assert worker.pictures == [[["a red circle"]]]


async def test_a_given_picture_without_a_copy_is_refused(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object) -> bytes:
        return b""

    monkeypatch.setattr("handlers.captioning.fetch_thumbnail", none)
    async with chat_worker(harness) as worker, harness.bot():
        caller = CommandCaller(harness.ada)
        await caller.call(harness.general, "chat", IMAGE, files=CIRCLE)
        await caller.wait_deleted(await caller.placeholder(harness.general))
        assert (await caller.refusal())["content"] == strings.NOT_SHOWN
        await harness.all_closed()
        assert worker.jobs == []


@pytest.mark.parametrize(
    "permission", [Permission.CREATE_PUBLIC_THREADS, Permission.SEND_MESSAGES_IN_THREADS]
)
@pytest.mark.parametrize("entrance", ["button", "menu", "command"])
async def test_a_member_without_thread_permissions_is_refused(
    harness: Harness, permission: int, entrance: str
) -> None:
    async with chat_worker(harness) as worker, harness.bot(), Member(harness.session, 1) as ben:
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        caption = await harness.ada.reply_to(posted)
        deny_everyone(harness, permission)
        caller = CommandCaller(ben)
        if entrance == "button":
            await press(ben, caption, "Talk about it")
        elif entrance == "menu":
            await caller.call(harness.pictures, MENU, target=posted)
        else:
            await caller.call(harness.pictures, "chat", IMAGE, files=CIRCLE)
        assert (await caller.refusal())["content"] == strings.MAY_NOT_OPEN
        assert worker.jobs == []
        assert await harness.open_requests() == {}


async def test_a_member_who_cannot_create_threads_gets_a_link_to_an_existing_one(harness: Harness) -> None:
    async with chat_worker(harness), harness.bot(), Member(harness.session, 1) as ben:
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        posted = await harness.ada.request("GET", f"/channels/{harness.pictures}/messages/{thread_id}")
        deny_everyone(harness, Permission.CREATE_PUBLIC_THREADS)
        caller = CommandCaller(ben)
        await caller.call(harness.pictures, MENU, target=posted)
        outcome = await caller.outcome(await caller.placeholder(harness.pictures))
        assert outcome["content"] == strings.IN_THREAD.format(thread=thread_id)


async def test_a_member_without_write_permission_is_refused_in_place(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot(), Member(harness.session, 1) as ben:
        posted = await harness.ada.post(harness.general, files=CIRCLE)
        path = f"/channels/{harness.general}/messages/{posted['id']}/threads"
        await harness.ada.request("POST", path, json={"name": "people's"})
        deny_everyone(harness, WRITE_PERMISSIONS)
        caller = CommandCaller(ben)
        await caller.call(posted["id"], "chat", QUESTION)
        assert (await caller.refusal())["content"] == strings.MAY_NOT
        assert worker.jobs == []


async def test_a_conversation_in_a_dm_needs_no_permissions(harness: Harness) -> None:
    deny_everyone(harness, WRITE_PERMISSIONS)
    async with chat_worker(harness), harness.bot(), Member(harness.session, 1) as ben:
        channel_id = await ben.direct_channel()
        posted = await ben.post(channel_id, files=CIRCLE)
        caption = await ben.reply_to(posted)
        await press(ben, caption, "Talk about it")
        # The caption and the answer both reply to the picture.
        await ben.hear(lambda _, data: data.get("content") == "Ben says describe the image")
