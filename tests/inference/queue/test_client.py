"""The submitter's side: accepted and refused jobs, their replies, and stored images."""

import asyncio

import pytest

from inference.errors import Expired, ModelFailed, NotServed, PictureTooLarge, QueueFull, TooManyInFlight
from inference.queue.image_store import retry_after
from inference.queue.keys import GROUP
from inference.schema import Failure, Match, Picture, job_id
from tests.inference.queue.harness import (
    AT_ONCE_MS,
    SCOPE,
    Clock,
    QueueHarness,
    captioned,
    claim_when_idle,
    names_of,
    text_of,
    until,
)

MIB = 2**20


async def test_a_finished_id_gives_its_kept_result_also_after_a_restart(queue: QueueHarness) -> None:
    client, worker = await queue.client("before"), queue.worker()
    first = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, captioned(taken))
    restarted = await queue.client("after")
    again = await queue.submit(restarted, "a")
    assert await again.result() == await first.result() == captioned(taken)
    assert await again.position() is None
    assert await worker.take(8, 0) == []


async def test_a_running_id_is_joined_and_the_answer_goes_where_it_was_asked_last(
    queue: QueueHarness,
) -> None:
    """After a change of the shards a bot has another name."""
    before, worker = await queue.client("shards 0-3"), queue.worker()
    await queue.submit(before, "a")
    [taken] = await worker.take(8, 0)
    after = await queue.client("shards 0-7")
    ticket = await queue.submit(after, "a")
    assert await worker.take(8, 0) == []
    await worker.finish(taken, captioned(taken))
    async with asyncio.timeout(60):
        assert text_of(await ticket.result()) == f"caption of {job_id('a')}"


async def test_all_who_submitted_the_same_id_are_answered(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    tickets = await asyncio.gather(*(queue.submit(client, "a") for _ in range(5)))
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, captioned(taken))
    results = await asyncio.gather(*(ticket.result() for ticket in tickets))
    assert results == [captioned(taken)] * 5


async def test_one_waiter_that_is_cancelled_does_the_job_no_harm(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a")
    impatient = asyncio.create_task(ticket.result())
    await asyncio.sleep(0)
    impatient.cancel()
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, captioned(taken))
    assert await ticket.result() == captioned(taken)


async def test_closing_a_request_forgets_its_result(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, captioned(taken))
    await ticket.result()
    await client.close_request([ticket.id])
    left = [key async for key in queue.redis.scan_iter(f"*{ticket.id}*")]
    assert left == []
    await queue.submit(client, "a")
    assert names_of(await worker.take(8, 0), "a") == "a"


