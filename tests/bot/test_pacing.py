"""When messages may be edited, by what Discord's headers say."""

import asyncio

from bot.pacing import EVERYWHERE, UNHEARD, EditRateLimiter


def headers(remaining: int, seconds: float) -> dict[str, str]:
    return {"X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset-After": str(seconds)}


async def took(pace: EditRateLimiter, *, last: bool = False, channel: int = 1) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pace.edit(channel, last=last)
    return loop.time() - began


async def test_the_first_edit_goes_at_once_and_the_next_waits_until_something_is_heard() -> None:
    pace = EditRateLimiter()
    assert await took(pace) < 0.1
    waiting = asyncio.create_task(took(pace))
    assert await waiting > UNHEARD * 0.9


async def test_edits_come_evenly_and_one_is_kept_for_the_last() -> None:
    pace = EditRateLimiter()
    for remaining, seconds in ((4, 0.4), (3, 0.3), (2, 0.2)):
        pace.hear(1, headers(remaining, seconds))
        assert 0.09 < await took(pace) < 0.2
    pace.hear(1, headers(1, 0.3))
    assert await took(pace, last=True) < 0.1
    pace.hear(1, headers(0, 0.3))
    assert await took(pace, last=True) > 0.29, "none is left: even the last waits"


async def test_channels_do_not_wait_for_each_other() -> None:
    pace = EditRateLimiter()
    pace.hear(1, headers(0, 60))
    assert await took(pace, channel=2) < 0.2


async def test_all_together_stay_below_the_limit_of_all_requests() -> None:
    pace, loop = EditRateLimiter(), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(pace.edit(channel) for channel in range(20)))
    assert loop.time() - began > 19 / EVERYWHERE * 0.95


async def test_headers_that_say_nothing_change_nothing() -> None:
    pace = EditRateLimiter()
    pace.hear(1, {})
    pace.hear(1, {"X-RateLimit-Remaining": "many", "X-RateLimit-Reset-After": "1"})
    assert await took(pace) < 0.1
