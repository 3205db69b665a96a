"""The pace of edits by Discord's rate-limit headers, on a manual clock."""

import asyncio

import pytest

from bot.discord_api.edit_limiter import MAX_PER_SECOND, UNANSWERED_S, EditRateLimiter


class ManualClock:
    """A clock that only `sleep` moves on.

    Attributes:
        now: Its time in seconds.
    """

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def limiter(clock: ManualClock) -> EditRateLimiter:
    return EditRateLimiter(clock, clock.sleep)


def headers(remaining: int, seconds: float) -> dict[str, str]:
    return {"X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset-After": str(seconds)}


async def wait_time(
    limiter: EditRateLimiter, clock: ManualClock, *, last: bool = False, channel: int = 1
) -> float:
    """Return how many seconds an edit waits."""
    began = clock.now
    await limiter.wait_to_edit(channel, last=last)
    return clock.now - began


async def test_the_first_edit_is_sent_at_once_and_the_next_waits_for_an_answer(
    limiter: EditRateLimiter, clock: ManualClock
) -> None:
    assert await wait_time(limiter, clock) == 0
    assert await wait_time(limiter, clock) == pytest.approx(UNANSWERED_S)


async def test_edits_are_spread_evenly_and_one_is_reserved_for_the_last(
    limiter: EditRateLimiter, clock: ManualClock
) -> None:
    for remaining, seconds in ((4, 0.4), (3, 0.3), (2, 0.2)):
        limiter.update(1, headers(remaining, seconds))
        assert await wait_time(limiter, clock) == pytest.approx(0.1)
    limiter.update(1, headers(1, 0.3))
    assert await wait_time(limiter, clock, last=True) <= 1 / MAX_PER_SECOND
    limiter.update(1, headers(0, 0.3))
    assert await wait_time(limiter, clock, last=True) == pytest.approx(0.3), (
        "no request is left: even the last edit waits"
    )


async def test_channels_do_not_wait_for_each_other(limiter: EditRateLimiter, clock: ManualClock) -> None:
    limiter.update(1, headers(0, 60))
    assert await wait_time(limiter, clock, channel=2) == 0


async def test_all_channels_together_stay_below_the_global_limit(
    limiter: EditRateLimiter, clock: ManualClock
) -> None:
    began = clock.now
    for channel in range(20):
        await limiter.wait_to_edit(channel)
    assert clock.now - began == pytest.approx(19 / MAX_PER_SECOND)


async def test_missing_or_malformed_headers_change_nothing(
    limiter: EditRateLimiter, clock: ManualClock
) -> None:
    limiter.update(1, {})
    limiter.update(1, {"X-RateLimit-Remaining": "many", "X-RateLimit-Reset-After": "1"})
    assert await wait_time(limiter, clock) == 0
