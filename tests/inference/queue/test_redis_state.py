"""One line for each change of Redis's state, however often calls fail."""

import logging
from dataclasses import dataclass

import pytest
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from inference.queue.redis_state import RedisState


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_change_is_told_once_with_how_long_it_lasted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    state = RedisState(clock)
    for _ in range(1000):
        clock.now += 0.01
        state.failed(NoConnection("refused"))
    clock.now += 1
    for _ in range(1000):
        state.answered()
    assert caplog.messages == [
        "Redis is away, waiting for it: ConnectionError: refused",
        "Redis is back after 11.0 s",
    ]
    assert state.reason == ""


async def test_a_server_that_answers_every_other_call_stays_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    state = RedisState(clock)
    for _ in range(60 * 20):
        clock.now += 0.05
        state.failed(NoConnection())
        state.answered()
    assert len(caplog.messages) == 1


async def test_a_server_that_comes_and_goes_is_told_ever_less_often(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    state = RedisState(clock)
    for second in range(600):
        clock.now = second
        # Two seconds there, two seconds away, for ten minutes.
        if second % 4 < 2:
            state.answered()
        else:
            state.failed(NoConnection())
    assert len(caplog.messages) < 10


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "raise maxmemory"),
        (ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), "make room there"),
        (ReadOnlyError("You can't write against a read only replica."), "name the primary"),
    ],
)
async def test_a_refusal_says_what_to_do(error: Exception, what: str) -> None:
    state = RedisState(Clock())
    state.failed(error)
    assert what in state.reason
