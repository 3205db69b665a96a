"""Interactions: one visible outcome for each, also after a restart or a broken connection."""

from types import SimpleNamespace

import discord
import pytest

from bot.errors import UserError
from bot.formatting.errors import error_sentence
from bot.formatting.status import INTERNAL_ERROR, NO_WORKER, late_answer, queue_position
from bot.playground.testing.faults import Fault, FaultKind
from inference.errors import QueueFull, QueueUnavailable
from inference.queue.connection import connect
from tests.bot import scripted_command as scripts
from tests.bot.command_calls import EPHEMERAL, SWITCH, TEXT, CommandCaller, option
from tests.bot.harness import NOTICES_AT_ONCE, SCRIPTED, Harness, wait_until

WORDS = option(TEXT, "words", "hello")
PRIVATE = option(SWITCH, "private", True)
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
ORIGINAL = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch) -> scripts.CommandScript:
    """Reset the script of `/try`, so that its calls finish at once."""
    script = scripts.CommandScript()
    script.gate.set()
    monkeypatch.setattr(scripts, "current", script)
    return script


async def count_tokens(harness: Harness) -> int:
    """Return the number of interaction tokens in Redis."""
    redis = connect(harness.redis_url)
    try:
        return len(await redis.keys("beholder:token:*"))
    finally:
        await redis.aclose()


async def test_an_outcome_replaces_the_placeholder_without_mentions(
    harness: Harness, script: scripts.CommandScript
) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", WORDS)
        placeholder = await caller.placeholder(harness.general)
        done = await caller.outcome(placeholder)
        assert (done["content"], done["mention_everyone"], done["flags"]) == ("@everyone hello", False, 0)
        await harness.all_closed()
        await wait_until(lambda: script.cleanups == 1)
        assert await count_tokens(harness) == 0


async def test_a_private_outcome_is_ephemeral(harness: Harness) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", WORDS, PRIVATE)
        done = await caller.outcome(await caller.placeholder(harness.general))
        assert done["flags"] == EPHEMERAL


async def test_an_error_in_the_payload_is_refused_before_deferring(
    harness: Harness, script: scripts.CommandScript
) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", option(TEXT, "words", "bad"))
        assert (await caller.refusal())["content"] == "Those are bad words: choose others."
        await caller.call(harness.general, "try", option(TEXT, "words", "bug"))
        await harness.ada.hear(lambda _, data: data.get("content") == INTERNAL_ERROR)
        assert [each["flags"] for each in await caller.messages(harness.general)] == [EPHEMERAL] * 2
        assert (script.calls, await harness.open_requests(), await count_tokens(harness)) == ([], {}, 0)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserError("There is nothing here."), "There is nothing here."),
        (QueueFull("", retry_after=7), "I have too much to do right now. Try again in about 7 seconds, at"),
        (ZeroDivisionError(), INTERNAL_ERROR),
    ],
)
async def test_a_later_error_is_ephemeral_and_deletes_the_placeholder(
    harness: Harness, script: scripts.CommandScript, error: Exception, sentence: str
) -> None:
    script.error = error
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", WORDS)
        await caller.wait_deleted(await caller.placeholder(harness.general))
        refusal = await caller.refusal()
        assert (refusal["content"][: len(sentence)], refusal["flags"]) == (sentence, EPHEMERAL)
        await harness.all_closed()
        assert [each["id"] for each in await caller.messages(harness.general)] == [refusal["id"]]


async def test_a_private_refusal_replaces_the_placeholder(
    harness: Harness, script: scripts.CommandScript
) -> None:
    script.error = UserError("There is nothing here.")
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", WORDS, PRIVATE)
        done = await caller.outcome(await caller.placeholder(harness.general))
        assert (done["content"], done["flags"]) == ("There is nothing here.", EPHEMERAL)


@pytest.mark.parametrize(
    ("ahead", "sentence"), [(0, queue_position(0)), (1, queue_position(1)), (12, queue_position(12))]
)
async def test_a_waiting_member_is_told_the_queue_position(
    harness: Harness, script: scripts.CommandScript, ahead: int, sentence: str
) -> None:
    script.gate.clear()
    script.ahead = ahead
    caller = CommandCaller(harness.ada)
    async with harness.worker(), harness.bot(extensions=SCRIPTED, delays=NOTICES_AT_ONCE):
        await caller.call(harness.general, "try", WORDS)
        placeholder = await caller.placeholder(harness.general)
        await harness.ada.hear(lambda _, data: data.get("content") == sentence)
        script.gate.set()
        assert (await caller.outcome(placeholder, unlike=sentence))["content"] == "@everyone hello"


