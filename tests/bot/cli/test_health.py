"""`beholder health`: what a container's health check is told, on a real Redis."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot import heartbeat
from bot.cli import health
from inference.queue.connection import Client, connect
from inference.queue.consumer import Consumer
from inference.queue.keys import Keys
from inference.settings import QueueSettings, WorkerSettings


def queue(url: str) -> QueueSettings:
    return QueueSettings(redis_url=SecretStr(url), _env_file=None)


def worker(url: str) -> WorkerSettings:
    return WorkerSettings(redis_url=SecretStr(url), tasks=("caption", "match"), _env_file=None)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@contextlib.asynccontextmanager
async def heartbeats(redis: Client, alive: Callable[[], bool], host: str = "here") -> AsyncIterator[None]:
    """Beat in the background; entered once `alive` was asked a second time, so after a whole first round."""
    asked, again = 0, asyncio.Event()

    def counted() -> bool:
        nonlocal asked
        asked += 1
        if asked > 1:
            again.set()
        return alive()

    task = asyncio.create_task(heartbeat.beat(redis, counted, host=host, every_s=0.05))
    try:
        await asyncio.wait_for(again.wait(), 10)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def wait_until_unhealthy(url: str) -> str:
    """Return the problem about the bot on `here` once there is one: its last beat has run out."""
    async with asyncio.timeout(10):
        while (wrong := await health.problem("bot", queue(url), host="here")) is None:  # noqa: ASYNC110 - an expiry tells nobody
            await asyncio.sleep(0.01)
    return wrong


async def test_a_bot_with_a_heartbeat_is_healthy(redis: Client, redis_url: str) -> None:
    await redis.set(heartbeat.bot_key("here", Keys()), b"1", ex=60)
    assert await health.problem("bot", queue(redis_url), host="here") is None


async def test_a_bot_that_never_joined_discord_is_unhealthy(redis: Client, redis_url: str) -> None:
    async with heartbeats(redis, lambda: False):
        wrong = await health.problem("bot", queue(redis_url), host="here")
    assert wrong is not None
    assert "The bot on here is not in Discord, or hangs" in wrong


async def test_a_bot_is_unhealthy_once_its_heartbeat_expires(redis: Client, redis_url: str) -> None:
    async with heartbeats(redis, lambda: True):
        assert await redis.exists(heartbeat.bot_key("here", Keys()))
    assert "no heartbeat" in await wait_until_unhealthy(redis_url)


async def test_the_heartbeat_of_another_host_does_not_count(redis: Client, redis_url: str) -> None:
    async with heartbeats(redis, lambda: True, host="there"):
        assert await health.problem("bot", queue(redis_url), host="here") is not None


async def test_heartbeats_go_on_while_redis_is_unreachable() -> None:
    nowhere = connect("redis://127.0.0.1:1/0")
    async with heartbeats(nowhere, lambda: True):
        pass
    await nowhere.aclose()


async def test_a_worker_is_healthy_once_it_serves_each_of_its_tasks(redis: Client, redis_url: str) -> None:
    settings = worker(redis_url)
    for task in settings.tasks:
        wrong = await health.problem("worker", settings, host="my-host")
        assert f"not ready for {task}" in (wrong or "")
        consumer = Consumer(redis, Keys(), (task,), "my-host-17-00c0ffee", settings)
        await consumer.beat(30)
        await consumer.close()
    assert await health.problem("worker", settings, host="my-host") is None
    assert await health.problem("worker", settings, host="my") is not None, "a part of a name is no name"


async def test_a_worker_whose_heartbeat_has_expired_is_unhealthy(redis: Client, redis_url: str) -> None:
    settings = worker(redis_url)
    consumer = Consumer(redis, Keys(), settings.tasks, "here-17-00c0ffee", settings)
    await consumer.beat(30)
    assert await health.problem("worker", settings, host="here") is None
    await consumer.beat(0)
    await consumer.close()
    assert await health.problem("worker", settings, host="here") is not None


async def test_an_unreachable_redis_is_reported_without_its_password() -> None:
    wrong = await health.problem("bot", queue("redis://:secret@127.0.0.1:1/0"), host="here")
    assert wrong is not None
    assert "Redis" in wrong
    assert "secret" not in wrong


async def test_the_check_starts_no_embedded_redis() -> None:
    wrong = await health.problem("bot", QueueSettings(redis_url=None, _env_file=None))
    assert wrong is not None
    assert "REDIS_URL is not set" in wrong


async def test_the_command_returns_an_exit_code_and_prints_only_a_problem(
    redis: Client, redis_url: str
) -> None:
    def command() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot", "health", "bot"],
            env={"REDIS_URL": redis_url},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    ill = await asyncio.to_thread(command)
    assert (ill.returncode, ill.stdout) == (health.UNHEALTHY, "")
    assert "The bot on" in ill.stderr
    await redis.set(heartbeat.bot_key(socket.gethostname(), Keys()), b"1", ex=60)
    well = await asyncio.to_thread(command)
    assert (well.returncode, well.stderr) == (health.HEALTHY, "")


async def start(command: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", command),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def joining(pocket: asyncio.subprocess.Process) -> dict[str, str]:
    """Read from what `beholder playground` prints how a bot joins it."""
    assert pocket.stdout is not None
    told: dict[str, str] = {}
    async with asyncio.timeout(120):
        while "BEHOLDER_CAPTION_CHANNELS" not in told:
            line = (await pocket.stdout.readline()).decode()
            assert line, "it ended"
            name, _, value = line.strip().partition("=")
            told |= {name: value} if value else {}
    return told


async def test_a_running_bot_is_healthy_until_discord_is_gone(redis_url: str, tmp_path: Path) -> None:
    async def until(*, well: bool) -> None:
        async with asyncio.timeout(120):
            while (await health.problem("bot", queue(redis_url)) is None) is not well:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async with contextlib.AsyncExitStack() as stack:
        pocket = await start("playground", BEHOLDER_DATA_DIR=str(tmp_path), BEHOLDER_PLAYGROUND_PORT="0")
        stack.push_async_callback(ended, pocket)
        bot = await start("bot", REDIS_URL=redis_url, **await joining(pocket))
        stack.push_async_callback(ended, bot)
        await until(well=True)
        await ended(pocket)
        await until(well=False)
        assert bot.returncode is None, "it lives, and only its health check knows"


async def ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()
