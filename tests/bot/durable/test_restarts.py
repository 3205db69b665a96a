"""Requests survive restarts and outages, with exactly one visible outcome."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from bot.formatting.status import NO_WORKER, REDIS_AWAY
from bot.playground.testing.faults import Fault, FaultKind
from inference.queue.connection import connect
from tests.bot.command_calls import FILE, CommandCaller, option
from tests.bot.harness import NOTICES_AT_ONCE, SHORT_DELAYS, Harness, picture, wait_until
from tests.e2e.member import Message

SEND = "/channels/{channel_id}/messages"
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
CIRCLE = [("a.png", picture("a red circle"))]


async def outcome(harness: Harness, message: Message) -> str:
    """Wait until no request is open; return the content of the one reply to a message."""
    await harness.all_closed()
    (reply,) = await harness.replies(message["channel_id"], message)
    return str(reply["content"])


async def test_a_bot_killed_before_its_reply_answers_once_after_a_restart(harness: Harness) -> None:
    async with harness.worker() as worker:
        worker.gate.clear()
        async with harness.process():
            posted = await harness.ada.post(harness.pictures, files=CIRCLE)
            await worker.wait_for_jobs(1)
            assert len(await harness.open_requests()) == 1
        worker.gate.set()
        async with harness.process():
            await harness.ada.reply_to(posted)
            assert await outcome(harness, posted) == "a red circle"
    assert len(worker.jobs) == 1, "the job was finished or running under the same id"


async def test_a_reply_sent_before_its_request_was_closed_is_not_sent_again(harness: Harness) -> None:
    async with harness.worker():
        async with harness.bot():
            posted = await harness.ada.post(harness.pictures, files=CIRCLE)
            await harness.ada.reply_to(posted)
            await harness.all_closed()
        await _reopen(harness, posted)
        # By then Discord no longer knows the nonce.
        harness.clock.ahead = 3600
        async with harness.bot():
            assert await outcome(harness, posted) == "a red circle"


async def test_a_placeholder_of_an_earlier_process_becomes_the_answer(
    harness: Harness,
) -> None:
    async with harness.bot(delays=NOTICES_AT_ONCE):
        mentioned = await harness.ada.post(harness.general, harness.mention, files=CIRCLE)
        assert (await harness.ada.reply_to(mentioned))["content"] == NO_WORKER
    async with harness.worker(), harness.bot():
        assert await outcome(harness, mentioned) == "a red circle"


async def test_a_command_that_was_never_deferred_is_not_answered_after_a_restart(harness: Harness) -> None:
    async with harness.worker():
        async with harness.process():
            harness.pocket.faults.add(
                Fault(FaultKind.CUT_BEFORE, times=1000, method="POST", template=CALLBACK)
            )
            files = [option(FILE, "image", 0)]
            await CommandCaller(harness.ada).call(harness.general, "describe", *files, files=CIRCLE)
            while not await harness.open_requests():  # noqa: ASYNC110 - Redis has no event for this
                await asyncio.sleep(0.01)
        await harness.ada.hear(lambda kind, _: kind == "INTERACTION_FAILURE")
        harness.pocket.faults.clear()
        async with harness.bot():
            await harness.all_closed()
    assert await harness.ada.request("GET", f"/channels/{harness.general}/messages") == []


async def test_a_request_that_discord_fails_for_longer_than_it_is_tried_is_answered_without_a_reconnect(
    harness: Harness,
) -> None:
    async with harness.worker() as worker:
        worker.gate.clear()
        async with harness.process():
            posted = await harness.ada.post(harness.pictures, files=CIRCLE)
            await worker.wait_for_jobs(1)
        worker.gate.set()
        get = "/channels/{channel_id}/messages/{message_id}"
        harness.pocket.faults.add(Fault(FaultKind.STATUS, times=12, status=503, method="GET", template=get))
        delays = replace(SHORT_DELAYS, fetch_timeout_s=0.1, resume_s=0.05)
        async with harness.bot(delays=delays):
            await harness.ada.reply_to(posted)
            assert await outcome(harness, posted) == "a red circle"


async def test_messages_posted_while_the_bot_was_away_are_backfilled(harness: Harness) -> None:
    async with harness.worker():
        async with harness.bot():
            direct = await harness.ada.direct_channel()
            for channel in (harness.pictures, direct):
                await harness.ada.reply_to(await harness.ada.post(channel, files=CIRCLE))
            await harness.ada.reply_to(await harness.ada.post(harness.general, harness.mention))
            await harness.wait_for_cursors(3)
        missed = [
            await harness.ada.post(harness.pictures, files=CIRCLE),
            await harness.ada.post(harness.pictures, files=[("b.png", picture("a blue square"))]),
            await harness.ada.post(harness.general, harness.mention, files=CIRCLE),
            await harness.ada.post(direct, files=CIRCLE),
        ]
        ignored = await harness.ada.post(harness.general, files=CIRCLE)
        async with harness.bot():
            for message in missed:
                await harness.ada.reply_to(message)
            assert [await outcome(harness, message) for message in missed] == [
                "a red circle",
                "a blue square",
                "a red circle",
                "a red circle",
            ]
            assert await harness.replies(harness.general, ignored) == []


async def test_messages_posted_while_the_bot_closes_are_answered_once_after_a_restart(
    harness: Harness,
) -> None:
    async with harness.worker():
        async with harness.bot():
            await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=CIRCLE))
            await harness.wait_for_cursors(1)
        posts = [await harness.ada.post(harness.pictures, files=CIRCLE) for _ in range(6)]
        # The bot is told to stop while it reads what it has missed, and while more is posted.
        async with harness.bot() as stopped:
            await harness.ada.hear(
                lambda kind, data: kind == "MESSAGE_CREATE" and data.get("content") == "a red circle",
                start=len(harness.ada.heard) - 1,
            )
            posting = [
                asyncio.create_task(harness.ada.post(harness.pictures, files=CIRCLE)) for _ in range(8)
            ]
            await asyncio.wait(posting[:3])
            stopped.set()
        posts += [await each for each in posting]
        async with harness.bot():
            for each in posts:
                await harness.ada.reply_to(each)
            await harness.all_closed()
        for each in posts:
            assert len(await harness.replies(harness.pictures, each)) == 1


async def test_messages_posted_after_a_first_start_that_saw_none_are_answered(harness: Harness) -> None:
    """In a channel without a message, too; what was there before the first start is ignored."""
    old = await harness.ada.post(harness.pictures, files=CIRCLE)
    async with harness.worker():
        async with harness.bot():
            await harness.wait_for_cursors(1)
        missed = [
            await harness.ada.post(harness.pictures, files=CIRCLE),
            await harness.ada.post(harness.general, harness.mention, files=CIRCLE),
        ]
        async with harness.bot():
            for each in missed:
                await harness.ada.reply_to(each)
                assert await outcome(harness, each) == "a red circle"
    assert await harness.replies(harness.pictures, old) == []


async def test_messages_posted_before_the_first_start_are_ignored(harness: Harness) -> None:
    old = await harness.ada.post(harness.pictures, files=CIRCLE)
    async with harness.worker():
        for _ in range(2):
            async with harness.bot():
                new = await harness.ada.post(harness.pictures, files=CIRCLE)
                await harness.ada.reply_to(new)
                await harness.all_closed()
    assert await harness.replies(harness.pictures, old) == []


async def test_messages_missed_by_a_lost_session_are_backfilled(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    # discord.py waits five seconds before it identifies a second time, and up to two before that.
    monkeypatch.setattr("discord.client.Client.before_identify_hook", _no_delay)
    monkeypatch.setattr("discord.client.ExponentialBackoff.delay", lambda _: 0.01)
    async with harness.worker(), harness.bot():
        await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=CIRCLE))
        await harness.wait_for_cursors(1)
        harness.pocket.forget_sessions()
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        await harness.ada.reply_to(posted)
        assert await outcome(harness, posted) == "a red circle"


async def _no_delay(*_: object, **__: object) -> None:
    """Do not wait before identifying."""


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
async def test_a_connection_broken_while_replying_leaves_exactly_one_reply(
    harness: Harness, kind: FaultKind
) -> None:
    async with harness.worker(), harness.bot():
        harness.pocket.faults.add(Fault(kind, method="POST", template=SEND))
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        await harness.ada.reply_to(posted)
        assert await outcome(harness, posted) == "a red circle"


async def test_a_message_deleted_while_the_bot_was_away_is_closed_without_a_reply(
    harness: Harness,
) -> None:
    async with harness.worker() as worker:
        worker.gate.clear()
        async with harness.bot():
            posted = await harness.ada.post(harness.pictures, files=CIRCLE)
            await worker.wait_for_jobs(1)
        await harness.ada.request("DELETE", f"/channels/{harness.pictures}/messages/{posted['id']}")
        worker.gate.set()
        async with harness.bot():
            await harness.all_closed()
            assert await harness.replies(harness.pictures, posted) == []


async def test_the_bot_exits_with_0_on_sigterm(harness: Harness) -> None:
    async with harness.process() as process:
        process.terminate()
        assert await process.wait() == 0
        await wait_until(lambda: not harness._is_online())


async def _reopen(harness: Harness, message: Message) -> None:
    """Put a closed request back, as if the bot had been killed right after its reply."""
    redis = connect(harness.redis_url)
    name = f"beholder:inbox:{harness.session['application_id']}"
    request = (
        f'{{"message_id": {message["id"]}, "channel_id": {message["channel_id"]}, '
        f'"guild_id": {harness.session["guild_id"]}, "author_id": {message["author"]["id"]}, '
        '"why": "unasked", "accepted": 0}'
    )
    await redis.hset(name, f"post:{message['id']}", request)
    await redis.aclose()


async def test_an_outage_of_redis_is_told_to_waiting_members_and_loses_nothing(
    harness: Harness,
) -> None:
    redis = connect(harness.redis_url)
    server = int((await redis.info("server"))["process_id"])
    await redis.aclose()
    async with harness.worker(), harness.bot():
        await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=CIRCLE))
        await harness.wait_for_cursors(1)
        os.kill(server, signal.SIGSTOP)
        try:
            posted = await harness.ada.post(harness.pictures, files=CIRCLE)
            mentioned = await harness.ada.post(harness.general, harness.mention, files=CIRCLE)
            first = await harness.ada.reply_to(mentioned)
            assert first["content"] == REDIS_AWAY
        finally:
            os.kill(server, signal.SIGCONT)
        await harness.ada.reply_to(posted)
        await harness.ada.hear(lambda kind, data: kind == "MESSAGE_UPDATE" and data["id"] == first["id"])
        assert await outcome(harness, posted) == "a red circle"
        assert await outcome(harness, mentioned) == "a red circle"
