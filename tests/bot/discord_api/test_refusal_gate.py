"""While Discord refuses this address, nothing is sent, and one request tries for all others."""

import asyncio
import logging
from dataclasses import dataclass

import pytest

from bot.discord_api.refusal_gate import BANNED_AT, WINDOW_S, RefusalGate
from bot.playground.testing.faults import Fault, FaultKind
from bot.playground.testing.observers import Observation, RestExchange
from tests.bot.harness import Harness, picture

SEND = "/channels/{channel_id}/messages"
REFUSAL = {"Retry-After": "30"}
OWN_LIMIT = {"Retry-After": "30", "Via": "1.1 google"}


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_refusal_closes_the_gate_for_as_long_as_it_says() -> None:
    clock = Clock()
    gate = RefusalGate(clock)
    assert not await gate.wait()
    gate.answered(429, REFUSAL, trial=False)
    assert gate.closed_for_s == 30
    clock.now = 29
    assert gate.closed_for_s == 1
    gate.answered(429, {"Retry-After": "nonsense"}, trial=False)
    assert gate.closed_for_s == 5


async def test_a_rate_limit_of_the_apis_own_does_not_close_it() -> None:
    gate = RefusalGate(Clock())
    gate.answered(429, OWN_LIMIT, trial=False)
    assert gate.closed_for_s == 0
    assert gate.refusals == 1


async def test_one_request_tries_for_the_others() -> None:
    clock = Clock()
    gate = RefusalGate(clock)
    gate.answered(429, REFUSAL, trial=False)
    clock.now = 30
    assert await gate.wait()
    others = [asyncio.create_task(gate.wait()) for _ in range(5)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in others)
    gate.answered(200, {}, trial=True)
    assert await asyncio.gather(*others) == [False] * 5


async def test_a_trial_without_an_answer_lets_the_next_one_try() -> None:
    clock = Clock()
    gate = RefusalGate(clock)
    gate.answered(429, REFUSAL, trial=False)
    clock.now = 30
    assert await gate.wait()
    other = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.answered(None, {}, trial=True)
    assert await other


async def test_it_closes_long_before_an_address_is_banned() -> None:
    clock = Clock()
    gate = RefusalGate(clock)
    sent = 0
    while not gate.closed_for_s:
        clock.now += 0.01
        gate.answered((401, 403, 429)[sent % 3], OWN_LIMIT, trial=False)
        sent += 1
    assert sent == BANNED_AT / 2
    assert gate.closed_for_s == pytest.approx(WINDOW_S - clock.now, abs=0.1)
    clock.now += WINDOW_S
    assert (gate.closed_for_s, gate.refusals) == (0, 0)


async def test_a_limit_that_is_shared_with_others_does_not_count() -> None:
    gate = RefusalGate(Clock())
    gate.answered(429, OWN_LIMIT | {"X-RateLimit-Scope": "shared"}, trial=False)
    assert gate.refusals == 0


async def test_many_open_replies_are_refused_once_for_all_of_them(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    posts: list[int] = []

    def count(observed: Observation) -> None:
        if isinstance(observed, RestExchange) and (observed.method, observed.template) == ("POST", SEND):
            posts.append(observed.status)

    harness.pocket.observers.append(count)
    async with harness.bot(), harness.worker():
        fault = Fault(FaultKind.REFUSED, times=1000, method="POST", template=SEND, retry_after_s=1)
        harness.pocket.faults.add(fault)
        sent = [
            await harness.ada.post(harness.pictures, files=[("a.png", picture(f"picture {number}"))])
            for number in range(8)
        ]
        # For three seconds Discord refuses: each of the eight would be tried six times.
        await asyncio.sleep(3)
        harness.pocket.faults.remove(fault)
        replies = [await harness.ada.reply_to(each) for each in sent]
    assert [each["content"] for each in replies] == [f"picture {number}" for number in range(8)]
    # Those that were on their way at the first refusal, and one trial a second.
    assert posts.count(429) <= 8 + 4
    refused = [each for each in caplog.messages if "refuses all requests" in each]
    assert len(refused) == 1
    assert any("takes requests again" in each for each in caplog.messages)
