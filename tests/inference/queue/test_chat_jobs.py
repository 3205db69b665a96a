"""Conversation jobs in the queue: their validation, their deltas, and their cancellation."""

import pytest
from pydantic import ValidationError

from inference.queue.consumer import ClaimedJob
from inference.schema import (
    MAX_CHAT_PICTURES,
    Converse,
    Conversed,
    Delta,
    Failure,
    Group,
    Job,
    Picture,
    Progress,
    Result,
    Turn,
    job_id,
    replies,
)
from tests.inference.queue.harness import SCOPE, QueueHarness, conversation, said

PICTURE = Picture.of(SCOPE, b"one")


def answer(taken: ClaimedJob, text: str = "It is red.") -> Result:
    return Result(job_id=taken.job.id, outcome=Conversed(text=text, prompt_tokens=20, reply_tokens=4))


@pytest.mark.parametrize(
    "turns",
    [
        (),
        (said("hello"), said("hello yourself", "assistant")),
        (said("hello"),) * 201,
        (Turn(role="user", text="?", pictures=(PICTURE,) * 10),) * (MAX_CHAT_PICTURES // 10)
        + (Turn(role="user", text="?", pictures=(PICTURE,)),),
    ],
)
def test_a_conversation_that_cannot_be_answered_is_none(turns: tuple[Turn, ...]) -> None:
    with pytest.raises(ValidationError):
        Converse(scope=SCOPE, turns=turns)


def test_a_conversation_comes_through_json_as_it_was() -> None:
    turns = (Turn(role="user", speaker="ann", text="", pictures=(PICTURE,)), said("Yes?", "assistant"))
    request = conversation(*turns, said("what is it?"))
    job = Job(
        id=job_id(1),
        request=request,
        priority="waiting",
        asker="7",
        group=Group(id="1", size=1),
        reply_to="bot",
        submitted=1,
        deadline=2,
    )
    assert Job.model_validate_json(job.model_dump_json()) == job
    assert request.pictures == (PICTURE,)


def test_progress_is_a_reply() -> None:
    word = Progress(job_id=job_id(1), done=0.25)
    assert replies.validate_json(word.model_dump_json()) == word
    with pytest.raises(ValidationError):
        Progress(job_id=job_id(1), done=1.1)


async def test_a_conversation_needs_no_picture(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker(tasks=("converse",))
    ticket = await queue.submit(client, "a", request=conversation())
    [taken] = await worker.take(8, 0)
    await worker.finish(taken, answer(taken))
    assert await ticket.result() == answer(taken)


async def test_a_picture_of_another_server_is_refused_at_both_ends(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    stray = conversation(Turn(role="user", text="?", pictures=(Picture.of("guild:2", b"x"),)))
    with pytest.raises(ValueError, match="different scopes"):
        await queue.submit(client, "a", request=stray)
    await queue.submit(client, "a", request=conversation())
    [(_, fields)] = await queue.redis.xrange(queue.keys.jobs("converse", "waiting"))
    job = Job.model_validate_json(fields[b"job"]).model_copy(update={"request": stray})
    await queue.redis.xadd(queue.keys.jobs("converse", "waiting"), {"job": job.model_dump_json()})
    assert len(await worker.take(8, 0)) == 1
    assert worker.garbage == 1


async def test_a_later_attempt_begins_the_text_anew(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a", request=conversation())
    [taken] = await worker.take(8, 0)
    pieces = [(0, 0, "It "), (0, 1, "may "), (1, 0, "That "), (0, 2, "be"), (1, 1, "is"), (1, 1, "is")]
    for attempt, seq, text in pieces:
        delta = Delta(job_id=taken.job.id, attempt=attempt, seq=seq, text=text)
        await worker.publish_delta(taken.job, delta)
    await worker.finish(taken, answer(taken))
    words = [word async for word in ticket.deltas()]
    heard = [(word.attempt, word.text) for word in words if isinstance(word, Delta)]
    assert heard == [(0, "It "), (0, "may "), (1, "That "), (1, "is")]


async def test_progress_is_heard_among_the_pieces(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a", request=conversation())
    [taken] = await worker.take(8, 0)
    half = Progress(job_id=taken.job.id, done=0.5)
    await worker.publish_delta(taken.job, half)
    first = Delta(job_id=taken.job.id, seq=0, text="It")
    await worker.publish_delta(taken.job, first)
    await worker.finish(taken, answer(taken))
    assert [word async for word in ticket.deltas()] == [half, first]


async def test_stopping_one_that_waits_answers_it_with_nothing(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    ticket = await queue.submit(client, "a", request=conversation())
    await client.stop(ticket.id)
    assert (await ticket.result()).outcome == Conversed(text="", stopped=True)
    assert await worker.take(8, 0) == []
    again = await queue.submit(client, "a", request=conversation())
    assert (await again.result()).outcome == Conversed(text="", stopped=True)


async def test_stopping_what_is_finished_or_no_conversation_changes_nothing(queue: QueueHarness) -> None:
    client, worker = await queue.client(), queue.worker()
    caption = await queue.submit(client, "b")
    talk = await queue.submit(client, "a", request=conversation())
    taken = {each.job.id: each for each in await worker.take(8, 0)}
    await worker.finish(taken[talk.id], answer(taken[talk.id]))
    for each in (talk.id, caption.id, job_id("never was")):
        await client.stop(each)
    assert await talk.result() == answer(taken[talk.id])
    failure = Failure(job_id=caption.id, code="model_failed")
    await worker.finish(taken[caption.id], failure)
    assert await queue.redis.xlen(queue.keys.cancellations) == 0
