"""An interaction ends in one visible outcome, whatever is killed and restarted in between."""

from types import SimpleNamespace

import discord
import pytest

from bot import replies
from bot.call import UserError
from bot.playground.testing.faults import Fault, FaultKind
from inference.errors import QueueFull, QueueUnavailable
from inference.queue.connection import connect
from tests.bot import script as scripts
from tests.bot.calling import EPHEMERAL, SWITCH, TEXT, Caller, option
from tests.bot.stage import Stage, until

WORDS = option(TEXT, "words", "hello")
PRIVATE = option(SWITCH, "private", True)
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
ORIGINAL = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch) -> scripts.Script:
    """Have the command there, and the work behind it done at once."""
    monkeypatch.setattr("bot.client.EXTENSIONS", ("bot.cogs.errors", "bot.cogs.posts", "tests.bot.trial"))
    monkeypatch.setattr("bot.original.FIRST_PAUSE", 0.05)
    script = scripts.Script()
    script.gate.set()
    monkeypatch.setattr(scripts, "current", script)
    return script


async def tokens(stage: Stage) -> int:
    """Count the tokens that are kept."""
    redis = connect(stage.redis_url)
    try:
        return len(await redis.keys("beholder:token:*"))
    finally:
        await redis.aclose()


async def test_an_outcome_takes_the_placeholders_place_and_pings_nobody(
    stage: Stage, script: scripts.Script
) -> None:
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS)
        placeholder = await caller.placeholder(stage.general)
        done = await caller.outcome(placeholder)
        assert (done["content"], done["mention_everyone"], done["flags"]) == ("@everyone hello", False, 0)
        await stage.all_closed()
        await until(lambda: script.cleared == 1)
        assert await tokens(stage) == 0


async def test_a_private_outcome_is_its_askers_alone(stage: Stage) -> None:
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS, PRIVATE)
        done = await caller.outcome(await caller.placeholder(stage.general))
        assert done["flags"] == EPHEMERAL


async def test_what_the_payload_shows_is_refused_before_deferring(
    stage: Stage, script: scripts.Script
) -> None:
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", option(TEXT, "words", "bad"))
        assert (await caller.refusal())["content"] == "Those are bad words: choose others."
        await caller.call(stage.general, "try", option(TEXT, "words", "bug"))
        await stage.ada.hear(lambda _, data: data.get("content") == replies.BROKE)
        assert [each["flags"] for each in await caller.messages(stage.general)] == [EPHEMERAL] * 2
        assert (script.calls, await stage.open_requests(), await tokens(stage)) == ([], {}, 0)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (UserError("There is nothing here."), "There is nothing here."),
        (QueueFull("", retry_after=7), "I have too much to do right now. Try again in about 7 seconds."),
        (ZeroDivisionError(), replies.BROKE),
    ],
)
async def test_what_shows_later_is_told_the_asker_alone_and_the_placeholder_goes(
    stage: Stage, script: scripts.Script, wrong: Exception, sentence: str
) -> None:
    script.wrong = wrong
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS)
        await caller.gone(await caller.placeholder(stage.general))
        told = await caller.refusal()
        assert (told["content"], told["flags"]) == (sentence, EPHEMERAL)
        await stage.all_closed()
        assert [each["id"] for each in await caller.messages(stage.general)] == [told["id"]]


async def test_a_private_refusal_stands_in_the_placeholder(stage: Stage, script: scripts.Script) -> None:
    script.wrong = UserError("There is nothing here.")
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS, PRIVATE)
        done = await caller.outcome(await caller.placeholder(stage.general))
        assert (done["content"], done["flags"]) == ("There is nothing here.", EPHEMERAL)


@pytest.mark.parametrize(
    ("ahead", "said"), [(0, replies.place(0)), (1, replies.place(1)), (12, replies.place(12))]
)
async def test_who_waits_is_told_their_place(
    stage: Stage, script: scripts.Script, monkeypatch: pytest.MonkeyPatch, ahead: int, said: str
) -> None:
    monkeypatch.setattr("bot.commanding.SECONDS_TO_PLACE", 0.05)
    script.gate.clear()
    script.ahead = ahead
    caller = Caller(stage.ada)
    async with stage.worker(), stage.bot():
        await caller.call(stage.general, "try", WORDS)
        placeholder = await caller.placeholder(stage.general)
        await stage.ada.hear(lambda _, data: data.get("content") == said)
        script.gate.set()
        assert (await caller.outcome(placeholder, unlike=said))["content"] == "@everyone hello"


