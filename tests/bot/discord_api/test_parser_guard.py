"""What Discord, or a server that others wrote, sends malformed costs that alone."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from bot.playground.payloads import messages as payloads
from tests.bot.harness import Harness, picture

CIRCLE = [("a.png", picture("a red circle"))]
SQUARE = [("b.png", picture("a blue square"))]
PRIVATE = "what a member wrote"

MALFORMED: list[tuple[str, Any]] = [
    ("MESSAGE_CREATE", {}),
    ("MESSAGE_CREATE", {"id": "1", "channel_id": "2", "content": PRIVATE}),
    ("MESSAGE_CREATE", {"id": PRIVATE, "channel_id": None, "author": 5, "content": PRIVATE}),
    ("MESSAGE_CREATE", [PRIVATE]),
    ("MESSAGE_CREATE", None),
    ("MESSAGE_UPDATE", {"id": "1", "channel_id": "2"}),
    ("MESSAGE_UPDATE", {"id": "1"}),
    ("MESSAGE_UPDATE", {"id": "1", "channel_id": "2", "embeds": 3, "attachments": "x", "content": PRIVATE}),
    ("MESSAGE_DELETE", {"id": PRIVATE}),
    ("MESSAGE_DELETE_BULK", {"ids": 7}),
    ("GUILD_CREATE", {"id": "5", "channels": 3}),
    ("GUILD_UPDATE", {}),
    ("GUILD_DELETE", None),
    ("CHANNEL_CREATE", {"type": "no number"}),
    ("CHANNEL_UPDATE", {"id": "x"}),
    ("CHANNEL_DELETE", {}),
    ("THREAD_CREATE", {"id": "1"}),
    ("THREAD_DELETE", {}),
    ("THREAD_LIST_SYNC", {"guild_id": "x"}),
    ("INTERACTION_CREATE", {"id": "1", "type": 2}),
    ("INTERACTION_CREATE", {"type": 99, "data": PRIVATE}),
    ("USER_UPDATE", {}),
    ("NO_SUCH_EVENT", {"x": 1}),
]
FRAMES = ["{", "[1, 2]", '{"op": 0}']


def sessions(harness: Harness) -> list[Any]:
    return list(harness.pocket.pocket.hub.of(harness.pocket.world.bot.id))


async def test_an_event_that_cannot_be_read_costs_neither_the_connection_nor_the_next_event(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with harness.worker(), harness.bot():
        (before,) = sessions(harness)
        for event, data in MALFORMED:
            before.dispatch(event, data)
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        assert (await harness.ada.reply_to(posted))["content"] == "a red circle"
        (after,) = sessions(harness)
        assert after is before
        assert after.connection is not None
    assert "gateway: MESSAGE_CREATE (no ids) cannot be read" in caplog.text
    assert "gateway: MESSAGE_CREATE (id 1, channel_id 2) cannot be read" in caplog.text
    assert PRIVATE not in caplog.text


@pytest.mark.parametrize("frame", FRAMES)
async def test_a_frame_that_cannot_be_read_costs_a_new_connection_at_most(
    harness: Harness, frame: str
) -> None:
    async with harness.worker(), harness.bot():
        await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=SQUARE))
        await harness.wait_for_cursors(1)
        (session,) = sessions(harness)
        assert session.connection is not None
        await session.connection.socket.send_str(frame)
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        assert (await harness.ada.reply_to(posted))["content"] == "a red circle"


def without(field: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda shown: {name: value for name, value in shown.items() if name != field}


@pytest.mark.parametrize(
    "garble",
    [
        without("author"),
        lambda shown: shown | {"attachments": [{"id": "x"}]},
        lambda shown: shown | {"reactions": 5},
    ],
    ids=["author", "attachments", "reactions"],
)
async def test_a_message_that_cannot_be_built_costs_the_look_back_that_message_alone(
    harness: Harness,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    garble: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    async with harness.worker():
        async with harness.bot():
            for channel in (harness.pictures, harness.general):
                posted = await harness.ada.post(channel, harness.mention, files=CIRCLE)
                await harness.ada.reply_to(posted)
            await harness.wait_for_cursors(2)
        missed = [await harness.ada.post(harness.pictures, files=SQUARE) for _ in range(2)]
        broken = await harness.ada.post(harness.pictures, files=SQUARE)
        missed += [await harness.ada.post(harness.pictures, files=SQUARE)]
        missed += [await harness.ada.post(harness.general, harness.mention, files=SQUARE)]
        shown = payloads.message

        def garbled(view: Any, message: Any, **options: Any) -> Any:
            payload = shown(view, message, **options)
            return garble(payload) if payload["id"] == broken["id"] else payload

        monkeypatch.setattr("bot.playground.routes.messages.message_payload", garbled)
        async with harness.bot():
            replies = [await harness.ada.reply_to(each) for each in missed]
        monkeypatch.undo()
    assert [each["content"] for each in replies] == ["a blue square"] * 4
    assert f"message {broken['id']} cannot be read" in caplog.text
    if harness.judge is not None:
        # It has found what was malformed on purpose.
        harness.judge.found.clear()


@pytest.mark.parametrize("whole", [False, True])
async def test_an_edit_without_its_author_is_read_from_the_message(harness: Harness, *, whole: bool) -> None:
    async with harness.worker() as worker, harness.bot():
        worker.gate.clear()
        asked = await harness.ada.post(harness.general, f"{harness.mention} what color is it?", files=CIRCLE)
        await worker.wait_for_jobs(1)
        (session,) = sessions(harness)
        stored = harness.pocket.world.messages[int(harness.general)][int(asked["id"])]
        stored.content = f"{harness.mention} what shape is it?"
        ids = {"id": asked["id"], "channel_id": harness.general}
        session.dispatch("MESSAGE_UPDATE", without("author")(asked) if whole else ids)
        await harness.wait_open(
            f"post:{asked['id']}", lambda request: request.get("question") == "what shape is it?"
        )
        worker.gate.set()
        reply = await harness.ada.reply_to(asked)
    assert str(reply["content"]).endswith("what shape is it?")
