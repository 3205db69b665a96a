"""Observing a bot's finished jobs."""

import asyncio
from collections.abc import AsyncIterator

from inference.errors import WorkerLost
from inference.queue.monitor import watch_results
from inference.schema import Failure, Result, job_id
from tests.inference.queue.harness import QueueHarness, captioned, text_of


async def first(seen: AsyncIterator[Result | Failure]) -> Result | Failure:
    async with asyncio.timeout(60):
        return await anext(seen)


async def test_who_watches_sees_each_outcome_and_takes_none_away(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    seen = watch_results(queue.redis, "bot", queue.keys)
    for name in "abc":
        watching = asyncio.create_task(first(seen))
        ticket = await queue.submit(client, name)
        [taken] = await worker.take(1, 0)
        await worker.finish(taken, captioned(taken))
        assert await watching == await ticket.result() == captioned(taken)
    await seen.aclose()


async def test_what_nobody_has_read_yet_is_seen_and_failures_and_garbage_do_no_harm(
    queue: QueueHarness,
) -> None:
    stream = queue.keys.replies("bot")
    failure = Failure(job_id=job_id("a"), code=WorkerLost.code)
    for raw in (b"{", failure.model_dump_json().encode(), b""):
        await queue.redis.xadd(stream, {"reply": raw})
    seen = watch_results(queue.redis, "bot", queue.keys)
    assert await first(seen) == failure
    assert await queue.redis.xlen(stream) == 3
    await seen.aclose()
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "b")
    [taken] = await worker.take(1, 0)
    await worker.finish(taken, captioned(taken))
    assert text_of(await ticket.result()) == f"caption of {job_id('b')}"
