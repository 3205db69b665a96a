"""How conversations begin: what may go wrong before the first turn is answered, and who may begin one."""

import asyncio

import aiohttp
import discord
import pytest

from bot import opening, talk_replies
from bot.cogs import threads
from bot.playground.state.permissions import Permission
from inference.queue.connection import connect
from tests.bot.calling import FILE, TEXT, Caller, option
from tests.bot.stage import Stage, until
from tests.bot.talk import CIRCLE, answers, finished, opened, press, thread
from tests.bot.talker import talking
from tests.e2e.member import Member

MENU = threads.MENU
IMAGE = option(FILE, "image", 0)
WHAT = option(TEXT, "question", "what is it?")
WRITING = Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS | Permission.CREATE_PUBLIC_THREADS


def deny(stage: Stage, rights: int) -> None:
    """Take rights from everyone but the admin and, if its role has them, the bot."""
    guild = stage.pocket.world.guild
    guild.roles[guild.id].permissions &= ~rights


async def test_a_thread_that_could_not_be_made_at_once_is_made_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.insisting.RETRY_DELAY_S", 0.05)
    real, tried = opening.thread_for, 0

    async def flaky(client: discord.Client, channel: int, message: int, name: str) -> discord.Thread | None:
        nonlocal tried
        tried += 1
        if tried < 4:
            raise aiohttp.ServerDisconnectedError
        return await real(client, channel, message, name)

    monkeypatch.setattr("bot.opening.thread_for", flaky)
    async with talking(stage) as talker, stage.bot():
        caller = Caller(stage.ada)
        await caller.call(stage.general, "chat", IMAGE, WHAT, files=CIRCLE)
        placeholder = await caller.placeholder(stage.general)
        await opened(stage, placeholder["id"])
        await finished(stage, placeholder["id"], 1)
        await stage.all_closed()
        assert talker.seen == [[["a red circle"]]]
        assert tried == 4


async def test_a_bot_that_stopped_before_the_thread_was_made_shows_no_second_outcome(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def never(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with talking(stage):
        with monkeypatch.context() as patched:
            patched.setattr("bot.opening.thread_for", never)
            async with stage.bot():
                caller = Caller(stage.ada)
                await caller.call(stage.general, "chat", IMAGE, WHAT, files=CIRCLE)
                placeholder = await caller.placeholder(stage.general)
                await until(reached.is_set)
        redis = connect(stage.redis_url)
        await redis.delete(*await redis.keys("beholder:token:*"))
        await redis.aclose()
        async with stage.bot():
            await opened(stage, placeholder["id"])
            await finished(stage, placeholder["id"], 1)
            await stage.all_closed()
            assert [each["id"] for each in await answers(stage, stage.general)] == [placeholder["id"]]


async def test_a_picture_that_was_given_needs_no_right_to_read_back(stage: Stage) -> None:
    for role in stage.pocket.world.guild.roles.values():
        role.permissions &= ~Permission.READ_MESSAGE_HISTORY
    async with talking(stage) as talker, stage.bot():
        caller = Caller(stage.ada)
        await caller.call(stage.general, "chat", IMAGE, files=CIRCLE)
        placeholder = await caller.placeholder(stage.general)
        await opened(stage, placeholder["id"])
        await finished(stage, placeholder["id"], 1)
        assert talker.seen == [[["a red circle"]]]


async def test_a_picture_that_cannot_be_shown_is_not_talked_about(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object) -> bytes:
        return b""

    monkeypatch.setattr("handlers.captioning.fetch_thumbnail", none)
    async with talking(stage) as talker, stage.bot():
        caller = Caller(stage.ada)
        await caller.call(stage.general, "chat", IMAGE, files=CIRCLE)
        await caller.gone(await caller.placeholder(stage.general))
        assert (await caller.refusal())["content"] == talk_replies.NOT_SHOWN
        await stage.all_closed()
        assert talker.jobs == []


@pytest.mark.parametrize("right", [Permission.CREATE_PUBLIC_THREADS, Permission.SEND_MESSAGES_IN_THREADS])
@pytest.mark.parametrize("way", ["button", "menu", "command"])
async def test_who_may_open_no_thread_has_none_opened(stage: Stage, right: int, way: str) -> None:
    async with talking(stage) as talker, stage.bot(), Member(stage.session, 1) as ben:
        posted = await stage.ada.post(stage.pictures, files=CIRCLE)
        caption = await stage.ada.reply_to(posted)
        deny(stage, right)
        caller = Caller(ben)
        if way == "button":
            await press(ben, caption, "Talk about it")
        elif way == "menu":
            await caller.call(stage.pictures, MENU, target=posted)
        else:
            await caller.call(stage.pictures, "chat", IMAGE, files=CIRCLE)
        assert (await caller.refusal())["content"] == talk_replies.MAY_NOT_OPEN
        assert talker.jobs == []
        assert await stage.open_requests() == {}


async def test_who_may_write_in_a_thread_is_shown_the_way_to_one_that_is_there(stage: Stage) -> None:
    async with talking(stage), stage.bot(), Member(stage.session, 1) as ben:
        place = await thread(stage)
        await finished(stage, place, 1)
        posted = await stage.ada.request("GET", f"/channels/{stage.pictures}/messages/{place}")
        deny(stage, Permission.CREATE_PUBLIC_THREADS)
        caller = Caller(ben)
        await caller.call(stage.pictures, MENU, target=posted)
        outcome = await caller.outcome(await caller.placeholder(stage.pictures))
        assert outcome["content"] == talk_replies.IN_THREAD.format(thread=place)


async def test_who_may_not_write_in_place_has_the_bot_write_nothing(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot(), Member(stage.session, 1) as ben:
        posted = await stage.ada.post(stage.general, files=CIRCLE)
        path = f"/channels/{stage.general}/messages/{posted['id']}/threads"
        await stage.ada.request("POST", path, json={"name": "people's"})
        deny(stage, WRITING)
        caller = Caller(ben)
        await caller.call(posted["id"], "chat", WHAT)
        assert (await caller.refusal())["content"] == talk_replies.MAY_NOT
        assert talker.jobs == []


async def test_in_a_dm_nobody_needs_a_right(stage: Stage) -> None:
    deny(stage, WRITING)
    async with talking(stage), stage.bot(), Member(stage.session, 1) as ben:
        place = await ben.direct_channel()
        posted = await ben.post(place, files=CIRCLE)
        caption = await ben.reply_to(posted)
        await press(ben, caption, "Talk about it")
        # The caption and the answer both reply to the picture.
        await ben.hear(lambda _, data: data.get("content") == "Ben says describe the image")
