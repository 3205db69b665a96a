"""The number of waiting jobs and of live workers."""

from collections.abc import AsyncIterator

import pytest

from inference.queue.backlog import Backlog
from inference.queue.connection import Client, connect
from inference.queue.consumer import Consumer
from inference.queue.keys import Keys
from tests.inference.worker_harness import Asker, asking, settings


@pytest.fixture
async def asker(redis_url: str) -> AsyncIterator[Asker]:
    async with asking(settings(redis_url)) as made:
        yield made


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def test_what_is_taken_waits_no_more(redis_url: str, asker: Asker, redis: Client) -> None:
    backlog = Backlog(redis, Keys(), ("caption", "answer"))
    assert await backlog.look() == [(0, 0), (0, 0)]
    for number in range(3):
        await asker.ask(f"q{number}")
    await asker.ask(priority="unasked")
    assert await backlog.look() == [(1, 0), (3, 0)]
    consumer = Consumer(redis, Keys(), ("answer",), "one", settings(redis_url))
    await consumer.beat(30)
    await consumer.take(2, 0)
    assert await backlog.look() == [(1, 0), (1, 1)]
    await consumer.beat(0)
    await consumer.leave()
    assert await backlog.look() == [(1, 0), (3, 0)]
    await consumer.close()


async def test_while_redis_is_away_nothing_is_known() -> None:
    client = connect("unix:///nowhere/redis.sock")
    assert await Backlog(client, Keys(), ("caption",)).look() == []
    await client.aclose()
