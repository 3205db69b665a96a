"""`python -m tests.chaos`: run the chaos, print what happened, and end with one JSON object.

The last line is `{"posted", "answered_once", "lost", "twice", "kills"}`. The exit code is 0 where every
request was answered once.
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
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bot.playground.population import add_channel, add_user
from bot.playground.routes.playground import session as session_of
from bot.playground.server import PocketDiscord
from tests.chaos.count import Tally, count
from tests.chaos.processes import Part, running_parts, wait_until
from tests.chaos.scenes import Scene, pool, sizes
from tests.chaos.traffic import MIX, Person, Traffic
from tests.chaos.trouble import drop_gateway, fail_requests, halt_parts, kill_parts

PEOPLE = 12
CHANNELS = 5
"""Channels with captions on, and as many without."""
SCENES = 40
READY_S = 120.0
QUIET_S = 180.0
"""Seconds without a further answer after which the rest counts as lost."""
SETTLE_S = 20.0
"""Seconds after the last answer in which a second one may still come."""
KILLED_WITHIN = 0.85
"""Share of the time in which requests are sent, within which the kills happen."""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="chooses who does what, and when a process dies")
    parser.add_argument("--mode", choices=["calm", "kills", "faults"], default="kills")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=4.0, help="requests a second")
    parser.add_argument("--kills", type=int, default=10, help="of each process")
    parser.add_argument("--keep", type=Path, help="an empty folder for the data and the logs, to look at")
    return parser.parse_args()


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


@asynccontextmanager
async def arena(
    folder: Path, scenes: list[Scene], chance: random.Random
) -> AsyncIterator[tuple[PocketDiscord, dict[str, Part], Traffic]]:
    """Run a pocket Discord with many members and channels, and the bot, a worker and Redis beside it."""
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(PocketDiscord(folder / "discord", port=0))
        pocket = discord.pocket
        guild = pocket.world.guild
        for number in range(PEOPLE - 2):
            add_user(pocket, f"member{number}")
        captioned = [str(add_channel(pocket, guild, f"captions-{each}").id) for each in range(CHANNELS)]
        others = [str(add_channel(pocket, guild, f"talk-{each}").id) for each in range(CHANNELS)]
        session = await session_of(pocket)
        traffic = Traffic(session, scenes, chance, captioned, others)
        parts = await stack.enter_async_context(running_parts(discord, folder, captioned))
        await wait_until(lambda: pocket.hub.connected(pocket.world.bot.id), READY_S)
        for index in range(PEOPLE):
            person = Person(session, index, traffic)
            traffic.people.append(await stack.enter_async_context(person))
        await asyncio.wait_for(traffic.prepare(), READY_S)
        yield discord, parts, traffic


async def run(options: argparse.Namespace, folder: Path, scenes: list[Scene]) -> tuple[Tally, dict[str, int]]:
    """Run the chaos.

    Returns:
        What the requests came to, and how often each process was killed.
    """
    chance = random.Random(options.seed)
    async with arena(folder, scenes, chance) as (discord, parts, traffic):
        say(f"seed {options.seed}, mode {options.mode}: {options.requests} requests at {options.rate}/s")
        started = time.monotonic()
        async with troubles(options, discord, parts, traffic, chance):
            await traffic.send(options.requests, options.rate)
        await answered(traffic)
        say(f"answered after {time.monotonic() - started:.0f} s")
        await asyncio.sleep(SETTLE_S)
        tally = await count(traffic)
    report(traffic, tally, parts)
    return tally, {name: part.kills for name, part in parts.items()}


@asynccontextmanager
async def troubles(
    options: argparse.Namespace,
    discord: PocketDiscord,
    parts: dict[str, Part],
    traffic: Traffic,
    chance: random.Random,
) -> AsyncIterator[None]:
    """Make the mode's troubles while the block runs; the kills that are left are made after it."""
    within_s = KILLED_WITHIN * options.requests / options.rate
    background: list[Coroutine[Any, Any, None]] = []
    killing: asyncio.Task[None] | None = None
    if options.mode == "faults":
        background = [
            fail_requests(discord, random.Random(chance.random())),
            drop_gateway(discord, random.Random(chance.random())),
            halt_parts(list(parts.values()), random.Random(chance.random())),
        ]
    tasks = [asyncio.create_task(each) for each in background]
    if options.mode != "calm":
        killer = kill_parts(
            parts, traffic, random.Random(chance.random()), each=options.kills, within_s=within_s
        )
        killing = asyncio.create_task(killer)
    watching = asyncio.create_task(_progress(traffic, parts))
    try:
        yield
        if killing is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(killing, QUIET_S)
    finally:
        for task in (*tasks, watching):
            task.cancel()
        await asyncio.gather(*tasks, watching, return_exceptions=True)


async def _progress(traffic: Traffic, parts: dict[str, Part]) -> None:
    while True:
        await asyncio.sleep(20)
        kills = ", ".join(f"{name} {part.kills}" for name, part in parts.items())
        say(f"  {len(traffic.requests)} sent, {len(traffic.open)} open; killed: {kills}")


async def answered(traffic: Traffic) -> None:
    """Return when every request has its right answer, or none has come for `QUIET_S`."""
    left, since = len(traffic.open), time.monotonic()
    while left and time.monotonic() - since < QUIET_S:
        await asyncio.sleep(0.5)
        if len(traffic.open) != left:
            left, since = len(traffic.open), time.monotonic()


def report(traffic: Traffic, tally: Tally, parts: dict[str, Part]) -> None:
    """Print what happened, beside the counts."""
    for line in tally.odd:
        say(f"  ! {line}")
    for kind in MIX:
        waits = sorted(
            each.answered - each.sent
            for each in traffic.requests
            if each.kind == kind and each.answered is not None
        )
        if waits:
            say(
                f"  {kind:9} {len(waits):4} answered, median {statistics.median(waits):5.1f} s, "
                f"slowest {waits[-1]:5.1f} s"
            )
    for reason, number in traffic.tried.reasons.most_common():
        say(f"  {number} commands were refused and called again: {reason}")
    for name, part in parts.items():
        if part.exits:
            say(f"  {name} ended by itself {len(part.exits)} times: exit codes {part.exits}")


def main() -> int:
    """Run the chaos of the command line.

    Returns:
        The exit code.
    """
    options = arguments()
    if options.mode == "calm":
        options.kills = 0
    scenes = pool(SCENES)
    say("pictures from {} to {} bytes".format(*sizes(scenes)))
    with tempfile.TemporaryDirectory(prefix="beholder-chaos-") as name:
        folder = Path(name) if options.keep is None else options.keep
        folder.mkdir(parents=True, exist_ok=True)
        tally, kills = asyncio.run(run(options, folder, scenes))
    line = {
        "posted": tally.posted,
        "answered_once": tally.answered_once,
        "lost": tally.lost,
        "twice": tally.twice,
        "kills": kills,
    }
    say(json.dumps(line))
    return 0 if tally.answered_once == tally.posted == options.requests and not tally.twice else 1


if __name__ == "__main__":
    sys.exit(main())
