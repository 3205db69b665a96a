"""The worker's side: the order of jobs, claims on abandoned ones, and replies."""

import asyncio
import logging

import pytest

from inference.errors import Expired, PictureGone, QueueFull, WorkerLost
from inference.queue.consumer import Consumer
from inference.queue.keys import GROUP
from inference.schema import Answer, Delta, Failure, Match, Picture, job_id
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


async def test_a_job_goes_out_and_its_result_comes_back(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    assert not taken.isolated
    await worker.finish(taken, captioned(taken))
    assert text_of(await ticket.result()) == f"caption of {job_id('a')}"


async def test_finish_leaves_nothing_of_the_job_but_its_result(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, captioned(taken))
    await ticket.result()
    assert await queue.redis.xlen(taken.stream) == 0
    assert (await queue.redis.xpending(taken.stream, GROUP))["pending"] == 0
    assert await queue.redis.exists(queue.keys.open, queue.keys.asker("7")) == 0
    assert 0 < await queue.redis.pttl(queue.keys.result(SCOPE, job_id("a"))) <= 24 * 3600 * 1000
    assert 0 < await queue.redis.pttl(queue.keys.record(job_id("a"))) <= 24 * 3600 * 1000


async def test_people_who_wait_come_before_posts_and_each_in_their_order(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    for name in "uvw":
        await queue.submit(client, name, priority="unasked")
    picture = Picture.of(SCOPE, b"x")
    await queue.submit(client, "m", request=Match(pictures=(picture,), labels=("a cat",)))
    await queue.next_millisecond()
    await queue.submit(client, "c")
    await queue.next_millisecond()
    await queue.submit(client, "a", request=Answer(picture=picture, question="what is it?"))
    assert names_of(await worker.take(2, 0), "uvwmca") == "mc"
    assert names_of(await worker.take(3, 0), "uvwmca") == "auv"
    assert names_of(await worker.take(9, 0), "uvwmca") == "w"
    assert await worker.take(9, 0) == []


async def test_a_worker_takes_its_own_tasks_only(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker(tasks=("match",))
    await queue.submit(client, "a")
    assert await worker.take(8, 0) == []
    assert names_of(await queue.worker(tasks=("caption",)).take(8, 0), "a") == "a"


async def test_take_wakes_up_when_a_job_comes(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    waiting = asyncio.create_task(worker.take(8, 60_000))
    await until(lambda: blocked(queue))
    await queue.submit(client, "a", priority="unasked")
    async with asyncio.timeout(30):
        assert names_of(await waiting, "a") == "a"


async def blocked(queue: QueueHarness) -> bool:
    facts = await queue.redis.info("clients")
    return int(facts["blocked_clients"]) >= 2  # the client's reader is one


async def test_a_worker_that_waited_in_vain_says_so(queue: QueueHarness) -> None:
    assert await queue.worker().take(8, 20) == []


async def test_two_workers_share_and_nothing_is_done_twice(queue: QueueHarness) -> None:
    client, workers = await queue.client(), [queue.worker("one"), queue.worker("two")]
    tickets = await queue.submit_all(client, "abcdefgh")
    shares = await asyncio.gather(*(worker.take(4, 0) for worker in workers))
    assert sorted(names_of(shares[0] + shares[1], "abcdefgh")) == list("abcdefgh")
    for worker, share in zip(workers, shares, strict=True):
        assert len(share) == 4
        for taken in share:
            await worker.finish(taken, captioned(taken))
    assert len({text_of(await ticket.result()) for ticket in tickets}) == 8


@pytest.mark.parametrize("fields", [{"job": "{"}, {"job": b"\xff\x00"}, {"other": "secret"}, {"job": "[]"}])
async def test_garbage_is_dropped_counted_and_logged_without_its_content(
    queue: QueueHarness, fields: dict[str, str | bytes], caplog: pytest.LogCaptureFixture
) -> None:
    client, worker = await queue.client(), queue.worker()
    stream = queue.keys.jobs("caption", "waiting")
    await queue.redis.xadd(stream, {**fields, "more": "secret"})
    await queue.submit(client, "a")
    with caplog.at_level(logging.DEBUG):
        assert names_of(await worker.take(8, 0), "a") == "a"
    assert worker.garbage == 1
    assert "is no job" in caplog.text
    assert "secret" not in caplog.text
    assert await queue.redis.xlen(stream) == 1
    assert (await queue.redis.xpending(stream, GROUP))["pending"] == 1


async def test_a_job_in_the_wrong_stream_or_of_two_scopes_is_garbage(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    await queue.submit(client, "a")
    [(_, fields)] = await queue.redis.xrange(queue.keys.jobs("caption", "waiting"))
    await queue.redis.xadd(queue.keys.jobs("match", "waiting"), fields)
    [taken] = await worker.take(8, 0)
    here, there = Picture.of("guild:1", b"x"), Picture.of("guild:2", b"x")
    mixed = taken.job.model_copy(update={"request": Match(pictures=(here, there), labels=("a",))})
    await queue.redis.xadd(queue.keys.jobs("match", "waiting"), {"job": mixed.model_dump_json()})
    assert await worker.take(8, 0) == []
    assert worker.garbage == 2


async def test_what_expired_is_dropped_before_it_costs_anything_and_its_asker_told(
    queue: QueueHarness,
) -> None:
    clock = Clock()
    client = await queue.client(job_seconds=60)
    worker = queue.worker(clock=clock)
    ticket = await queue.submit(client, "a")
    clock.now = 4e9
    assert await worker.take(8, 0) == []
    with pytest.raises(Expired):
        await ticket.result()
    assert await queue.redis.xlen(queue.keys.jobs("caption", "waiting")) == 0
    assert await queue.redis.exists(queue.keys.open) == 0


async def test_a_dead_workers_job_is_claimed_and_runs_alone(queue: QueueHarness) -> None:
    client = await queue.client()
    tickets = await queue.submit_all(client, "ab")
    assert len(await queue.worker("dead").take(8, 0)) == 2
    heir = queue.worker("heir", claim_seconds=AT_ONCE_MS)
    for ticket in tickets:
        [taken] = await claim_when_idle(heir)
        assert taken.isolated
        await heir.finish(taken, captioned(taken))
        assert text_of(await ticket.result()).endswith(ticket.id)
    assert await heir.claim_abandoned() == []


async def test_a_job_that_is_renewed_is_not_claimed(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker("slow", claim_seconds=600)
    await queue.submit_all(client, "ab")
    renewed, silent = await worker.take(8, 0)
    # Both have been silent for an hour; then one is renewed.
    for each in (renewed, silent):
        await queue.redis.xclaim(each.stream, GROUP, "slow", 0, [each.entry_id], idle=3_600_000, justid=True)
    await worker.renew([renewed])
    heir = queue.worker("heir", claim_seconds=600)
    assert [each.entry_id for each in await heir.claim_abandoned()] == [silent.entry_id]
    assert await heir.claim_abandoned() == []


async def test_renewing_does_not_take_back_what_another_took_over(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker("slow")
    await queue.submit(client, "a")
    taken = await worker.take(8, 0)
    await claim_when_idle(queue.worker("heir", claim_seconds=AT_ONCE_MS))
    await worker.renew(taken)
    [pending] = await queue.redis.xpending_range(taken[0].stream, GROUP, "-", "+", 10)
    assert pending["consumer"] == b"heir"


async def test_both_finish_and_there_is_one_reply(queue: QueueHarness) -> None:
    client, slow, heir = (
        await queue.client(),
        queue.worker("slow"),
        queue.worker("heir", claim_seconds=AT_ONCE_MS),
    )
    ticket = await queue.submit(client, "a")
    [first] = await slow.take(8, 0)
    [second] = await claim_when_idle(heir)
    await heir.finish(second, captioned(second))
    await ticket.result()
    await slow.finish(first, Failure(job_id=first.job.id, code="model_failed"))
    assert text_of(await (await queue.submit(client, "a")).result()) == f"caption of {job_id('a')}"
    assert await queue.redis.xlen(queue.keys.replies("bot")) == 0


async def test_a_deleted_entry_is_no_trap(queue: QueueHarness) -> None:
    """6.2's XAUTOCLAIM answers nil for it and leaves it pending for ever."""
    client = await queue.client()
    await queue.submit_all(client, "ab")
    gone, kept = await queue.worker("dead").take(8, 0)
    await queue.redis.xdel(gone.stream, gone.entry_id)
    heir = queue.worker("heir", claim_seconds=AT_ONCE_MS)
    [taken] = await claim_when_idle(heir)
    assert taken.entry_id == kept.entry_id
    assert (await queue.redis.xpending(kept.stream, GROUP))["pending"] == 1


async def test_a_killer_ends_in_the_dead_letters_and_the_nine_beside_it_are_answered(
    queue: QueueHarness,
) -> None:
    client = await queue.client()
    tickets = await queue.submit_all(client, "abcdefghij")
    killer = job_id("e")
    assert len(await queue.worker("batch").take(10, 0)) == 10
    attempts, lives = 0, 0
    heir = queue.worker("heir 0", claim_seconds=AT_ONCE_MS)
    async with asyncio.timeout(30):
        while await queue.redis.zcard(queue.keys.open):
            for taken in await heir.claim_abandoned():
                assert taken.isolated
                if taken.job.id == killer:
                    attempts, lives = attempts + 1, lives + 1
                    heir = queue.worker(f"heir {lives}", claim_seconds=AT_ONCE_MS)
                else:
                    await heir.finish(taken, captioned(taken))
    assert attempts == 3
    for ticket in tickets:
        if ticket.id == killer:
            with pytest.raises(WorkerLost):
                await ticket.result()
        else:
            assert text_of(await ticket.result()) == f"caption of {ticket.id}"
    [(_, letter)] = await queue.redis.xrange(queue.keys.dead)
    assert letter[b"job"].decode() == killer
    assert letter[b"attempts"] == b"3"


async def test_attempts_made_in_company_do_not_count(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker(claim_seconds=AT_ONCE_MS)
    await queue.submit_all(client, "ab")
    await worker.take(8, 0)
    assert await queue.redis.hget(queue.keys.record(job_id("a")), "attempts") is None
    await claim_when_idle(worker)
    counts = [await queue.redis.hget(queue.keys.record(job_id(name)), "attempts") for name in "ab"]
    assert counts == [b"1", None]


async def test_a_dead_letter_says_nothing_that_people_wrote(queue: QueueHarness) -> None:
    client, heir = await queue.client(), queue.worker(claim_seconds=AT_ONCE_MS)
    asked = Answer(picture=Picture.of(SCOPE, b"x"), question="is this my secret?")
    ticket = await queue.submit(client, "a", request=asked)
    await heir.take(1, 0)
    for _ in range(3):
        await claim_when_idle(heir)
    await until(lambda: exists_after_claim(queue, heir))
    with pytest.raises(WorkerLost):
        await ticket.result()
    assert "secret" not in str(await queue.redis.xrange(queue.keys.dead))


async def exists_after_claim(queue: QueueHarness, heir: Consumer) -> bool:
    assert await heir.claim_abandoned() == []
    return bool(await queue.redis.exists(queue.keys.dead))


async def test_a_worker_that_leaves_gives_its_jobs_back_at_once(queue: QueueHarness) -> None:
    client, worker, other = await queue.client(), queue.worker("one"), queue.worker("two")
    ticket = await queue.submit(client, "a")
    await worker.take(8, 0)
    await worker.leave()
    [taken] = await other.take(8, 0)
    assert not taken.isolated
    await other.finish(taken, captioned(taken))
    await ticket.result()


async def test_a_lone_job_given_back_stays_alone_and_the_attempt_does_not_count(queue: QueueHarness) -> None:
    client, heir = await queue.client(), queue.worker("heir", claim_seconds=AT_ONCE_MS)
    await queue.submit(client, "a")
    await queue.worker("dead").take(8, 0)
    await claim_when_idle(heir)
    await heir.leave()
    assert await queue.redis.hget(queue.keys.record(job_id("a")), "attempts") == b"0"
    patient = queue.worker("patient", claim_seconds=3600)
    assert await patient.take(8, 0) == []
    [taken] = await patient.claim_abandoned()
    assert taken.isolated


async def test_pictures_come_back_whole_or_are_gone(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    data = bytes(range(256)) * 4000
    picture = await client.put_picture(SCOPE, data)
    assert await worker.picture(picture) == data
    for wrong in ({"size": picture.size - 1}, {"size": picture.size + 1}, {"scope": "guild:2"}):
        with pytest.raises(PictureGone):
            await worker.picture(picture.model_copy(update=wrong))


async def test_what_a_worker_keeps_counts_and_goes_as_what_is_posted_does(queue: QueueHarness) -> None:
    client = await queue.client(queue_bytes=MIB, picture_seconds=60)
    worker = queue.worker(queue_bytes=MIB, picture_seconds=60)
    await client.put_picture(SCOPE, b"a" * (MIB - 10))
    thumbnail = await worker.put_picture(SCOPE, b"0123456789")
    assert await client.picture(thumbnail) == b"0123456789"
    assert 59_000 < await queue.redis.pttl(queue.keys.picture(thumbnail)) <= 60_000
    with pytest.raises(QueueFull):
        await worker.put_picture(SCOPE, b"x")
    await queue.redis.delete(queue.keys.picture(thumbnail))
    with pytest.raises(PictureGone):
        await client.picture(thumbnail)


async def test_a_reply_for_another_job_is_refused(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    with pytest.raises(ValueError, match="cannot answer"):
        await worker.finish(taken, Failure(job_id=job_id("b"), code="model_failed"))


async def test_lost_groups_are_made_again(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    await worker.ensure_groups()
    await queue.redis.flushall()
    await queue.submit(client, "a")
    assert names_of(await worker.take(8, 0), "a") == "a"


async def test_workers_long_gone_are_forgotten_but_not_what_they_hold(queue: QueueHarness) -> None:
    client = await queue.client()
    await queue.submit(client, "a")
    await queue.worker("holds").take(8, 0)
    await queue.worker("leaves").leave()
    await queue.worker("new").ensure_groups()
    consumers = await queue.redis.xinfo_consumers(queue.keys.jobs("caption", "waiting"), GROUP)
    assert [consumer["name"] for consumer in consumers] == [b"holds"]


async def test_deltas_come_in_order_and_each_once(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a")
    [taken] = await worker.take(8, 0)
    for seq, text in ((0, "a "), (0, "a "), (1, "red "), (2, "circle")):
        await worker.publish_delta(taken.job, Delta(job_id=taken.job.id, seq=seq, text=text))
    await worker.finish(taken, captioned(taken))
    words = [delta async for delta in ticket.deltas()]
    assert "".join(word.text for word in words if isinstance(word, Delta)) == "a red circle"
