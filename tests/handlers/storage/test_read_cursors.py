from handlers.snowflake import id_at
from handlers.storage.read_cursors import MARGIN_S, RETENTION_S, ReadCursors
from inference.queue.connection import Client
from tests.handlers.clock import Clock

REACH = 3600.0


async def loaded(redis: Client, clock: Clock) -> ReadCursors:
    cursors = ReadCursors(redis, "bot", clock=clock)
    await cursors.load()
    return cursors


def recent(clock: Clock, seconds_ago: float) -> int:
    return id_at(clock.now - seconds_ago)


async def test_a_bot_that_never_saw_a_message_has_missed_none(redis: Client, clock: Clock) -> None:
    assert (await loaded(redis, clock)).after(1, reach=REACH) is None


async def test_a_cursor_survives_a_restart(redis: Client, clock: Clock) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    cursors.seen(1, recent(clock, 10))
    await cursors.flush()
    assert (await loaded(redis, clock)).after(1, reach=REACH) == recent(clock, 10)


async def test_a_cursor_never_moves_back(redis: Client, clock: Clock) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    cursors.seen(1, recent(clock, 10))
    cursors.seen(1, recent(clock, 20))
    assert cursors.after(1, reach=REACH) == recent(clock, 10)


async def test_a_new_session_holds_a_cursor_until_its_channel_is_finished(
    redis: Client, clock: Clock
) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    cursors.seen(1, recent(clock, 100))
    cursors.begin_session()
    cursors.seen(1, recent(clock, 10))
    assert cursors.after(1, reach=REACH) == recent(clock, 100)
    cursors.finish_channel(1)
    assert cursors.after(1, reach=REACH) == recent(clock, 10)


async def test_channels_that_could_not_be_read_stay_behind(redis: Client, clock: Clock) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    for channel in (1, 2):
        cursors.seen(channel, recent(clock, 100))
    cursors.begin_session()
    for channel in (1, 2):
        cursors.seen(channel, recent(clock, 10))
    cursors.finish_backfill([2])
    assert cursors.after(1, reach=REACH) == recent(clock, 10)
    assert cursors.after(2, reach=REACH) == recent(clock, 100)


async def test_a_message_that_could_not_be_accepted_is_after_the_cursor(redis: Client, clock: Clock) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    cursors.mark_behind(1, recent(clock, 30))
    cursors.seen(1, recent(clock, 10))
    after = cursors.after(1, reach=REACH)
    assert after is not None
    assert after < recent(clock, 30)


async def test_a_channel_without_a_cursor_is_read_from_a_minute_before_the_newest_cursor(
    redis: Client, clock: Clock
) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    cursors.seen(1, recent(clock, 500))
    await cursors.flush()
    assert (await loaded(redis, clock)).after(2, reach=REACH) == recent(clock, 500 + MARGIN_S)


async def test_nothing_before_the_reach_is_read(redis: Client, clock: Clock) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    cursors.seen(1, recent(clock, 500))
    assert cursors.after(1, reach=60) == recent(clock, 60)


async def test_expired_cursors_are_deleted(redis: Client, clock: Clock) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    cursors.seen(1, recent(clock, 10), private=True)
    await cursors.flush()
    clock.now += RETENTION_S
    assert (await loaded(redis, clock)).private_channels() == ()
    assert await redis.hlen("beholder:marks:bot") == 0


async def test_dm_channels_are_sorted_by_their_newest_message(redis: Client, clock: Clock) -> None:
    cursors = await loaded(redis, clock)
    cursors.finish_backfill([])
    cursors.seen(1, recent(clock, 20), private=True)
    cursors.seen(2, recent(clock, 10), private=True)
    cursors.seen(3, recent(clock, 5))
    await cursors.flush()
    assert (await loaded(redis, clock)).private_channels() == (2, 1)
