"""Forwards, missing permissions, expired addresses: the less usual ways through."""

import pytest

from bot.fetching import Fetcher
from bot.playground.testing.observers import Observation, RestExchange
from inference.errors import PictureGone
from tests.bot.stage import Stage, picture
from tests.e2e.member import Message

CIRCLE = [("a.png", picture("a red circle"))]
SEND_MESSAGES = 1 << 11
READ_MESSAGE_HISTORY = 1 << 16


async def deny(stage: Stage, channel: str, permission: int) -> None:
    """Take a permission from the bot in a channel."""
    path = f"/channels/{channel}/permissions/{stage.session['bot_user_id']}"
    await stage.ada.request("PUT", path, json={"type": 1, "allow": "0", "deny": str(permission)})


async def bot_posts(stage: Stage, channel: str) -> list[Message]:
    found: list[Message] = await stage.ada.request("GET", f"/channels/{channel}/messages?limit=100")
    return [each for each in found if each["author"]["id"] == stage.session["bot_user_id"]]


async def test_a_forwarded_picture_is_captioned(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        source = await stage.ada.post(stage.general, files=CIRCLE)
        reference = {"type": 1, "message_id": source["id"], "channel_id": stage.general}
        forward = await stage.ada.post(stage.pictures, message_reference=reference)
        assert (await stage.ada.reply_to(forward))["content"] == "a red circle"


async def test_where_the_bot_may_not_write_it_does_not_even_ask_the_models(stage: Stage) -> None:
    await deny(stage, stage.pictures, SEND_MESSAGES)
    async with stage.worker() as worker, stage.bot():
        await stage.ada.post(stage.pictures, stage.me, files=CIRCLE)
        asked = await stage.ada.post(stage.general, stage.me, files=CIRCLE)
        await stage.ada.reply_to(asked)
        assert len(worker.jobs) == 1
        assert await bot_posts(stage, stage.pictures) == []


async def test_a_permission_that_goes_while_it_works_closes_the_request(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        worker.gate.clear()
        await stage.ada.post(stage.pictures, files=CIRCLE)
        await worker.taken(1)
        await deny(stage, stage.pictures, SEND_MESSAGES)
        worker.gate.set()
        await stage.all_closed()
        assert await bot_posts(stage, stage.pictures) == []


async def test_where_it_may_not_read_history_it_answers_without_pointing_at_the_message(stage: Stage) -> None:
    await deny(stage, stage.pictures, READ_MESSAGE_HISTORY)
    async with stage.worker(), stage.bot():
        await stage.ada.post(stage.pictures, files=CIRCLE)
        await stage.ada.hear(
            lambda kind, data: kind == "MESSAGE_CREATE" and data["content"] == "a red circle"
        )
        await stage.all_closed()


async def test_an_expired_address_is_asked_for_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = 0
    really = Fetcher.fetch

    async def expired_once(self: Fetcher, url: str) -> bytes:
        nonlocal fetched
        fetched += 1
        if fetched == 1:
            raise PictureGone
        return await really(self, url)

    monkeypatch.setattr(Fetcher, "fetch", expired_once)
    asked: list[str] = []

    def note(seen: Observation) -> None:
        if isinstance(seen, RestExchange) and seen.method == "GET":
            asked.append(seen.path)

    stage.pocket.observers.append(note)
    async with stage.worker(), stage.bot():
        posted = await stage.ada.post(stage.pictures, files=CIRCLE)
        assert (await stage.ada.reply_to(posted))["content"] == "a red circle"
    assert f"/channels/{stage.pictures}/messages/{posted['id']}" in asked


async def test_a_thread_does_as_its_channel(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        body = {"name": "a thread", "type": 11}
        thread = await stage.ada.request("POST", f"/channels/{stage.pictures}/threads", json=body)
        posted = await stage.ada.post(thread["id"], files=CIRCLE)
        assert (await stage.ada.reply_to(posted))["content"] == "a red circle"


async def test_a_fault_of_ours_is_said_and_leaves_nothing_open(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bot.fetching.sniff", broken)
    async with stage.worker(), stage.bot():
        posted = await stage.ada.post(stage.pictures, files=CIRCLE)
        assert "Something went wrong on my side" in (await stage.ada.reply_to(posted))["content"]
        await stage.all_closed()
