"""Commands are registered with Discord when they have changed, and by `beholder sync`."""

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


class Registrations:
    """An observer that counts the registrations of commands, and keeps the names of the last."""

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


async def test_commands_are_registered_at_the_first_start_and_not_at_the_next(harness: Harness) -> None:
    registrations = Registrations(harness)
    for _ in range(2):
        async with harness.bot():
            assert (await CommandCaller(harness.ada).command("ask"))["name"] == "ask"
    assert registrations.times == 1
    assert {"Describe this image", "ask", "captions", "describe", "match"} <= set(registrations.names)


async def test_changed_commands_are_registered_again(harness: Harness) -> None:
    registrations = Registrations(harness)
    async with harness.bot():
        pass
    async with harness.bot(extensions=SCRIPTED):
        await CommandCaller(harness.ada).command("try")
    assert (registrations.times, registrations.names) == (2, ["try"])


async def test_a_bot_starts_although_registering_fails_and_tries_at_the_next_start(harness: Harness) -> None:
    registrations = Registrations(harness)
    harness.pocket.faults.add(Fault(FaultKind.STATUS, method="PUT", template=PUT, status=501))
    async with harness.bot():
        pass
    assert registrations.times == 1
    async with harness.bot():
        await CommandCaller(harness.ada).command("ask")
    assert registrations.times == 2, "a failed registration is tried again"


async def test_beholder_sync_registers_unchanged_commands_beside_a_running_bot(harness: Harness) -> None:
    registrations = Registrations(harness)
    async with harness.worker(), harness.bot():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "sync"),
            env=harness.environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert out.decode().startswith(f"Registered {len(registrations.names)} commands")
        assert registrations.times == 2


async def test_beholder_sync_raises_a_startup_error_without_a_token_or_when_discord_fails(
    harness: Harness,
) -> None:
    with pytest.raises(StartupError, match="DISCORD_TOKEN"):
        await run_sync(harness.settings(token=None))
    harness.pocket.faults.add(Fault(FaultKind.STATUS, method="PUT", template=PUT, status=501))
    with (
        discord_at(harness.pocket.api, harness.pocket.gateway),
        pytest.raises(StartupError, match="status 501"),
    ):
        await run_sync(harness.settings())
