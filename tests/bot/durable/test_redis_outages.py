"""While Redis is away or hangs, those who wait hear it within seconds, and are answered when it is back."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from bot.formatting.status import REDIS_AWAY
from inference.queue.connection import connect
from tests.bot.chat_worker import chat_worker
from tests.bot.conversation_steps import open_thread, wait_finished
from tests.bot.harness import SHORT_DELAYS, Harness, picture
from tests.e2e.member import Message

CIRCLE = [("a.png", picture("a red circle"))]
FIRST_WORD_S = 3.0
"""Seconds within which somebody who waits hears why."""


@asynccontextmanager
async def hanging(harness: Harness) -> AsyncIterator[None]:
    """Let Redis hang while the block runs: its connections stay open, and nothing is answered."""
    redis = connect(harness.redis_url)
    server = int((await redis.info("server"))["process_id"])
    await redis.aclose()
    os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)


async def told(harness: Harness, message: Message) -> float:
    """Wait until a message is told that Redis is away; return the seconds since it was posted."""
    started = time.monotonic()
    reply = await harness.ada.reply_to(message)
    assert reply["content"] == REDIS_AWAY
    return time.monotonic() - started


async def one_reply(harness: Harness, message: Message, expected: str) -> None:
    """Wait until no request is open; the one reply to a message is the answer."""
    await harness.ada.hear(
        lambda kind, data: (
            kind == "MESSAGE_UPDATE"
            and (data.get("message_reference") or {}).get("message_id") == message["id"]
            and data["content"] == expected
        )
    )
    await harness.all_closed()
    (reply,) = await harness.replies(message["channel_id"], message)
    assert reply["content"] == expected


async def test_six_mentions_in_a_channel_hear_it_side_by_side(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        await harness.ada.reply_to(await harness.ada.post(harness.general, harness.mention, files=CIRCLE))
        async with hanging(harness):
            posts = [await harness.ada.post(harness.general, harness.mention, files=CIRCLE) for _ in range(6)]
            waits = await asyncio.gather(*(told(harness, each) for each in posts))
        assert max(waits) < FIRST_WORD_S
        for post in posts:
            await one_reply(harness, post, "a red circle")


async def test_a_turn_hears_it_and_the_same_message_becomes_its_answer(harness: Harness) -> None:
    async with chat_worker(harness), harness.bot():
        thread = await open_thread(harness)
        await wait_finished(harness, thread, 1)
        async with hanging(harness):
            turn = await harness.ada.post(thread, "and now?")
            assert await told(harness, turn) < FIRST_WORD_S
        found = await wait_finished(harness, thread, 2)
        assert found[-1]["message_reference"]["message_id"] == turn["id"]
        assert found[-1]["content"] != REDIS_AWAY
        await harness.all_closed()


async def test_a_turn_that_was_told_by_a_process_before_is_answered_in_the_same_message(
    harness: Harness,
) -> None:
    async with chat_worker(harness), AsyncExitStack() as stack:
        await stack.enter_async_context(bot := harness.bot())
        thread = await open_thread(harness)
        await wait_finished(harness, thread, 1)
        await harness.wait_for_cursors(2)
        async with hanging(harness):
            turn = await harness.ada.post(thread, "and now?")
            await told(harness, turn)
            await bot.__aexit__(None, None, None)
            stack.pop_all()
        # By then Discord no longer knows the nonce.
        harness.clock.ahead = 3600
        async with harness.bot():
            await wait_finished(harness, thread, 2)
            await harness.all_closed()


async def test_an_unasked_post_hears_nothing_and_is_captioned(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=CIRCLE))
        async with hanging(harness):
            posted = await harness.ada.post(harness.pictures, files=CIRCLE)
            mentioned = await harness.ada.post(harness.general, harness.mention, files=CIRCLE)
            await told(harness, mentioned)
            assert await harness.replies(harness.pictures, posted) == []
        assert (await harness.ada.reply_to(posted))["content"] == "a red circle"


async def test_somebodys_first_dm_is_answered_by_the_next_process(harness: Harness) -> None:
    direct = await harness.ada.direct_channel()
    async with harness.worker(), AsyncExitStack() as stack:
        await stack.enter_async_context(bot := harness.bot())
        async with hanging(harness):
            posted = await harness.ada.post(direct, files=CIRCLE)
            await told(harness, posted)
            await bot.__aexit__(None, None, None)
            stack.pop_all()
        async with harness.bot():
            await one_reply(harness, posted, "a red circle")


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_mention_before_more_messages_than_are_looked_back_at_is_answered(
    harness: Harness, *, restarted: bool
) -> None:
    async with harness.worker(), AsyncExitStack() as stack:
        await stack.enter_async_context(bot := harness.bot(catch_up_messages=5))
        await harness.ada.reply_to(await harness.ada.post(harness.general, harness.mention, files=CIRCLE))
        await harness.wait_for_cursors(1)
        async with hanging(harness):
            asked = await harness.ada.post(harness.general, harness.mention, files=CIRCLE)
            await told(harness, asked)
            for number in range(8):
                await harness.ada.post(harness.general, f"talk {number}")
            if restarted:
                await bot.__aexit__(None, None, None)
                stack.pop_all()
                bot = harness.bot(catch_up_messages=5)
        if restarted:
            await stack.enter_async_context(bot)
        await one_reply(harness, asked, "a red circle")


async def test_the_first_word_is_not_said_where_redis_answers_in_time(harness: Harness) -> None:
    delays = replace(SHORT_DELAYS, first_word_s=1.0)
    async with harness.worker(), harness.bot(delays=delays):
        await harness.ada.reply_to(await harness.ada.post(harness.general, harness.mention, files=CIRCLE))
        async with hanging(harness):
            asked = await harness.ada.post(harness.general, harness.mention, files=CIRCLE)
            await asyncio.sleep(0.3)
        assert (await harness.ada.reply_to(asked))["content"] == "a red circle"


async def keys(harness: Harness, *patterns: str) -> list[bytes]:
    redis = connect(harness.redis_url)
    try:
        return [key for pattern in patterns async for key in redis.scan_iter(f"beholder:{pattern}")]
    finally:
        await redis.aclose()


@pytest.mark.parametrize("question", ["", " what is it?"])
async def test_a_picture_that_redis_has_lost_is_fetched_again(harness: Harness, question: str) -> None:
    async with harness.worker() as worker, harness.bot():
        worker.gate.clear()
        posted = await harness.ada.post(harness.general, f"{harness.mention}{question}", files=CIRCLE)
        await worker.wait_for_jobs(1)
        redis = connect(harness.redis_url)
        lost = await keys(harness, "picture:*")
        assert await redis.delete(*lost) == 1
        await redis.aclose()
        worker.gate.set()
        reply = await harness.ada.reply_to(posted)
        await harness.all_closed()
    assert str(reply["content"]).startswith("a red circle")
    assert len(worker.jobs) == 2


async def test_a_post_that_is_deleted_under_way_leaves_no_job(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        worker.gate.clear()
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        await worker.wait_for_jobs(1)
        await harness.ada.request("DELETE", f"/channels/{harness.pictures}/messages/{posted['id']}")
        await harness.all_closed()
        worker.gate.set()
        async with asyncio.timeout(20):
            while await keys(harness, "job:*", "result:*"):  # noqa: ASYNC110 - Redis has no event for this
                await asyncio.sleep(0.02)
