"""Captions of forwards, with missing permissions, and after faults."""

import pytest

from bot.images.fetcher import Fetcher
from bot.playground.testing.observers import Observation, RestExchange
from inference.errors import PictureGone
from tests.bot.harness import Harness, picture
from tests.e2e.member import Message

CIRCLE = [("a.png", picture("a red circle"))]
SEND_MESSAGES = 1 << 11
READ_MESSAGE_HISTORY = 1 << 16


async def deny_bot(harness: Harness, channel: str, permission: int) -> None:
    """Deny the bot a permission in a channel."""
    path = f"/channels/{channel}/permissions/{harness.session['bot_user_id']}"
    await harness.ada.request("PUT", path, json={"type": 1, "allow": "0", "deny": str(permission)})


async def bot_posts(harness: Harness, channel: str) -> list[Message]:
    found: list[Message] = await harness.ada.request("GET", f"/channels/{channel}/messages?limit=100")
    return [each for each in found if each["author"]["id"] == harness.session["bot_user_id"]]


async def test_a_forwarded_picture_is_captioned(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        source = await harness.ada.post(harness.general, files=CIRCLE)
        reference = {"type": 1, "message_id": source["id"], "channel_id": harness.general}
        forward = await harness.ada.post(harness.pictures, message_reference=reference)
        assert (await harness.ada.reply_to(forward))["content"] == "a red circle"


async def test_no_job_is_submitted_where_the_bot_may_not_write(harness: Harness) -> None:
    await deny_bot(harness, harness.pictures, SEND_MESSAGES)
    async with harness.worker() as worker, harness.bot():
        await harness.ada.post(harness.pictures, harness.mention, files=CIRCLE)
        mentioned = await harness.ada.post(harness.general, harness.mention, files=CIRCLE)
        await harness.ada.reply_to(mentioned)
        assert len(worker.jobs) == 1
        assert await bot_posts(harness, harness.pictures) == []


async def test_a_permission_lost_meanwhile_closes_the_request(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        worker.gate.clear()
        await harness.ada.post(harness.pictures, files=CIRCLE)
        await worker.wait_for_jobs(1)
        await deny_bot(harness, harness.pictures, SEND_MESSAGES)
        worker.gate.set()
        await harness.all_closed()
        assert await bot_posts(harness, harness.pictures) == []


async def test_without_read_message_history_the_answer_is_a_plain_message(
    harness: Harness,
) -> None:
    await deny_bot(harness, harness.pictures, READ_MESSAGE_HISTORY)
    async with harness.worker(), harness.bot():
        await harness.ada.post(harness.pictures, files=CIRCLE)
        await harness.ada.hear(
            lambda kind, data: kind == "MESSAGE_CREATE" and data["content"] == "a red circle"
        )
        await harness.all_closed()


async def test_an_expired_address_is_fetched_again(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = 0
    fetch = Fetcher.fetch

    async def expired_once(self: Fetcher, url: str) -> bytes:
        nonlocal fetched
        fetched += 1
        if fetched == 1:
            raise PictureGone
        return await fetch(self, url)

    monkeypatch.setattr(Fetcher, "fetch", expired_once)
    paths: list[str] = []

    def note(observation: Observation) -> None:
        if isinstance(observation, RestExchange) and observation.method == "GET":
            paths.append(observation.path)

    harness.pocket.observers.append(note)
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        assert (await harness.ada.reply_to(posted))["content"] == "a red circle"
    assert f"/channels/{harness.pictures}/messages/{posted['id']}" in paths


async def test_a_thread_without_a_setting_has_that_of_its_channel(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        body = {"name": "a thread", "type": 11}
        thread = await harness.ada.request("POST", f"/channels/{harness.pictures}/threads", json=body)
        posted = await harness.ada.post(thread["id"], files=CIRCLE)
        assert (await harness.ada.reply_to(posted))["content"] == "a red circle"


async def test_an_internal_error_is_told_and_closes_the_request(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bot.images.fetcher.sniff", broken)
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        assert "Something went wrong on my side" in (await harness.ada.reply_to(posted))["content"]
        await harness.all_closed()
