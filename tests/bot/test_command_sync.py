"""Discord is told the commands when they changed, and by `beholder sync`."""

import asyncio
import sys
from typing import Any

import pytest

from bot.cli.bot import StartupError
from bot.cli.sync import run_sync
from bot.playground.discord_py_patch import discord_at
from bot.playground.testing.faults import Fault, FaultKind
from bot.playground.testing.observers import Observation, RestExchange
from tests.bot.command_calls import CommandCaller
from tests.bot.harness import SCRIPTED, Harness

PUT = "/applications/{application_id}/commands"


class Told:
    """Counts how often Discord was told commands, and keeps the last."""

    def __init__(self, harness: Harness) -> None:
        self.times = 0
        self.names: list[str] = []
        harness.pocket.observers.append(self)

    def __call__(self, observation: Observation) -> None:
        if isinstance(observation, RestExchange) and (observation.method, observation.template) == (
            "PUT",
            PUT,
        ):
            self.times += 1
            body: Any = observation.request or []
            self.names = sorted(each["name"] for each in body)


async def test_a_start_tells_the_commands_and_the_next_does_not(harness: Harness) -> None:
    told = Told(harness)
    for _ in range(2):
        async with harness.bot():
            assert (await CommandCaller(harness.ada).command("ask"))["name"] == "ask"
    assert told.times == 1
    assert {"Describe this image", "ask", "captions", "describe", "match"} <= set(told.names)


async def test_changed_commands_are_told_again(harness: Harness) -> None:
    told = Told(harness)
    async with harness.bot():
        pass
    async with harness.bot(extensions=SCRIPTED):
        await CommandCaller(harness.ada).command("try")
    assert (told.times, told.names) == (2, ["try"])


async def test_a_bot_starts_though_discord_would_not_be_told(harness: Harness) -> None:
    told = Told(harness)
    harness.pocket.faults.add(Fault(FaultKind.STATUS, method="PUT", template=PUT, status=501))
    async with harness.bot():
        pass
    assert told.times == 1
    async with harness.bot():
        await CommandCaller(harness.ada).command("ask")
    assert told.times == 2, "what failed was not taken for told"


async def test_beholder_sync_tells_them_in_any_case_and_disturbs_no_bot(harness: Harness) -> None:
    told = Told(harness)
    async with harness.worker(), harness.bot():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "sync"),
            env=harness.environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert out.decode().startswith(f"Discord was told {len(told.names)} commands")
        assert told.times == 2


async def test_beholder_sync_says_what_keeps_it_from_doing_so(harness: Harness) -> None:
    with pytest.raises(StartupError, match="DISCORD_TOKEN"):
        await run_sync(harness.settings(token=None))
    harness.pocket.faults.add(Fault(FaultKind.STATUS, method="PUT", template=PUT, status=501))
    with discord_at(harness.pocket.api, harness.pocket.gateway), pytest.raises(StartupError, match="reached"):
        await run_sync(harness.settings())
