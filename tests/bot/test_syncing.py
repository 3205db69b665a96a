"""Discord is told the commands when they changed, and by `beholder sync`."""

import asyncio
import sys
from typing import Any

import pytest

from bot.playground.discord_py_patch import discord_at
from bot.playground.testing.faults import Fault, FaultKind
from bot.playground.testing.observers import Observation, RestExchange
from bot.start import CannotStart
from bot.sync_command import run_sync
from tests.bot.calling import Caller
from tests.bot.stage import Stage

PUT = "/applications/{application_id}/commands"


class Told:
    """Counts how often Discord was told commands, and keeps the last."""

    def __init__(self, stage: Stage) -> None:
        self.times = 0
        self.names: list[str] = []
        stage.pocket.observers.append(self)

    def __call__(self, observation: Observation) -> None:
        if isinstance(observation, RestExchange) and (observation.method, observation.template) == (
            "PUT",
            PUT,
        ):
            self.times += 1
            body: Any = observation.request or []
            self.names = sorted(each["name"] for each in body)


async def test_a_start_tells_the_commands_and_the_next_does_not(stage: Stage) -> None:
    told = Told(stage)
    for _ in range(2):
        async with stage.bot():
            assert (await Caller(stage.ada).command("ask"))["name"] == "ask"
    assert told.times == 1
    assert {"Describe this image", "ask", "captions", "describe", "match"} <= set(told.names)


async def test_changed_commands_are_told_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(stage)
    async with stage.bot():
        pass
    monkeypatch.setattr("bot.client.EXTENSIONS", ("bot.cogs.errors", "bot.cogs.posts", "tests.bot.trial"))
    async with stage.bot():
        await Caller(stage.ada).command("try")
    assert (told.times, told.names) == (2, ["try"])


async def test_a_bot_starts_though_discord_would_not_be_told(stage: Stage) -> None:
    told = Told(stage)
    stage.pocket.faults.add(Fault(FaultKind.STATUS, method="PUT", template=PUT, status=501))
    async with stage.bot():
        pass
    assert told.times == 1
    async with stage.bot():
        await Caller(stage.ada).command("ask")
    assert told.times == 2, "what failed was not taken for told"


async def test_beholder_sync_tells_them_in_any_case_and_disturbs_no_bot(stage: Stage) -> None:
    told = Told(stage)
    async with stage.worker(), stage.bot():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "sync"),
            env=stage.environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert out.decode().startswith(f"Discord was told {len(told.names)} commands")
        assert told.times == 2


async def test_beholder_sync_says_what_keeps_it_from_doing_so(stage: Stage) -> None:
    with pytest.raises(CannotStart, match="DISCORD_TOKEN"):
        await run_sync(stage.settings(token=None))
    stage.pocket.faults.add(Fault(FaultKind.STATUS, method="PUT", template=PUT, status=501))
    with discord_at(stage.pocket.api, stage.pocket.gateway), pytest.raises(CannotStart, match="reached"):
        await run_sync(stage.settings())
