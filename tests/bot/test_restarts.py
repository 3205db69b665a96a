"""Every request ends in exactly one visible outcome, whatever is killed and restarted in between."""

import os
import signal

import pytest

from bot import replies
from bot.playground.testing.faults import Fault, FaultKind
from inference.queue.connection import connect
from tests.bot.stage import Stage, picture, until
from tests.e2e.member import Message

SEND = "/channels/{channel_id}/messages"
CIRCLE = [("a.png", picture("a red circle"))]


async def outcome(stage: Stage, message: Message) -> str:
    """Return what the one reply to a message says, once nothing is open any more."""
    await stage.all_closed()
    (reply,) = await stage.replies(message["channel_id"], message)
    return str(reply["content"])


async def test_a_bot_killed_between_inbox_and_reply_answers_once_when_it_is_back(stage: Stage) -> None:
    async with stage.worker() as worker:
        worker.gate.clear()
        async with stage.process():
            posted = await stage.ada.post(stage.pictures, files=CIRCLE)
            await worker.taken(1)
            assert len(await stage.open_requests()) == 1
        worker.gate.set()
        async with stage.process():
            await stage.ada.reply_to(posted)
            assert await outcome(stage, posted) == "a red circle"
    assert len(worker.jobs) == 1, "the job was finished or running under the same id"


async def test_a_reply_that_was_sent_before_the_inbox_was_cleared_is_not_sent_again(stage: Stage) -> None:
    async with stage.worker():
        async with stage.bot():
            posted = await stage.ada.post(stage.pictures, files=CIRCLE)
            await stage.ada.reply_to(posted)
            await stage.all_closed()
        await _reopen(stage, posted)
        # So long after that Discord has forgotten the nonce.
        stage.clock.ahead = 3600
        async with stage.bot():
            assert await outcome(stage, posted) == "a red circle"


async def test_a_placeholder_left_by_a_killed_bot_becomes_the_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.answering.SECONDS_TO_PLACEHOLDER", 0.1)
    async with stage.bot():
        asked = await stage.ada.post(stage.general, stage.me, files=CIRCLE)
        assert (await stage.ada.reply_to(asked))["content"] == replies.NO_WORKER
    async with stage.worker(), stage.bot():
        assert await outcome(stage, asked) == "a red circle"


async def test_what_was_posted_while_the_bot_was_away_is_answered_when_it_is_back(stage: Stage) -> None:
    async with stage.worker():
        async with stage.bot():
            direct = await stage.ada.direct_channel()
            for channel in (stage.pictures, direct):
                await stage.ada.reply_to(await stage.ada.post(channel, files=CIRCLE))
            await stage.ada.reply_to(await stage.ada.post(stage.general, stage.me))
            await stage.marked(3)
        missed = [
            await stage.ada.post(stage.pictures, files=CIRCLE),
            await stage.ada.post(stage.pictures, files=[("b.png", picture("a blue square"))]),
            await stage.ada.post(stage.general, stage.me, files=CIRCLE),
            await stage.ada.post(direct, files=CIRCLE),
        ]
        ignored = await stage.ada.post(stage.general, files=CIRCLE)
        async with stage.bot():
            for message in missed:
                await stage.ada.reply_to(message)
            assert [await outcome(stage, message) for message in missed] == [
                "a red circle",
                "a blue square",
                "a red circle",
                "a red circle",
            ]
            assert await stage.replies(stage.general, ignored) == []


async def test_what_was_posted_before_the_bot_was_ever_there_is_left_alone(stage: Stage) -> None:
    old = await stage.ada.post(stage.pictures, files=CIRCLE)
    async with stage.worker():
        for _ in range(2):
            async with stage.bot():
                new = await stage.ada.post(stage.pictures, files=CIRCLE)
                await stage.ada.reply_to(new)
                await stage.all_closed()
    assert await stage.replies(stage.pictures, old) == []


async def test_a_session_that_cannot_be_resumed_loses_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # discord.py waits five seconds before it identifies a second time, and up to two before that.
    monkeypatch.setattr("discord.client.Client.before_identify_hook", _at_once)
    monkeypatch.setattr("discord.client.ExponentialBackoff.delay", lambda _: 0.01)
    async with stage.worker(), stage.bot():
        await stage.ada.reply_to(await stage.ada.post(stage.pictures, files=CIRCLE))
        await stage.marked(1)
        stage.pocket.forget_sessions()
        posted = await stage.ada.post(stage.pictures, files=CIRCLE)
        await stage.ada.reply_to(posted)
        assert await outcome(stage, posted) == "a red circle"


async def _at_once(*_: object, **__: object) -> None:
    """Identify without a pause."""


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
async def test_a_connection_that_breaks_while_replying_makes_neither_none_nor_two(
    stage: Stage, kind: FaultKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.insisting.RETRY_DELAY_S", 0.05)
    async with stage.worker(), stage.bot():
        stage.pocket.faults.add(Fault(kind, method="POST", template=SEND))
        posted = await stage.ada.post(stage.pictures, files=CIRCLE)
        await stage.ada.reply_to(posted)
        assert await outcome(stage, posted) == "a red circle"


async def test_a_message_that_was_deleted_while_the_bot_was_away_is_closed_without_a_reply(
    stage: Stage,
) -> None:
    async with stage.worker() as worker:
        worker.gate.clear()
        async with stage.bot():
            posted = await stage.ada.post(stage.pictures, files=CIRCLE)
            await worker.taken(1)
        await stage.ada.request("DELETE", f"/channels/{stage.pictures}/messages/{posted['id']}")
        worker.gate.set()
        async with stage.bot():
            await stage.all_closed()
            assert await stage.replies(stage.pictures, posted) == []


async def test_the_bot_process_obeys_sigterm(stage: Stage) -> None:
    async with stage.process() as process:
        process.terminate()
        assert await process.wait() == 0
        await until(lambda: not stage._is_online())


async def _reopen(stage: Stage, message: Message) -> None:
    """Put a request back, as if the bot had been killed right after its reply."""
    redis = connect(stage.redis_url)
    name = f"beholder:inbox:{stage.session['application_id']}"
    request = (
        f'{{"message_id": {message["id"]}, "channel_id": {message["channel_id"]}, '
        f'"guild_id": {stage.session["guild_id"]}, "author_id": {message["author"]["id"]}, '
        '"why": "unasked", "accepted": 0}'
    )
    await redis.hset(name, f"post:{message['id']}", request)
    await redis.aclose()


async def test_while_redis_is_away_people_hear_so_and_nothing_is_lost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.queue.connection.CALL_TIMEOUT_S", 0.2)
    monkeypatch.setattr("bot.catchup.PAUSE", 0.1)
    redis = connect(stage.redis_url)
    server = int((await redis.info("server"))["process_id"])
    await redis.aclose()
    async with stage.worker(), stage.bot():
        await stage.ada.reply_to(await stage.ada.post(stage.pictures, files=CIRCLE))
        await stage.marked(1)
        os.kill(server, signal.SIGSTOP)
        try:
            posted = await stage.ada.post(stage.pictures, files=CIRCLE)
            asked = await stage.ada.post(stage.general, stage.me, files=CIRCLE)
            first = await stage.ada.reply_to(asked)
            assert first["content"] == replies.NO_MEMORY
        finally:
            os.kill(server, signal.SIGCONT)
        await stage.ada.reply_to(posted)
        await stage.ada.hear(lambda kind, data: kind == "MESSAGE_UPDATE" and data["id"] == first["id"])
        assert await outcome(stage, posted) == "a red circle"
        assert await outcome(stage, asked) == "a red circle"
