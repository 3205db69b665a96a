"""Redis goes away and comes back: no job is lost, and no call hangs."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from inference.errors import QueueUnavailable
from inference.queue.client import InferenceClient
from inference.queue.connection import CALL_TIMEOUT_S, connect
from inference.queue.embedded_redis import running_redis
from inference.queue.keys import Keys
from inference.queue.redis_state import RedisState
from inference.schema import job_id
from inference.settings import QueueSettings
from tests.inference.queue.harness import QueueHarness, captioned, names_of, queue_on, until


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[QueueHarness]:
    """Give a queue on a server of its own, which may be killed: it is started again."""
    settings = QueueSettings(_env_file=None, redis_url=None, data_dir=tmp_path)
    async with running_redis(settings) as url, queue_on(url, Keys("mortal")) as queue:
        yield queue


async def process_id(queue: QueueHarness) -> int:
    """Say which process the server is; 0 while there is none."""
    redis = Redis.from_url(queue.url)
    try:
        return int((await redis.info("server"))["process_id"])
    except (RedisError, OSError):
        return 0
    finally:
        await redis.aclose()


async def kill_and_wait_for_the_next(queue: QueueHarness) -> None:
    before = await process_id(queue)
    os.kill(before, signal.SIGKILL)

    async def another() -> bool:
        await asyncio.sleep(0)
        return await process_id(queue) not in (0, before)

    await until(another)


async def test_nothing_is_lost_when_redis_is_killed(mortal: QueueHarness) -> None:
    client, worker = await mortal.client(), mortal.worker()
    tickets = await mortal.submit_all(client, "abc")
    picture = await client.put_picture("guild:1", b"data")
    [first] = await worker.take(1, 0)
    async with asyncio.timeout(60):
        await kill_and_wait_for_the_next(mortal)
        await worker.finish(first, captioned(first))
        rest = await until(lambda: worker.take(8, 100))
        assert names_of(rest, "abc") == "bc"
        assert await worker.picture(picture) == b"data"
        for taken in rest:
            await worker.finish(taken, captioned(taken))
        assert [(await ticket.result()).job_id for ticket in tickets] == [job_id(name) for name in "abc"]


async def test_a_worker_that_waits_for_jobs_goes_on_waiting(mortal: QueueHarness) -> None:
    client, worker = await mortal.client(), mortal.worker()

    async def work() -> None:
        for taken in await until(lambda: worker.take(8, 60_000)):
            await worker.finish(taken, captioned(taken))

    working = asyncio.create_task(work())
    async with asyncio.timeout(60):
        await kill_and_wait_for_the_next(mortal)
        ticket = await mortal.submit(client, "a")
        assert (await ticket.result()).job_id == job_id("a")
        await working


async def test_what_redis_lost_is_put_back(mortal: QueueHarness) -> None:
    client, worker = await mortal.client(), mortal.worker()
    ticket = await mortal.submit(client, "a")
    await mortal.redis.flushall()
    async with asyncio.timeout(60):
        await kill_and_wait_for_the_next(mortal)
        [taken] = await until(lambda: worker.take(8, 100))
        await worker.finish(taken, captioned(taken))
        assert await ticket.result() == captioned(taken)


async def test_a_server_that_hangs_is_told_of_within_seconds(mortal: QueueHarness) -> None:
    client, worker = await mortal.client(), mortal.worker()
    server = await process_id(mortal)
    os.kill(server, signal.SIGSTOP)
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S + 5):
            with pytest.raises(QueueUnavailable):
                await mortal.submit(client, "a")
    finally:
        os.kill(server, signal.SIGCONT)
    async with asyncio.timeout(60):
        ticket = await mortal.submit(client, "a")
        [taken] = await until(lambda: worker.take(8, 100))
        await worker.finish(taken, captioned(taken))
        await ticket.result()


async def test_a_server_that_is_not_there_is_told_of_at_once(tmp_path: Path) -> None:
    redis = connect(f"unix://{tmp_path}/nothing.sock")
    settings = QueueSettings(_env_file=None)
    client = InferenceClient(redis, settings, "bot")
    async with asyncio.timeout(CALL_TIMEOUT_S + 5):
        with pytest.raises(QueueUnavailable):
            await client.put_picture("guild:1", b"data")
        with pytest.raises(QueueUnavailable):
            await client.ping()
    await redis.aclose()


async def test_a_worker_survives_a_server_that_is_not_there(tmp_path: Path) -> None:
    async with queue_on(f"unix://{tmp_path}/nothing.sock", Keys("gone")) as queue:
        worker = queue.worker()
        assert await worker.take(8, 10) == []
        assert await worker.claim_abandoned() == []
        await worker.beat(10)
        await worker.leave()


async def test_a_redis_that_is_away_is_told_once_and_not_asked_without_a_pause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    # Not the state that the outages of other tests have left in this process.
    monkeypatch.setattr("inference.queue.connection.STATE", RedisState())
    settings = QueueSettings(_env_file=None, redis_url=None, data_dir=tmp_path)
    async with AsyncExitStack() as stack:
        async with running_redis(settings) as url:
            given = settings.model_copy(update={"redis_url": SecretStr(url)})
            client = await stack.enter_async_context(InferenceClient.open(given, "bot"))
        # The server has stopped, and nothing is pending.
        await asyncio.sleep(1.5)
        asked = sum("Redis" in each for each in caplog.messages)
        async with running_redis(settings):
            await until(lambda: _is_told(caplog, "Redis is back after"))
            told = [each for each in caplog.messages if each.startswith("Redis is ")]
            await client.ping()
    assert asked <= 2, caplog.messages
    assert [each[:13] for each in told] == ["Redis is away", "Redis is back"]


async def _is_told(caplog: pytest.LogCaptureFixture, start: str) -> bool:
    await asyncio.sleep(0)
    return any(each.startswith(start) for each in caplog.messages)
