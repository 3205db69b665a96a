"""Kill a worker in the middle of a batch, with a second one alive, and time how its jobs are taken over."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from inference.worker.base import HEARTBEAT_TTL_S
from tests.inference.process_probes import halt, until
from tests.inference.worker_harness import asking, outcome, settings
from tests.inference.worker_process import worker

BATCH = 4
STEADY_S = HEARTBEAT_TTL_S + 1.5
"""Seconds for which the second worker beats before the first is killed."""


@dataclass(frozen=True)
class Takeover:
    """How long a takeover took, in seconds from the kill.

    Attributes:
        claimed: Until the second worker ran the first of the jobs.
        answered: Until the last of them was answered.
    """

    claimed: float
    answered: float


async def takeovers(url: str, folder: Path, kills: int) -> AsyncIterator[Takeover]:
    """Kill a worker so many times, each in the middle of a batch.

    Args:
        url: Of an empty Redis.
        folder: For the workers' diaries.
        kills: How many workers are killed.
    """
    diary = folder / "second"
    given = {"BEHOLDER_TASKS": "answer", "BEHOLDER_CLAIM_SECONDS": "600"}
    async with worker(url, diary, **given, HOW="free") as second, asking(settings(url)) as asker:
        await asker.ready("answer")
        for number in range(kills):
            # The second one must not take them first.
            await halt(second.pid)
            async with worker(url, folder / f"first-{number}", **given) as first:
                questions = ["hold", *(f"{number}.{each}" for each in range(BATCH - 1))]
                tickets = [await asker.ask(question) for question in questions]
                await until((folder / f"first-{number}").exists)
                os.kill(second.pid, signal.SIGCONT)
                await asyncio.sleep(STEADY_S)
                begun = _lines(diary)
                first.kill()
                started = time.monotonic()
                await first.wait()
                await until(lambda begun=begun: _lines(diary) > begun)  # type: ignore[misc]
                claimed = time.monotonic() - started
                await asyncio.gather(*(outcome(each) for each in tickets))
                yield Takeover(claimed, time.monotonic() - started)


def _lines(diary: Path) -> int:
    return len(diary.read_text().splitlines()) if diary.exists() else 0
