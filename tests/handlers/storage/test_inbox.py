import pytest

from handlers.storage.inbox import CLOSED_RETENTION_S, AcceptResult, Inbox, OpenPost
from inference.queue.connection import Client
from tests.handlers.clock import Clock


def post(number: int, guild: int | None = 7) -> OpenPost:
    return OpenPost(message_id=number, channel_id=5, guild_id=guild, author_id=6, why="unasked", accepted=1.0)


async def test_an_accepted_request_is_open_until_it_is_closed_oldest_first(redis: Client) -> None:
    inbox = Inbox(redis, "bot")
    assert await inbox.accept(post(2)) is AcceptResult.NEW
    assert await inbox.accept(post(1)) is AcceptResult.NEW
    assert list(await Inbox(redis, "bot").waiting()) == [post(1), post(2)]
    await inbox.close(post(1).id)
    assert list(await inbox.waiting()) == [post(2)]


async def test_accepting_again_returns_the_requests_state(redis: Client) -> None:
    inbox = Inbox(redis, "bot")
    await inbox.accept(post(1))
    assert await inbox.accept(post(1)) is AcceptResult.OPEN
    await inbox.close(post(1).id)
    assert await inbox.accept(post(1)) is AcceptResult.CLOSED
    assert list(await inbox.waiting()) == []


async def test_closed_requests_are_remembered_for_two_days(redis: Client, clock: Clock) -> None:
    inbox = Inbox(redis, "bot", clock=clock)
    await inbox.close(post(1).id)
    clock.now += CLOSED_RETENTION_S + 1
    await inbox.close(post(2).id)
    assert await inbox.accept(post(1)) is AcceptResult.NEW
    assert await inbox.accept(post(2)) is AcceptResult.CLOSED


async def test_bots_have_separate_inboxes(redis: Client) -> None:
    await Inbox(redis, "one").accept(post(1))
    assert list(await Inbox(redis, "two").waiting()) == []


async def test_a_malformed_request_is_deleted_and_logged_without_its_content(
    redis: Client, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox(redis, "bot")
    await inbox.accept(post(1))
    await redis.hset("beholder:inbox:bot", "post:9", '{"kind": "post", "secret": 1}')
    assert list(await inbox.waiting()) == [post(1)]
    assert "post:9" in caplog.text
    assert "secret" not in caplog.text
    assert await redis.hlen("beholder:inbox:bot") == 1


def test_the_scope_is_the_guild_or_the_dm() -> None:
    assert post(1).scope == "guild:7"
    assert post(1, guild=None).scope == "dm:5"
