"""Errors at the bot's start: one sentence for the operator, and an exit code."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from discord import asset, gateway, http
from pydantic import SecretStr

from bot.cli.bot import MISCONFIGURED, StartupError, run_until
from bot.playground.testing.faults import Fault, FaultKind
from bot.settings import Delays
from inference.queue.connection import connect
from inference.queue.embedded_redis import running_redis, socket_path
from inference.settings import QueueSettings
from tests.bot.harness import TIMEOUT_S, Harness


async def startup_error(harness: Harness, **changes: object) -> StartupError:
    with pytest.raises(StartupError) as caught:
        async with asyncio.timeout(TIMEOUT_S):
            await run_until(harness.settings(**changes), asyncio.Event())
    return caught.value


@pytest.fixture(autouse=True)
def restore_discord_py(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore discord.py's addresses, which a bot in a pocket Discord changes."""
    monkeypatch.setattr(http.Route, "BASE", http.Route.BASE)
    monkeypatch.setattr(asset.Asset, "BASE", asset.Asset.BASE)
    socket = gateway.DiscordWebSocket
    monkeypatch.setattr(socket, "DEFAULT_GATEWAY", socket.DEFAULT_GATEWAY)


async def test_a_missing_token_is_a_misconfiguration(harness: Harness) -> None:
    error = await startup_error(harness, token=None)
    assert error.code == MISCONFIGURED
    assert "DISCORD_TOKEN" in str(error)


async def test_a_wrong_token_is_a_misconfiguration_and_not_repeated(harness: Harness) -> None:
    error = await startup_error(harness, token=SecretStr("not-the-token"))
    assert error.code == MISCONFIGURED
    assert "refuses the token" in str(error)
    assert "not-the-token" not in str(error)


async def test_a_redis_that_refuses_the_credentials_is_a_misconfiguration(
    harness: Harness, tmp_path: Path
) -> None:
    async with running_redis(QueueSettings(_env_file=None, redis_url=None, data_dir=tmp_path)) as url:
        redis = connect(url)
        await redis.config_set("requirepass", "a-password")
        await redis.aclose()
        error = await startup_error(harness, redis_url=SecretStr(url))
    assert error.code == MISCONFIGURED
    assert "REDIS_URL" in str(error)
    assert "Authentication required" in str(error)


async def test_a_redis_that_is_away_at_the_start_is_waited_for(harness: Harness, tmp_path: Path) -> None:
    stopped = asyncio.Event()
    settings = harness.settings(redis_url=SecretStr(f"unix://{socket_path(tmp_path / 'redis')}"))
    running = asyncio.create_task(run_until(settings, stopped))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(running), 1)
    async with running_redis(QueueSettings(_env_file=None, redis_url=None, data_dir=tmp_path)):
        await harness.wait_online(running)
        stopped.set()
        await asyncio.wait_for(running, TIMEOUT_S)


async def test_a_bot_that_waits_for_redis_can_be_stopped(harness: Harness, tmp_path: Path) -> None:
    stopped = asyncio.Event()
    settings = harness.settings(redis_url=SecretStr(f"unix://{tmp_path}/absent.sock"))
    running = asyncio.create_task(run_until(settings, stopped))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(running), 0.5)
    stopped.set()
    await asyncio.wait_for(running, 5)


QUICK = Delays(login_retry_s=0.05, max_login_retry_s=0.1)


@asynccontextmanager
async def starting(harness: Harness, **changes: object) -> AsyncIterator["asyncio.Task[None]"]:
    """Start a bot that cannot log in yet; stop it when the block ends."""
    stopped = asyncio.Event()
    running = asyncio.create_task(run_until(harness.settings(**changes), stopped, delays=QUICK))
    try:
        yield running
    finally:
        stopped.set()
        async with asyncio.timeout(TIMEOUT_S):
            await running


async def logged(caplog: pytest.LogCaptureFixture, sentence: str) -> None:
    """Wait until a sentence was logged."""
    async with asyncio.timeout(TIMEOUT_S):
        while not any(sentence in each for each in caplog.messages):  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault(FaultKind.STATUS, status=503), "Discord refuses the bot's requests with status 503"),
        (Fault(FaultKind.STATUS, status=400), "Discord refuses the bot's requests with status 400"),
        (Fault(FaultKind.STATUS, status=403), "Discord refuses the bot's requests with status 403"),
        (Fault(FaultKind.REFUSED, retry_after_s=0), "Discord refuses the bot's requests with status 429"),
        (Fault(FaultKind.CUT_BEFORE), "Discord cannot be reached at http"),
    ],
)
async def test_a_login_that_discord_does_not_take_is_tried_again(
    harness: Harness, caplog: pytest.LogCaptureFixture, fault: Fault, sentence: str
) -> None:
    harness.pocket.faults.add(replace(fault, times=4, method="GET", template="/users/@me"))
    async with starting(harness) as running:
        await harness.wait_online(running)
    (said,) = (each for each in caplog.messages if "Trying again" in each)
    assert sentence in said


async def test_an_unreachable_discord_is_waited_for(
    harness: Harness, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    api = f"http://127.0.0.1:{unused_tcp_port}/api/v10"
    async with starting(harness, discord_api=api) as running:
        await logged(caplog, f"Discord cannot be reached at {api}")
        assert not running.done()


async def test_an_unreachable_gateway_is_waited_for(
    harness: Harness, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("discord.client.ExponentialBackoff.delay", lambda _: 0.01)
    gateway = f"ws://127.0.0.1:{unused_tcp_port}/gateway"
    async with starting(harness, discord_gateway=gateway) as running:
        await logged(caplog, "Discord's gateway cannot be reached")
        assert not running.done()


def run_python(*arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BEHOLDER_")}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**environment, "DISCORD_TOKEN": "", **extra},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_the_command_prints_one_sentence_and_returns_the_exit_code() -> None:
    done = run_python("-m", "bot", "bot")
    assert done.returncode == MISCONFIGURED
    assert done.stdout == ""
    (sentence,) = done.stderr.strip().split("\n")
    assert sentence.startswith("beholder: No Discord token")


def test_a_misspelt_setting_is_refused_with_the_nearest_name() -> None:
    done = run_python("-m", "bot", "bot", BEHOLDER_MODEL="tiny")
    assert done.returncode == MISCONFIGURED
    assert "Did you mean BEHOLDER_MODELS?" in done.stderr


def test_the_bot_imports_no_models_no_decoders_and_no_playground() -> None:
    heavy = ("torch", "transformers", "matplotlib", "numpy", "PIL.Image", "bot.playground")
    program = f"import sys, bot.cli.bot, bot.cogs.gateway; print([m for m in {heavy!r} if m in sys.modules])"
    assert run_python("-c", program).stdout.strip() == "[]"
