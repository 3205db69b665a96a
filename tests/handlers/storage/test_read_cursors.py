from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.snowflake import EPOCH, id_at, moment_of
from handlers.storage.read_cursors import MARGIN_S, RETENTION_S, ReadCursors
from inference.queue.connection import Client, connect
from tests.handlers.clock import Clock

REACH = 3600.0


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def loaded(redis: Client, clock: Clock) -> ReadCursors:
    marks = ReadCursors(redis, "bot", clock=clock)
    await marks.load()
    return marks


def recent(clock: Clock, seconds_ago: float) -> int:
    return id_at(clock.now - seconds_ago)


async def test_a_bot_that_never_saw_anything_has_missed_nothing(redis: Client, clock: Clock) -> None:
    assert (await loaded(redis, clock)).after(1, reach=REACH) is None


async def test_a_mark_survives_a_restart(redis: Client, clock: Clock) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    marks.seen(1, recent(clock, 10))
    await marks.flush()
    assert (await loaded(redis, clock)).after(1, reach=REACH) == recent(clock, 10)


async def test_a_mark_never_moves_back(redis: Client, clock: Clock) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    marks.seen(1, recent(clock, 10))
    marks.seen(1, recent(clock, 20))
    assert marks.after(1, reach=REACH) == recent(clock, 10)


async def test_a_mark_stays_until_the_channel_has_caught_up(redis: Client, clock: Clock) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    marks.seen(1, recent(clock, 100))
    marks.begin_session()
    marks.seen(1, recent(clock, 10))
    assert marks.after(1, reach=REACH) == recent(clock, 100)
    marks.finish_channel(1)
    assert marks.after(1, reach=REACH) == recent(clock, 10)


async def test_what_could_not_be_looked_at_stays_behind_when_the_others_settle(
    redis: Client, clock: Clock
) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    for channel in (1, 2):
        marks.seen(channel, recent(clock, 100))
    marks.begin_session()
    for channel in (1, 2):
        marks.seen(channel, recent(clock, 10))
    marks.finish_backfill([2])
    assert marks.after(1, reach=REACH) == recent(clock, 10)
    assert marks.after(2, reach=REACH) == recent(clock, 100)


async def test_a_message_that_could_not_be_taken_is_after_the_mark(redis: Client, clock: Clock) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    marks.mark_behind(1, recent(clock, 30))
    marks.seen(1, recent(clock, 10))
    after = marks.after(1, reach=REACH)
    assert after is not None
    assert after < recent(clock, 30)


async def test_a_channel_without_a_mark_is_looked_at_from_a_minute_before_the_newest_anywhere(
    redis: Client, clock: Clock
) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    marks.seen(1, recent(clock, 500))
    await marks.flush()
    assert (await loaded(redis, clock)).after(2, reach=REACH) == recent(clock, 500 + MARGIN_S)


async def test_nothing_is_looked_for_beyond_the_reach(redis: Client, clock: Clock) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    marks.seen(1, recent(clock, 500))
    assert marks.after(1, reach=60) == recent(clock, 60)


async def test_old_marks_go(redis: Client, clock: Clock) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    marks.seen(1, recent(clock, 10), private=True)
    await marks.flush()
    clock.now += RETENTION_S
    assert (await loaded(redis, clock)).private_channels() == ()
    assert await redis.hlen("beholder:marks:bot") == 0


async def test_private_channels_come_with_the_one_heard_last_first(redis: Client, clock: Clock) -> None:
    marks = await loaded(redis, clock)
    marks.finish_backfill([])
    marks.seen(1, recent(clock, 20), private=True)
    marks.seen(2, recent(clock, 10), private=True)
    marks.seen(3, recent(clock, 5))
    await marks.flush()
    assert (await loaded(redis, clock)).private_channels() == (2, 1)


@given(st.floats(EPOCH, EPOCH + 2e9))
def test_an_id_tells_its_moment_to_the_millisecond(moment: float) -> None:
    assert moment_of(id_at(moment)) == pytest.approx(moment, abs=0.0011)
