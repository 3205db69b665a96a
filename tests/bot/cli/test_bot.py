"""What keeps the bot from starting is said in one sentence, with an exit code."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from discord import asset, gateway, http
from pydantic import SecretStr

from bot.cli.bot import FAILED, MISCONFIGURED, StartupError, run_until
from tests.bot.harness import TIMEOUT_S, Harness


async def refused(harness: Harness, **changes: object) -> StartupError:
    with pytest.raises(StartupError) as caught:
        async with asyncio.timeout(TIMEOUT_S):
            await run_until(harness.settings(**changes), asyncio.Event())
    return caught.value


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what pointing discord.py elsewhere changes."""
    monkeypatch.setattr(http.Route, "BASE", http.Route.BASE)
    monkeypatch.setattr(asset.Asset, "BASE", asset.Asset.BASE)
    socket = gateway.DiscordWebSocket
    monkeypatch.setattr(socket, "DEFAULT_GATEWAY", socket.DEFAULT_GATEWAY)


async def test_a_missing_token(harness: Harness) -> None:
    error = await refused(harness, token=None)
    assert error.code == MISCONFIGURED
    assert "DISCORD_TOKEN" in str(error)


async def test_a_wrong_token(harness: Harness) -> None:
    error = await refused(harness, token=SecretStr("not-the-token"))
    assert error.code == MISCONFIGURED
    assert "refuses the token" in str(error)
    assert "not-the-token" not in str(error)


async def test_an_absent_redis(harness: Harness, tmp_path: Path) -> None:
    error = await refused(harness, redis_url=SecretStr(f"unix://{tmp_path}/nobody.sock"))
    assert error.code == MISCONFIGURED
    assert "REDIS_URL" in str(error)


async def test_a_discord_that_cannot_be_reached(harness: Harness, unused_tcp_port: int) -> None:
    api = f"http://127.0.0.1:{unused_tcp_port}/api/v10"
    error = await refused(harness, discord_api=api)
    assert error.code == FAILED
    assert api in str(error)


async def test_a_gateway_that_cannot_be_reached(
    harness: Harness, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("discord.client.ExponentialBackoff.delay", lambda _: 0.01)
    error = await refused(harness, discord_gateway=f"ws://127.0.0.1:{unused_tcp_port}/gateway")
    assert error.code == FAILED
    assert "gateway" in str(error)


def command(*arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BEHOLDER_")}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**environment, "DISCORD_TOKEN": "", **extra},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_the_command_says_one_sentence_and_tells_by_its_exit_code() -> None:
    done = command("-m", "bot", "bot")
    assert done.returncode == MISCONFIGURED
    assert done.stdout == ""
    (sentence,) = done.stderr.strip().split("\n")
    assert sentence.startswith("beholder: No Discord token")


def test_a_misspelt_setting_is_refused_with_the_name_that_was_meant() -> None:
    done = command("-m", "bot", "bot", BEHOLDER_MODEL="tiny")
    assert done.returncode == MISCONFIGURED
    assert "Did you mean BEHOLDER_MODELS?" in done.stderr


def test_the_bot_loads_neither_models_nor_decoders() -> None:
    heavy = ("torch", "transformers", "matplotlib", "numpy", "PIL.Image", "bot.playground")
    program = f"import sys, bot.cli.bot, bot.cogs.gateway; print([m for m in {heavy!r} if m in sys.modules])"
    assert command("-c", program).stdout.strip() == "[]"
