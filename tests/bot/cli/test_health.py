"""`beholder health`: the health check of bot and worker, on a real Redis."""

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


def queue_settings(url: str) -> QueueSettings:
    return QueueSettings(redis_url=SecretStr(url), _env_file=None)


def worker_settings(url: str) -> WorkerSettings:
    return WorkerSettings(redis_url=SecretStr(url), tasks=("caption", "match"), _env_file=None)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@contextlib.asynccontextmanager
async def heartbeats(redis: Client, alive: Callable[[], bool], host: str = "here") -> AsyncIterator[None]:
    """Write heartbeats until the block ends; entered once the first one is done."""
    calls, called_twice = 0, asyncio.Event()

    def count_and_check() -> bool:
        nonlocal calls
        calls += 1
        if calls > 1:
            called_twice.set()
        return alive()

    task = asyncio.create_task(heartbeat.beat(redis, count_and_check, host=host, every_s=0.05))
    try:
        await asyncio.wait_for(called_twice.wait(), 10)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def wait_until_unhealthy(url: str) -> str:
    """Wait until the health check of the bot on host `here` reports a problem; return it."""
    async with asyncio.timeout(60):
        while (problem := await health.problem("bot", queue_settings(url), host="here")) is None:  # noqa: ASYNC110 - a key expires without an event
            await asyncio.sleep(0.01)
    return problem


async def test_a_bot_with_a_heartbeat_is_healthy(redis: Client, redis_url: str) -> None:
    await redis.set(heartbeat.bot_key("here", Keys()), b"1", ex=60)
    assert await health.problem("bot", queue_settings(redis_url), host="here") is None


async def test_a_bot_that_never_joined_discord_is_unhealthy(redis: Client, redis_url: str) -> None:
    async with heartbeats(redis, lambda: False):
        problem = await health.problem("bot", queue_settings(redis_url), host="here")
    assert problem is not None
    assert "The bot on here is not in Discord, or hangs" in problem


async def test_a_bot_is_unhealthy_once_its_heartbeat_expires(redis: Client, redis_url: str) -> None:
    async with heartbeats(redis, lambda: True):
        assert await redis.exists(heartbeat.bot_key("here", Keys()))
    assert "no heartbeat" in await wait_until_unhealthy(redis_url)


async def test_the_heartbeat_of_another_host_does_not_count(redis: Client, redis_url: str) -> None:
    async with heartbeats(redis, lambda: True, host="there"):
        assert await health.problem("bot", queue_settings(redis_url), host="here") is not None


async def test_heartbeats_go_on_while_redis_is_unreachable() -> None:
    nowhere = connect("redis://127.0.0.1:1/0")
    async with heartbeats(nowhere, lambda: True):
        pass
    await nowhere.aclose()


async def test_a_worker_is_healthy_once_it_serves_each_of_its_tasks(redis: Client, redis_url: str) -> None:
    settings = worker_settings(redis_url)
    for task in settings.tasks:
        problem = await health.problem("worker", settings, host="my-host")
        assert f"not ready for {task}" in (problem or "")
        consumer = Consumer(redis, Keys(), (task,), "my-host-17-00c0ffee", settings)
        await consumer.beat(30)
        await consumer.close()
    assert await health.problem("worker", settings, host="my-host") is None
    assert await health.problem("worker", settings, host="my") is not None, (
        "a prefix of the host's name does not count"
    )


async def test_a_worker_whose_heartbeat_has_expired_is_unhealthy(redis: Client, redis_url: str) -> None:
    settings = worker_settings(redis_url)
    consumer = Consumer(redis, Keys(), settings.tasks, "here-17-00c0ffee", settings)
    await consumer.beat(30)
    assert await health.problem("worker", settings, host="here") is None
    await consumer.beat(0)
    await consumer.close()
    assert await health.problem("worker", settings, host="here") is not None


async def test_an_unreachable_redis_is_reported_without_its_password() -> None:
    problem = await health.problem("bot", queue_settings("redis://:secret@127.0.0.1:1/0"), host="here")
    assert problem is not None
    assert "Redis" in problem
    assert "secret" not in problem


async def test_the_check_starts_no_embedded_redis() -> None:
    problem = await health.problem("bot", QueueSettings(redis_url=None, _env_file=None))
    assert problem is not None
    assert "REDIS_URL is not set" in problem


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

    unhealthy = await asyncio.to_thread(command)
    assert (unhealthy.returncode, unhealthy.stdout) == (health.UNHEALTHY, "")
    assert "The bot on" in unhealthy.stderr
    await redis.set(heartbeat.bot_key(socket.gethostname(), Keys()), b"1", ex=60)
    healthy = await asyncio.to_thread(command)
    assert (healthy.returncode, healthy.stderr) == (health.HEALTHY, "")


async def start(command: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", command),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def read_environment(pocket: asyncio.subprocess.Process) -> dict[str, str]:
    """Read the bot's environment variables that `beholder playground` prints."""
    assert pocket.stdout is not None
    environment: dict[str, str] = {}
    async with asyncio.timeout(120):
        while "BEHOLDER_CAPTION_CHANNELS" not in environment:
            line = (await pocket.stdout.readline()).decode()
            assert line, "the process has ended"
            name, _, value = line.strip().partition("=")
            environment |= {name: value} if value else {}
    return environment


async def test_a_running_bot_is_healthy_until_discord_is_gone(redis_url: str, tmp_path: Path) -> None:
    async def wait_for_health(*, healthy: bool) -> None:
        async with asyncio.timeout(120):
            while (await health.problem("bot", queue_settings(redis_url)) is None) is not healthy:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async with contextlib.AsyncExitStack() as stack:
        pocket = await start("playground", BEHOLDER_DATA_DIR=str(tmp_path), BEHOLDER_PLAYGROUND_PORT="0")
        stack.push_async_callback(kill, pocket)
        bot = await start("bot", REDIS_URL=redis_url, **await read_environment(pocket))
        stack.push_async_callback(kill, bot)
        await wait_for_health(healthy=True)
        await kill(pocket)
        await wait_for_health(healthy=False)
        assert bot.returncode is None, "the bot still runs"


async def kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()