async def test_closing_a_request_drops_what_waits_and_silences_what_runs(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    await queue.submit_all(client, "ab")
    [running] = await worker.take(1, 0)
    await client.close_request([job_id("a"), job_id("b")])
    assert await worker.take(8, 0) == []
    assert await queue.redis.exists(queue.keys.open, queue.keys.asker("7")) == 0
    await worker.finish(running, captioned(running))
    assert [key async for key in queue.redis.scan_iter("*result*")] == []
    assert await queue.redis.xlen(running.stream) == 0


async def test_a_failure_is_raised_with_its_numbers(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    detail: dict[str, str | float] = {"limit": 64.0, "value": 100.0, "unit": "pixels", "sentence": "x"}
    await worker.finish(taken, Failure(job_id=taken.job.id, code="picture_too_large", detail=detail))
    with pytest.raises(PictureTooLarge) as caught:
        await ticket.result()
    assert caught.value.detail == detail


async def test_the_queue_refuses_more_jobs_than_it_may_hold_and_says_when_to_come_back(
    queue: QueueHarness,
) -> None:
    client, worker = await queue.client(queue_jobs=3), queue.worker()
    await queue.submit_all(client, "abc")
    with pytest.raises(QueueFull) as caught:
        await queue.submit(client, "d")
    assert caught.value.detail == {"retry_after": 30}
    await queue.submit(client, "b")  # it is in already
    [taken] = await worker.take(1, 0)
    with pytest.raises(QueueFull):
        await queue.submit(client, "d")  # a running one counts
    await worker.finish(taken, captioned(taken))
    await queue.submit(client, "d")
    with pytest.raises(QueueFull) as caught:
        await queue.submit(client, "e")
    assert caught.value.detail["retry_after"] == 1


async def test_one_person_cannot_have_more_than_their_share(queue: QueueHarness) -> None:
    client, worker = await queue.client(jobs_per_person=2), queue.worker()
    await queue.submit_all(client, "ab")
    with pytest.raises(TooManyInFlight) as caught:
        await queue.submit(client, "c")
    assert caught.value.detail == {"limit": 2, "open": 2}
    await queue.submit(client, "d", asker="8")
    [taken] = await worker.take(1, 0)
    await worker.finish(taken, captioned(taken))
    await queue.submit(client, "c")


@pytest.mark.parametrize("end", ["expires unseen", "expires claimed", "dies", "is lost", "is garbage"])
async def test_a_share_does_not_leak_however_a_job_ends(queue: QueueHarness, end: str) -> None:
    clock = Clock()
    client = await queue.client(clock=clock, jobs_per_person=1, queue_jobs=1)
    worker = queue.worker(clock=clock, claim_seconds=AT_ONCE_MS)
    await queue.submit(client, "a")
    stream = queue.keys.jobs("caption", "waiting")
    if end == "expires claimed":
        await worker.take(8, 0)
    elif end == "dies":
        await worker.take(8, 0)
        await until(lambda: given_up(queue, worker.claim_abandoned))
    elif end == "is lost":
        await queue.redis.delete(stream)
    elif end == "is garbage":
        [(entry, _)] = await queue.redis.xrange(stream)
        await queue.redis.xdel(stream, entry)
        await queue.redis.xadd(stream, {"job": "garbage"})
        assert await worker.take(8, 0) == []
    if end != "dies":
        clock.now += 601
    await queue.submit(client, "b")
    assert await queue.redis.zcard(queue.keys.open) == 1


async def given_up(queue: QueueHarness, claim_abandoned: object) -> bool:
    await claim_abandoned()  # type: ignore[operator]
    return bool(await queue.redis.exists(queue.keys.dead))


async def test_what_expires_while_nobody_works_is_raised_on_our_own_clock(queue: QueueHarness) -> None:
    clock = Clock()
    client = await queue.client(clock=clock)
    ticket = await queue.submit(client, "a")
    clock.now += 601
    with pytest.raises(Expired):
        await ticket.result()
    assert await queue.redis.xlen(queue.keys.jobs("caption", "waiting")) == 0
    with pytest.raises(Expired):
        _ = [delta async for delta in ticket.deltas()]


async def test_a_ticket_waits_until_its_deadline_and_no_longer(queue: QueueHarness) -> None:
    client = await queue.client(job_seconds=0.05)
    ticket = await queue.submit(client, "a")
    async with asyncio.timeout(60):
        with pytest.raises(Expired):
            await ticket.result()


async def test_an_expired_id_that_is_submitted_again_begins_anew(queue: QueueHarness) -> None:
    clock = Clock()
    client, worker = await queue.client(clock=clock), queue.worker(clock=clock)
    await queue.submit(client, "a")
    clock.now += 601
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    assert taken.job.deadline == clock.now + 600
    await worker.finish(taken, captioned(taken))
    assert await ticket.result() == captioned(taken)


async def test_a_lost_entry_is_put_back_by_submitting_again(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    await queue.submit(client, "a")
    await queue.redis.delete(queue.keys.jobs("caption", "waiting"))
    await queue.submit(client, "a")
    assert names_of(await worker.take(8, 0), "a") == "a"


async def test_positions_count_what_is_taken_before(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    tickets = {name: await queue.submit(client, name) for name in "abc"}
    tickets["u"] = await queue.submit(client, "u", priority="unasked")
    tickets["v"] = await queue.submit(client, "v", priority="unasked")
    match = Match(pictures=(Picture.of(SCOPE, b"x"),), labels=("a",))
    tickets["m"] = await queue.submit(client, "m", request=match)
    assert [await ticket.position() for ticket in tickets.values()] == [0, 1, 2, 3, 4, 0]
    other = queue.worker(tasks=("caption",))
    taken = await other.take(2, 0)
    assert [await ticket.position() for ticket in tickets.values()] == [None, None, 0, 1, 2, 0]
    await worker.finish(taken[0], captioned(taken[0]))
    assert await tickets["a"].position() is None
    assert await tickets["v"].position() == 2


async def test_refused_only_while_workers_live_and_none_serves_the_task(queue: QueueHarness) -> None:
    client = await queue.client()
    match = Match(pictures=(Picture.of(SCOPE, b"x"),), labels=("a",))
    await queue.submit(client, "nobody has ever been there", request=match)
    captioner = queue.worker("captioner", tasks=("caption",))
    await captioner.beat(60)
    with pytest.raises(NotServed):
        await queue.submit(client, "m", request=match)
    await queue.submit(client, "nobody has ever been there", request=match)
    matcher = queue.worker("matcher", tasks=("match",))
    await matcher.beat(60)
    await queue.submit(client, "m", request=match)
    await matcher.leave()  # it restarts
    await queue.submit(client, "n", request=match)


async def test_workers_are_ready_while_they_say_so(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker(tasks=("caption", "match"))
    assert not await client.workers_ready(["caption"])
    await worker.beat(60)
    assert await client.workers_ready(["caption", "match"])
    assert not await client.workers_ready(["caption", "answer"])
    await worker.leave()
    assert not await client.workers_ready(["caption"])
    await worker.beat(0.05)
    async with asyncio.timeout(60):
        while await client.workers_ready(["caption"]):
            pass


async def test_the_same_picture_is_kept_once_and_other_servers_do_not_see_it(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    here = await client.put_picture("guild:1", b"data")
    assert await client.put_picture("guild:1", b"data") == here
    there = await client.put_picture("dm:2", b"data")
    assert await queue.redis.get(queue.keys.picture_bytes) == b"8"
    assert 0 < await queue.redis.pttl(queue.keys.picture(here)) <= 24 * 3600 * 1000
    await queue.redis.delete(queue.keys.picture(here))
    assert await worker.picture(there) == b"data"


async def test_pictures_are_bounded_and_those_that_jobs_need_stay(queue: QueueHarness) -> None:
    clock = Clock()
    client, worker = await queue.client(clock=clock, queue_bytes=MIB), queue.worker(clock=clock)
    needed = await client.put_picture(SCOPE, b"a" * (MIB // 2))
    request = Match(pictures=(needed,), labels=("a",))
    ticket = await queue.submit(client, "a", request=request)
    idle = await client.put_picture(SCOPE, b"b" * (MIB // 2))
    with pytest.raises(QueueFull):
        await client.put_picture(SCOPE, b"c")  # the other was only just put: its job is on its way
    clock.now += 61
    kept = await client.put_picture(SCOPE, b"c" * (MIB // 2))
    assert await queue.redis.exists(queue.keys.picture(idle)) == 0
    assert await worker.picture(needed) == b"a" * (MIB // 2)
    assert int(await queue.redis.get(queue.keys.picture_bytes)) == MIB
    await client.close_request([ticket.id])
    clock.now += 61
    await client.put_picture(SCOPE, b"d" * MIB)
    assert await queue.redis.exists(queue.keys.picture(needed), queue.keys.picture(kept)) == 0
    assert int(await queue.redis.get(queue.keys.picture_bytes)) == MIB


async def test_garbage_on_the_reply_stream_is_dropped(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    stream = queue.keys.replies("bot")
    for fields in ({"reply": "{"}, {"reply": b"\xff"}, {"other": "x"}, {"reply": '{"kind":"result"}'}):
        await queue.redis.xadd(stream, fields)
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, captioned(taken))
    assert await ticket.result() == captioned(taken)
    async with asyncio.timeout(60):
        while await queue.redis.xlen(stream):
            pass
    assert client._reader.garbage == 4


async def test_what_another_version_kept_runs_again(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    await queue.redis.set(queue.keys.result(SCOPE, job_id("a")), '{"v":2}')
    await queue.redis.hset(queue.keys.record(job_id("a")), "scope", SCOPE)
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, captioned(taken))
    assert await ticket.result() == captioned(taken)


async def test_a_job_of_two_scopes_is_our_own_mistake(queue: QueueHarness) -> None:
    client = await queue.client()
    mixed = Match(pictures=(Picture.of("guild:1", b"x"), Picture.of("guild:2", b"x")), labels=("a",))
    with pytest.raises(ValueError, match="different scopes"):
        await queue.submit(client, "a", request=mixed)


async def test_a_refused_job_leaves_nothing(queue: QueueHarness) -> None:
    client = await queue.client(queue_jobs=1)
    await queue.submit(client, "a")
    before = sorted([key async for key in queue.redis.scan_iter("*")])
    with pytest.raises(QueueFull):
        await queue.submit(client, "b")
    assert sorted([key async for key in queue.redis.scan_iter("*")]) == before
    assert list(client._pending) == [job_id("a")]


async def test_a_lone_jobs_failure_is_kept_too(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker("dead")
    await queue.submit(client, "a")
    await worker.take(8, 0)
    heir = queue.worker("heir", claim_seconds=AT_ONCE_MS)
    [taken] = await claim_when_idle(heir)
    await heir.finish(taken, Failure(job_id=taken.job.id, code="model_failed"))
    with pytest.raises(ModelFailed):
        await (await queue.submit(await queue.client("restarted"), "a")).result()
    assert (await queue.redis.xpending(taken.stream, GROUP))["pending"] == 0


@pytest.mark.parametrize(
    ("finished", "jobs", "expected"),
    [
        ([], 500, 30),
        ([0.0], 500, 30),
        ([990.0, 995.0], 500, 250),
        ([999.0] * 50, 500, 1),
        ([1000.0] * 64, 500, 1),
        ([880.0], 500, 300),
        ([999.0] * 10, 100, 1),
        ([900.0] * 10, 100, 100),
    ],
)
def test_when_to_come_back_follows_from_the_recent_pace(
    finished: list[float], jobs: int, expected: int
) -> None:
    assert retry_after(finished, now=1000.0, max_jobs=jobs) == expected