async def test_without_a_worker_who_waits_is_told_so(
    stage: Stage, script: scripts.Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.commanding.SECONDS_TO_PLACE", 0.05)
    script.gate.clear()
    script.ahead = 0
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS)
        await stage.ada.hear(lambda _, data: data.get("content") == replies.NO_WORKER)


@pytest.mark.parametrize("private", [False, True])
async def test_a_restart_goes_on_through_the_webhook(
    stage: Stage, script: scripts.Script, private: bool
) -> None:
    script.gate.clear()
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS, option(SWITCH, "private", private))
        placeholder = await caller.placeholder(stage.general)
        await until(lambda: len(script.calls) == 1)
        assert await tokens(stage) == 1
    script.gate.set()
    async with stage.bot():
        assert (await caller.outcome(placeholder))["content"] == "@everyone hello"
        await stage.all_closed()
        assert len(await caller.messages(stage.general)) == 1
        assert await tokens(stage) == 0
    (_, again) = script.calls
    assert again.taken_up
    assert again.request.arguments == {"words": "hello", "seen": True}


@pytest.mark.parametrize("private", [False, True])
async def test_after_fifteen_minutes_only_a_public_request_is_answered(
    stage: Stage, script: scripts.Script, private: bool
) -> None:
    script.gate.clear()
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS, option(SWITCH, "private", private))
        await until(lambda: len(script.calls) == 1)
    await _lose_tokens(stage)
    script.gate.set()
    async with stage.bot():
        await stage.all_closed()
        said = [each["content"] for each in await caller.messages(stage.general) if each["content"]]
    assert said == ([] if private else [replies.late("@everyone hello", int(stage.ada.user["id"]))])


async def _lose_tokens(stage: Stage) -> None:
    redis = connect(stage.redis_url)
    for key in await redis.keys("beholder:token:*"):
        assert 0 < await redis.ttl(key) <= 900
        await redis.delete(key)
    await redis.aclose()


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
@pytest.mark.parametrize(("method", "template"), [("POST", CALLBACK), ("PATCH", ORIGINAL)])
async def test_a_connection_that_breaks_makes_neither_none_nor_two(
    stage: Stage, kind: FaultKind, method: str, template: str
) -> None:
    caller = Caller(stage.ada)
    async with stage.bot():
        stage.pocket.faults.add(Fault(kind, method=method, template=template))
        await caller.call(stage.general, "try", WORDS)
        done = await caller.outcome(await caller.placeholder(stage.general))
        await stage.all_closed()
        assert [each["content"] for each in await caller.messages(stage.general)] == [done["content"]]


async def test_a_placeholder_that_somebody_deleted_stays_deleted(
    stage: Stage, script: scripts.Script
) -> None:
    script.gate.clear()
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS)
        placeholder = await caller.placeholder(stage.general)
        await stage.ada.request("DELETE", f"/channels/{stage.general}/messages/{placeholder['id']}")
        script.gate.set()
        await stage.all_closed()
        assert await caller.messages(stage.general) == []


async def test_a_redis_that_is_away_is_told_the_asker_alone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise QueueUnavailable

    caller = Caller(stage.ada)
    async with stage.bot():
        monkeypatch.setattr("handlers.storage.inbox.Inbox.accept", away)
        await caller.call(stage.general, "try", WORDS)
        await caller.gone(await caller.placeholder(stage.general))
        assert (await caller.refusal())["content"] == replies.sentence(QueueUnavailable())


async def test_an_outcome_that_discord_refuses_is_no_silence(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_large(*_: object) -> None:
        response = SimpleNamespace(status=413, reason="Payload Too Large")
        raise discord.HTTPException(response, {"code": 40005, "message": ""})

    monkeypatch.setattr("bot.original.DeferredResponse.answer", too_large)
    caller = Caller(stage.ada)
    async with stage.bot():
        await caller.call(stage.general, "try", WORDS)
        await caller.gone(await caller.placeholder(stage.general))
        assert (await caller.refusal())["content"] == replies.BROKE
        await stage.all_closed()
