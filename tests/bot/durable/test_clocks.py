"""The clocks of bot, worker, Redis and Discord may differ by an hour."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.bot.command_calls import FILE, TEXT, CommandCaller, option
from tests.bot.harness import bot_harness, picture
from tests.inference.worker_harness import asking, outcome, settings
from tests.inference.worker_process import worker

HOUR = 3600
CIRCLE = [("a.png", picture("a red circle"))]


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_a_job_is_answered_though_the_bots_clock_differs_from_the_workers(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    true = time.time
    async with worker(redis_url, tmp_path / "diary", BEHOLDER_TASKS="answer", HOW="free"):
        monkeypatch.setattr(time, "time", lambda: true() + ahead)
        async with asking(settings(redis_url)) as asker:
            await asker.ready("answer")
            assert await outcome(await asker.ask("q0")) == "q0: red"


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_a_job_that_nobody_serves_expires_after_its_time_by_redis(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    true = time.time
    async with worker(redis_url, tmp_path / "diary", BEHOLDER_TASKS="answer"):
        monkeypatch.setattr(time, "time", lambda: true() + ahead)
        async with asking(settings(redis_url, job_seconds=1)) as asker:
            await asker.ready("answer")
            started = time.monotonic()
            assert await outcome(await asker.ask("hold")) == "expired"
            assert 0.5 < time.monotonic() - started < 10


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
@pytest.mark.parametrize("private", [False, True])
async def test_a_command_is_answered_though_discords_clock_differs(
    tmp_path: Path, redis_url: str, ahead: int, *, private: bool
) -> None:
    async with bot_harness(tmp_path, redis_url, ahead) as harness, harness.worker(), harness.bot():
        caller = CommandCaller(harness.ada)
        options = [option(TEXT, "question", "what is it?"), option(FILE, "image", 0)]
        if private:
            options.append(option(5, "private", True))
        await caller.call(harness.general, "ask", *options, files=CIRCLE)
        shown = await caller.outcome(await caller.placeholder(harness.general))
        assert "a red circle, if you ask" in shown["content"]


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_a_command_of_a_process_before_is_answered_by_its_token_though_discords_clock_differs(
    tmp_path: Path, redis_url: str, ahead: int
) -> None:
    async with bot_harness(tmp_path, redis_url, ahead) as harness, harness.worker() as echo:
        echo.gate.clear()
        async with harness.process():
            caller = CommandCaller(harness.ada)
            options = [option(TEXT, "question", "what is it?"), option(FILE, "image", 0)]
            await caller.call(harness.general, "ask", *options, files=CIRCLE)
            placeholder = await caller.placeholder(harness.general)
            await echo.wait_for_jobs(1)
        echo.gate.set()
        async with harness.bot():
            shown = await caller.outcome(placeholder)
        assert "a red circle, if you ask" in shown["content"]


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_what_was_posted_while_the_bot_was_away_is_found_though_discords_clock_differs(
    tmp_path: Path, redis_url: str, ahead: int
) -> None:
    async with bot_harness(tmp_path, redis_url, ahead) as harness, harness.worker():
        async with harness.bot(catch_up_seconds=60):
            await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=CIRCLE))
            await harness.wait_for_cursors(1)
        missed = await harness.ada.post(harness.pictures, files=CIRCLE)
        async with harness.bot(catch_up_seconds=60):
            async with asyncio.timeout(30):
                assert (await harness.ada.reply_to(missed))["content"] == "a red circle"
