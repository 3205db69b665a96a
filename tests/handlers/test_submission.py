"""Submissions over the limit for one person: in one line, bounded, and nobody else's wait."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from handlers.ports import JobContext, SubmissionState
from handlers.submission import Submissions
from inference.errors import QueueFull, QueueUnavailable, TooManyInFlight
from inference.schema import Priority
from tests.handlers.clock import Clock

PATIENCE_S = 600.0


class LimitedQueue:
    """Has room for `room` jobs of each person."""

    def __init__(self, clock: Clock, room: int) -> None:
        self._clock = clock
        self.room = room
        self.is_away = False
        self.accepted: list[str] = []
        self.refused = asyncio.Event()

    def attempt(self, context: JobContext) -> Callable[[], Awaitable[str]]:
        async def attempt() -> str:
            if self.is_away:
                raise QueueUnavailable
            mine = [each for each in self.accepted if each.startswith(f"{context.asker}:")]
            if len(mine) >= self.room:
                self.refused.set()
                error = TooManyInFlight("", limit=self.room, open=len(mine))
                error.room_at = self._clock.now + 90
                raise error
            self.accepted.append(context.request)
            return context.request

        return attempt


def context(request: str, priority: Priority = "waiting") -> JobContext:
    return JobContext(request, "guild:7", int(request.partition(":")[0]), priority)


def submissions(clock: Clock, patience: float = PATIENCE_S) -> Submissions:
    return Submissions(patience=patience, min_delay_s=0.001, max_delay_s=0.001, clock=clock)


async def waiting(*contexts: JobContext) -> None:
    """Wait until these are told that they wait."""
    async with asyncio.timeout(10):
        while not all(each.waiting_for for each in contexts):  # noqa: ASYNC110 - their state has no event
            await asyncio.sleep(0)


async def test_they_begin_in_the_order_in_which_they_came_and_keep_nobody_else_waiting(clock: Clock) -> None:
    made, queue = submissions(clock), LimitedQueue(clock, 1)
    asked = [context(f"6:{number}") for number in range(5)]
    tasks = []
    for each in asked:
        tasks.append(asyncio.create_task(made.submit(each, queue.attempt(each))))
        await asyncio.sleep(0)
    await waiting(*asked[1:])
    assert asked[0].waiting_for is None
    assert asked[4].waiting_for is not None
    assert asked[4].waiting_for.detail == {"limit": 1, "open": 1}
    other = context("7:0")
    assert await made.submit(other, queue.attempt(other)) == "7:0"
    queue.room = 5
    assert await asyncio.gather(*tasks) == ["6:0", "6:1", "6:2", "6:3", "6:4"]
    assert queue.accepted == ["6:0", "7:0", "6:1", "6:2", "6:3", "6:4"]
    assert [each.waiting_for for each in asked] == [None] * 5


async def test_one_that_comes_later_does_not_overtake(clock: Clock) -> None:
    made, queue = submissions(clock), LimitedQueue(clock, 1)
    first, second = context("6:1"), context("6:2")
    queue.accepted.append("6:0")
    task = asyncio.create_task(made.submit(first, queue.attempt(first)))
    await waiting(first)
    queue.accepted.clear()
    later = asyncio.create_task(made.submit(second, queue.attempt(second)))
    assert await task == "6:1"
    queue.accepted.clear()
    assert await later == "6:2"


async def test_what_was_asked_does_not_wait_for_what_was_not(clock: Clock) -> None:
    made, queue = submissions(clock), LimitedQueue(clock, 1)
    queue.accepted.append("6:0")
    posts = [context(f"6:{number}", "unasked") for number in range(1, 9)]
    tasks = [asyncio.create_task(made.submit(each, queue.attempt(each))) for each in posts]
    await waiting(*posts)
    asked = context("6:9")
    task = asyncio.create_task(made.submit(asked, queue.attempt(asked)))
    await waiting(asked)
    queue.room = 3
    async with asyncio.timeout(10):
        assert await task == "6:9"
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("is_first", [True, False])
async def test_the_wait_ends_with_the_time_at_which_there_is_room(clock: Clock, is_first: bool) -> None:
    made, queue = submissions(clock), LimitedQueue(clock, 4)
    queue.accepted += [f"6:{number}" for number in range(4)]
    before = context("6:4")
    others = [] if is_first else [asyncio.create_task(made.submit(before, queue.attempt(before)))]
    if not is_first:
        await waiting(before)
    last = replace(context("6:5"), wait_until=clock.now + 5, submission=SubmissionState())
    task = asyncio.create_task(made.submit(last, queue.attempt(last)))
    await waiting(last)
    assert not task.done()
    clock.now += 6
    if not is_first:
        others[0].cancel()
    with pytest.raises(TooManyInFlight) as caught:
        await task
    assert (caught.value.detail["limit"], caught.value.detail["open"]) == (4, 4)
    assert caught.value.room_at is not None
    assert caught.value.detail["retry_after"] == pytest.approx(caught.value.room_at - clock.now)
    await asyncio.gather(*others, return_exceptions=True)


async def test_cancelling_one_leaves_its_place_to_the_next(clock: Clock) -> None:
    made, queue = submissions(clock), LimitedQueue(clock, 1)
    queue.accepted.append("6:0")
    first, second = context("6:1"), context("6:2")
    tasks = [asyncio.create_task(made.submit(each, queue.attempt(each))) for each in (first, second)]
    await waiting(first, second)
    tasks[0].cancel()
    queue.accepted.clear()
    assert await tasks[1] == "6:2"
    assert queue.accepted == ["6:2"]


async def test_its_place_is_kept_while_redis_is_away(clock: Clock) -> None:
    made, queue = submissions(clock), LimitedQueue(clock, 1)
    queue.accepted.append("6:0")
    one = context("6:1")
    task = asyncio.create_task(made.submit(one, queue.attempt(one)))
    await waiting(one)
    queue.is_away = True
    queue.accepted.clear()
    for _ in range(20):
        await asyncio.sleep(0)
    queue.is_away = False
    assert await task == "6:1"


@pytest.mark.parametrize("error", [QueueFull("", retry_after=3), QueueUnavailable()])
async def test_other_refusals_are_not_waited_for(clock: Clock, error: Exception) -> None:
    async def attempt() -> str:
        raise error

    with pytest.raises(type(error)):
        await submissions(clock).submit(context("6:1"), attempt)