async def test_a_waiting_member_is_told_that_no_worker_is_up(
    harness: Harness, script: scripts.CommandScript
) -> None:
    script.gate.clear()
    script.ahead = 0
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED, delays=NOTICES_AT_ONCE):
        await caller.call(harness.general, "try", WORDS)
        shown = await harness.ada.hear(lambda _, data: "models are not running" in data.get("content", ""))
    assert shown["content"] == NO_WORKER
    assert shown["content"].startswith("-# I have your request.")


@pytest.mark.parametrize("private", [False, True])
async def test_a_restarted_bot_answers_through_the_webhook(
    harness: Harness, script: scripts.CommandScript, private: bool
) -> None:
    script.gate.clear()
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", WORDS, option(SWITCH, "private", private))
        placeholder = await caller.placeholder(harness.general)
        await wait_until(lambda: len(script.calls) == 1)
        assert await count_tokens(harness) == 1
    script.gate.set()
    async with harness.bot(extensions=SCRIPTED):
        assert (await caller.outcome(placeholder))["content"] == "@everyone hello"
        await harness.all_closed()
        assert len(await caller.messages(harness.general)) == 1
        assert await count_tokens(harness) == 0
    (_, second) = script.calls
    assert second.request.arguments == {"words": "hello", "seen": True}


@pytest.mark.parametrize("private", [False, True])
async def test_after_the_token_has_expired_only_a_public_request_is_answered(
    harness: Harness, script: scripts.CommandScript, private: bool
) -> None:
    script.gate.clear()
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", WORDS, option(SWITCH, "private", private))
        await wait_until(lambda: len(script.calls) == 1)
    await _delete_tokens(harness)
    script.gate.set()
    async with harness.bot(extensions=SCRIPTED):
        await harness.all_closed()
        texts = [each["content"] for each in await caller.messages(harness.general) if each["content"]]
    assert texts == ([] if private else [late_answer("@everyone hello", int(harness.ada.user["id"]))])


async def _delete_tokens(harness: Harness) -> None:
    redis = connect(harness.redis_url)
    for key in await redis.keys("beholder:token:*"):
        assert 0 < await redis.ttl(key) <= 900
        await redis.delete(key)
    await redis.aclose()


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
@pytest.mark.parametrize(("method", "template"), [("POST", CALLBACK), ("PATCH", ORIGINAL)])
async def test_a_broken_connection_leaves_exactly_one_outcome(
    harness: Harness, kind: FaultKind, method: str, template: str
) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        harness.pocket.faults.add(Fault(kind, method=method, template=template))
        await caller.call(harness.general, "try", WORDS)
        done = await caller.outcome(await caller.placeholder(harness.general))
        await harness.all_closed()
        assert [each["content"] for each in await caller.messages(harness.general)] == [done["content"]]


async def test_a_placeholder_deleted_by_a_member_is_not_sent_again(
    harness: Harness, script: scripts.CommandScript
) -> None:
    script.gate.clear()
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", WORDS)
        placeholder = await caller.placeholder(harness.general)
        await harness.ada.request("DELETE", f"/channels/{harness.general}/messages/{placeholder['id']}")
        script.gate.set()
        await harness.all_closed()
        assert await caller.messages(harness.general) == []


async def test_an_unreachable_redis_is_an_ephemeral_refusal(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(*_: object) -> None:
        raise QueueUnavailable

    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        monkeypatch.setattr("handlers.storage.inbox.Inbox.accept", unreachable)
        await caller.call(harness.general, "try", WORDS)
        await caller.wait_deleted(await caller.placeholder(harness.general))
        assert (await caller.refusal())["content"] == error_sentence(QueueUnavailable())


async def test_an_outcome_that_discord_refuses_becomes_an_error_sentence(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_large(*_: object) -> None:
        response = SimpleNamespace(status=413, reason="Payload Too Large")
        raise discord.HTTPException(response, {"code": 40005, "message": ""})

    monkeypatch.setattr("bot.interactions.response.DeferredResponse.answer", too_large)
    caller = CommandCaller(harness.ada)
    async with harness.bot(extensions=SCRIPTED):
        await caller.call(harness.general, "try", WORDS)
        await caller.wait_deleted(await caller.placeholder(harness.general))
        assert (await caller.refusal())["content"] == INTERNAL_ERROR
        await harness.all_closed()
