"""The supervisor: failed children are restarted, and all are stopped at the end."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from bot.cli.supervisor import FATAL, Child, keep_all_running


async def test_a_childs_fatal_exit_code_ends_everything() -> None:
    # No token: `beholder bot` says so and exits with FATAL.
    bot = Child("bot", ["bot"], {**os.environ, "DISCORD_TOKEN": "", "REDIS_URL": ""})
    assert await asyncio.wait_for(keep_all_running([bot], asyncio.Event()), 30) == FATAL


async def test_a_failing_child_is_restarted_until_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, starts = asyncio.Event(), []

    async def fail_at_once(child: Child) -> int:
        starts.append(child.name)
        if len(starts) == 3:
            stopped.set()
        return 1

    monkeypatch.setattr(Child, "_run_once", fail_at_once)
    child = Child("worker", [], {}, max_restart_delay_s=0.01)
    assert await asyncio.wait_for(keep_all_running([child], stopped), 30) == 0
    assert starts[:3] == ["worker"] * 3


async def test_stopping_ends_every_child(tmp_path: Path) -> None:
    stopped = asyncio.Event()
    environment = {**os.environ, "BEHOLDER_PLAYGROUND_PORT": "0", "BEHOLDER_DATA_DIR": str(tmp_path)}
    pocket = Child("playground", ["playground"], environment)
    running = asyncio.create_task(keep_all_running([pocket], stopped))
    while not psutil.Process().children():  # noqa: ASYNC110 - a child process has no event
        await asyncio.sleep(0)
    stopped.set()
    assert await asyncio.wait_for(running, 60) == 0
    assert [each for each in psutil.Process().children() if "playground" in each.cmdline()] == []
