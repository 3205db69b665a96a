"""Background tasks that fail are logged without their text, counted, and started again."""

import asyncio

import pytest

from inference.background import BackgroundTasks


async def test_a_task_that_fails_is_started_again_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    background = BackgroundTasks(min_restart_delay_s=0.001)
    starts, goes_on = 0, asyncio.Event()

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts < 4:
            raise ValueError("what a member wrote")
        goes_on.set()
        await asyncio.Event().wait()

    background.start("reading", work)
    await asyncio.wait_for(goes_on.wait(), 10)
    assert background.failures == {"reading": 3}
    assert "reading failed (ValueError at test_background.py" in caplog.text
    assert "member" not in caplog.text
    await background.stop()


async def test_a_task_that_returns_is_not_started_again() -> None:
    background = BackgroundTasks(min_restart_delay_s=0.001)
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1

    background.start("once", work)
    await asyncio.sleep(0.02)
    await background.stop("once")
    assert runs == 1


async def test_a_task_of_the_same_name_takes_the_place_of_the_one_before() -> None:
    background = BackgroundTasks()
    ended = asyncio.Event()

    async def first() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    background.start("backfill", first)
    await asyncio.sleep(0)
    background.start("backfill", asyncio.Event().wait)  # type: ignore[arg-type]
    await asyncio.wait_for(ended.wait(), 10)
    await background.stop()
