"""Edits and deletions that wait for Redis: in one queue, bounded, the newest of each message."""

import asyncio
import logging
from pathlib import Path

import pytest

from bot.events.changes import MessageChanges
from bot.events.promises import Promises
from bot.events.router import MessageHandler, MessageKind, MessageRouter
from handlers.storage.read_cursors import ReadCursors
from inference.queue.connection import connect
from tests.bot.durable.test_redis_outages import CIRCLE, hanging
from tests.bot.harness import Harness, wait_until


class Recorder(MessageHandler):
    """Takes in deletions once it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.deleted: list[int] = []
        self.channels: list[int] = []

    async def message_deleted(self, message_id: int) -> None:
        await self.may.wait()
        self.deleted.append(message_id)

    async def channel_deleted(self, channel_id: int) -> None:
        self.channels.append(channel_id)
        if channel_id == 13:
            raise ValueError("not this one")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def router(tmp_path: Path, recorder: Recorder) -> MessageRouter:
    cursors = ReadCursors(connect("unix:///nowhere"), "bot")
    made = MessageRouter(1, cursors, Promises(tmp_path / "promises.json"), first_word_s=1)
    made.register(MessageKind.POST, recorder)
    return made


async def test_repeated_changes_of_a_message_are_taken_in_once(
    router: MessageRouter, recorder: Recorder
) -> None:
    changes = MessageChanges(router)
    running = asyncio.create_task(changes.run())
    changes.deleted(1)
    await asyncio.sleep(0)
    for _ in range(1000):
        changes.deleted(2)
        changes.deleted(3)
    assert len(changes) == 2
    recorder.may.set()
    changes.channel_deleted(4)
    await wait_until(lambda: bool(recorder.channels))
    assert recorder.deleted == [1, 2, 3]
    running.cancel()


async def test_no_more_than_so_many_wait_and_that_is_told_once(
    router: MessageRouter, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    changes = MessageChanges(router, max_waiting=3)
    for number in range(10):
        changes.deleted(number)
    assert len(changes) == 3
    assert [each for each in caplog.messages if "wait" in each] == [
        "more than 3 edits and deletions wait: the oldest are dropped"
    ]
    recorder.may.set()
    running = asyncio.create_task(changes.run())
    await wait_until(lambda: len(recorder.deleted) == 3)
    assert recorder.deleted == [7, 8, 9]
    running.cancel()


async def test_a_change_that_fails_costs_no_other(
    router: MessageRouter, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    changes = MessageChanges(router)
    for channel in (12, 13, 14):
        changes.channel_deleted(channel)
    running = asyncio.create_task(changes.run())
    await wait_until(lambda: len(recorder.channels) == 3)
    await wait_until(lambda: "a change" in caplog.text)
    assert "a change of 13 was not taken in: ValueError" in caplog.text
    running.cancel()


async def test_edits_while_redis_hangs_add_no_tasks(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.pictures, files=CIRCLE)
        await harness.ada.reply_to(posted)
        async with hanging(harness):
            path = f"/channels/{harness.pictures}/messages/{posted['id']}"
            await harness.ada.request("PATCH", path, json={"content": "first"})
            before = len(asyncio.all_tasks())
            for number in range(40):
                await harness.ada.request("PATCH", path, json={"content": f"edit {number}"})
            assert len(asyncio.all_tasks()) < before + 10
