"""`python -m tests.chaos.soak`: send requests at a steady rate, and see that no process's memory grows.

The last line is one JSON object: for the bot, the worker and Redis the median of their resident memory in the
second and in the last third of the time, in MiB, and `growth`, the ratio less one. The exit code is 0 where
no growth is over `MAX_GROWTH` and every request was answered once.
"""

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.chaos.__main__ import SCENES, SETTLE_S, answered, arena, say
from tests.chaos.count import count
from tests.chaos.processes import Part
from tests.chaos.scenes import pool

PER_SECOND = 1.5
EVERY_S = 2.0
MAX_GROWTH = 0.03
MIB = 2**20


def resident(pid: int) -> int:
    """Return the resident bytes of a process and its children."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
    return 0


async def watch(parts: Mapping[str, Part], seen: dict[str, list[tuple[float, int]]]) -> None:
    """Note the memory of each part now and then, until cancelled."""
    while True:
        for name, part in parts.items():
            seen.setdefault(name, []).append((time.monotonic(), resident(part.pid)))
        await asyncio.sleep(EVERY_S)


async def soak(minutes: float, folder: Path) -> int:
    """Send requests for some minutes, and print how much memory was used.

    Returns:
        The exit code.
    """
    seen: dict[str, list[tuple[float, int]]] = {}
    requests = round(minutes * 60 * PER_SECOND)
    async with arena(folder, pool(SCENES), random.Random(1)) as (_, parts, traffic):
        say(f"{requests} requests at {PER_SECOND}/s")
        watching = asyncio.create_task(watch(parts, seen))
        started = time.monotonic()
        await traffic.send(requests, PER_SECOND)
        ended = time.monotonic()
        watching.cancel()
        await answered(traffic)
        await asyncio.sleep(SETTLE_S)
        tally = await count(traffic)
    third = (ended - started) / 3
    line: dict[str, object] = {"requests": tally.posted, "answered_once": tally.answered_once}
    good = tally.answered_once == requests
    for name, samples in seen.items():
        middle = _median(samples, started + third, started + 2 * third)
        last = _median(samples, started + 2 * third, ended)
        growth = last / middle - 1
        good = good and growth <= MAX_GROWTH
        line[name] = {"second_third": round(middle), "last_third": round(last), "growth": round(growth, 4)}
    for odd in tally.odd:
        say(f"  ! {odd}")
    say(json.dumps(line))
    return 0 if good else 1


def _median(samples: list[tuple[float, int]], first: float, last: float) -> float:
    return statistics.median(size for at, size in samples if first <= at < last) / MIB


def main() -> int:
    """Run the soak of the command line.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    with tempfile.TemporaryDirectory(prefix="beholder-soak-") as name:
        return asyncio.run(soak(parser.parse_args().minutes, Path(name)))


if __name__ == "__main__":
    sys.exit(main())
