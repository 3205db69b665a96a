"""Kill processes, and let Discord fail, while requests are open."""

import asyncio
import random
from collections.abc import Mapping, Sequence

from bot.playground.server import PocketDiscord
from bot.playground.testing.faults import Fault, FaultKind
from tests.chaos.processes import Part
from tests.chaos.traffic import Traffic

MIN_OPEN = 5
"""Requests that are open when a process is killed."""
MAX_DOWN_S = 2.0
"""Seconds for which a killed process stays away, at most; it then takes its time to start."""
FAULT_EVERY_S = 2.0
"""Seconds between two faults, each of one to three requests, on average."""
KINDS = (FaultKind.STATUS, FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER)
STATUSES = (500, 502, 503)
MAX_FAULT_S = 1.0
"""Seconds for which a fault waits for requests, at most."""
GATEWAY_EVERY_S = 12.0
HALT_EVERY_S = 15.0
MAX_HALT_S = 6.0


async def kill_parts(
    parts: Mapping[str, Part],
    traffic: Traffic,
    chance: random.Random,
    *,
    each: int,
    within_s: float,
) -> None:
    """Kill each part so many times with SIGKILL, while at least `MIN_OPEN` requests are open.

    The next kill comes whether the part before is up again or not.

    Args:
        parts: The parts by name.
        traffic: The requests.
        chance: Chooses order and times.
        each: How often each is killed.
        within_s: Seconds in which all kills happen, about.
    """
    order = [part for part in parts.values() for _ in range(each)]
    chance.shuffle(order)
    starting: list[asyncio.Task[None]] = []
    for part in order:
        await asyncio.sleep(chance.uniform(0.3, 1.7) * within_s / len(order))
        while len(traffic.open) < MIN_OPEN or not part.is_alive:  # noqa: ASYNC110 - others' doing
            # Not always at the first moment of a burst.
            await asyncio.sleep(chance.uniform(0, 0.3))
        await part.kill()
        starting.append(asyncio.create_task(_start_later(part, chance.uniform(0, MAX_DOWN_S))))
    await asyncio.gather(*starting)


async def _start_later(part: Part, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await part.restart()


async def fail_requests(discord: PocketDiscord, chance: random.Random) -> None:
    """Have some of the bot's requests fail, until cancelled: 5xx, cut before, and cut after the effect."""
    try:
        while True:
            await asyncio.sleep(chance.uniform(0, 2 * FAULT_EVERY_S))
            kind, status = chance.choice(KINDS), chance.choice(STATUSES)
            fault = Fault(kind, times=chance.randint(1, 3), status=status)
            discord.faults.add(fault)
            await asyncio.sleep(chance.uniform(0, MAX_FAULT_S))
            discord.faults.remove(fault)
    finally:
        discord.faults.clear()


async def drop_gateway(discord: PocketDiscord, chance: random.Random) -> None:
    """Break the bot's gateway connection now and then, until cancelled; sometimes its session is lost."""
    while True:
        await asyncio.sleep(chance.uniform(0, 2 * GATEWAY_EVERY_S))
        chance.choice([discord.drop_gateway, discord.forget_sessions, discord.ask_to_reconnect])()
        if chance.random() < 0.5:
            discord.faults.repeat("MESSAGE_CREATE", chance.randint(1, 3))


async def halt_parts(parts: Sequence[Part], chance: random.Random) -> None:
    """Stop a process with SIGSTOP for some seconds now and then, until cancelled."""
    while True:
        await asyncio.sleep(chance.uniform(0, 2 * HALT_EVERY_S))
        part = chance.choice(parts)
        if part.is_alive:
            await part.halt(chance.uniform(0.5, MAX_HALT_S))
