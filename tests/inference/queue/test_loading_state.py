"""What waits while workers fetch and load their models, and for how long."""

import asyncio

import pytest

from inference.errors import Expired, NotServed
from inference.queue.loading_state import LoadingAnnouncer, LoadingState
from inference.queue.scripts import Scripts
from inference.schema import Task
from tests.inference.queue.harness import Clock, QueueHarness, captioned, text_of, until


def announcer(
    queue: QueueHarness,
    clock: Clock,
    name: str = "loader",
    tasks: tuple[Task, ...] = ("caption",),
    lease_s: float = 30,
) -> LoadingAnnouncer:
    return LoadingAnnouncer(queue.redis, queue.keys, name, tasks, lease_s=lease_s, clock=clock)


async def test_a_job_is_accepted_while_its_model_is_loaded_though_another_worker_is_ready(
    queue: QueueHarness,
) -> None:
    clock = Clock()
    client = await queue.client(clock=clock)
    await queue.worker("converses", tasks=("converse",)).beat(60)
    with pytest.raises(NotServed):
        await queue.submit(client, "a")
    loading = announcer(queue, clock)
    await loading.announce()
    ticket = await queue.submit(client, "a")
    state = await client.task_state("caption")
    assert (state.ready, state.loading) == (False, LoadingState())
    worker = queue.worker("loader", tasks=("caption",), clock=clock)
    await worker.beat(60)
    assert (await client.task_state("caption")).ready
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, captioned(taken))
    assert text_of(await ticket.result())


async def test_a_deadline_stands_still_while_models_are_loaded_and_runs_when_they_are(
    queue: QueueHarness,
) -> None:
    clock = Clock()
    client = await queue.client(clock=clock, job_seconds=50)
    loading = announcer(queue, clock)
    before = await queue.submit(client, "a")
    await loading.announce()
    meanwhile = await queue.submit(client, "b")
    began = clock.now
    for _ in range(100):
        clock.now += 20
        await loading.announce()
    worker = queue.worker("loader", tasks=("caption",), clock=clock)
    await loading.ready(["caption"])
    await worker.beat(60)
    taken = await worker.take(8, 0)
    assert [each.job.deadline for each in taken] == [began + 50 + 2000 + 30] * 2
    for each, ticket in zip(taken, (before, meanwhile), strict=True):
        await worker.finish(each, captioned(each))
        assert text_of(await ticket.result())
    late = await queue.submit(client, "c")
    clock.now += 51
    await loading.announce()
    with pytest.raises(Expired):
        await late.result()


async def test_a_ready_worker_keeps_deadlines_running_while_its_successor_loads(queue: QueueHarness) -> None:
    clock = Clock()
    client = await queue.client(clock=clock)
    serving = queue.worker("serving", tasks=("caption",), clock=clock)
    await serving.beat(60)
    await announcer(queue, clock, "successor").announce()
    assert (await client.task_state("caption")).ready
    await queue.submit(client, "a")
    [taken] = await serving.take(8, 0)
    assert taken.job.deadline == clock.now + 600
    await serving.leave()
    state = await client.task_state("caption")
    assert not state.ready
    assert state.loading is not None


async def test_a_worker_that_dies_or_fails_for_good_is_forgotten(queue: QueueHarness) -> None:
    clock = Clock()
    client = await queue.client(clock=clock)
    await queue.worker("converses", tasks=("converse",)).beat(60)
    await announcer(queue, clock, "dies", lease_s=0.01).announce()

    async def forgotten() -> bool:
        return (await client.task_state("caption")).loading is None

    async with asyncio.timeout(60):
        await until(forgotten)
    failing = announcer(queue, clock, "fails")
    await failing.announce()
    assert not await forgotten()
    await failing.withdraw()
    assert await forgotten()
    with pytest.raises(NotServed):
        await queue.submit(client, "a")
    await failing.announce()
    assert await forgotten()


async def test_the_progress_of_the_furthest_worker_is_told(queue: QueueHarness) -> None:
    clock = Clock()
    client = await queue.client(clock=clock)
    first, second = announcer(queue, clock, "1", ("caption", "match")), announcer(queue, clock, "2")
    await first.begin(2)
    first.progress("config.json", 10, 10)
    first.progress("model-00002-of-00004.safetensors", 1, 2)
    await first.announce()
    await Scripts(queue.redis, queue.keys)(
        "announce_loading", "newer", 30, clock(), '{"phase": "other"}', "caption"
    )
    assert (await client.task_state("caption")).loading == LoadingState(
        phase="fetching", number=2, of=2, fraction=0.375
    )
    await second.announce()
    first.progress("model-00004-of-00004.safetensors", 2, 2)
    await first.announce()
    assert (await client.task_state("match")).loading == LoadingState(number=2, of=2)


async def test_the_deadline_of_a_claimed_job_stands_still_while_its_model_is_fetched(
    queue: QueueHarness,
) -> None:
    clock = Clock()
    client, worker = await queue.client(clock=clock, job_seconds=50), queue.worker(clock=clock)
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    for _ in range(10):
        clock.now += 40
        assert await worker.hold_deadline(taken, 60) >= clock.now + 60
    waiting = asyncio.create_task(ticket.result())
    await worker.finish(taken, captioned(taken))
    assert text_of(await waiting)
