"""Problems of a model server: logged once for each change, stored until they are over."""

import logging
import time

import pytest
from redis.asyncio import Redis

from inference.errors import ChatInterrupted, ChatNotAllowed, ChatUnavailable
from inference.queue.backend_state import PROBLEM_RETENTION_S, BackendState, read_status
from inference.queue.connection import connect
from inference.queue.keys import Keys

AWAY, REFUSED = ChatUnavailable("It is away."), ChatNotAllowed("It refuses me.")


async def test_a_change_is_logged_once_and_the_last_problem_is_read(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    redis = connect(redis_url)
    try:
        await redis.zadd(Keys().workers("converse"), {"one": time.time() + 60, "gone": time.time() - 1})
        state, gone = [BackendState(redis, Keys(), name, "converse") for name in ("one", "gone")]
        for error in (AWAY, AWAY, REFUSED, ChatInterrupted(), REFUSED):
            await state.failed(error)
        await gone.failed(AWAY)
        status = await read_status(redis, Keys())
        assert (status.workers["converse"], status.workers["caption"], status.open_jobs) == (1, 0, 0)
        assert [each.sentence for each in status.problems] == ["It refuses me."]
        assert 0 < await redis.ttl(Keys().problems("converse")) <= PROBLEM_RETENTION_S
        await state.worked()
        await state.worked()
        assert not (await read_status(redis, Keys())).problems
    finally:
        await redis.aclose()
    said = [record.message for record in caplog.records if "one" not in record.name]
    assert said.count("conversations fail: It is away.") == 2
    assert said.count("conversations fail: It refuses me.") == 1
    assert said.count("conversations work again") == 1


async def test_what_another_version_wrote_is_left_out(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as plain:
        await plain.zadd(Keys().workers("converse"), {"one": time.time() + 60})
        await plain.hset(Keys().problems("converse"), "one", "no problem")
    redis = connect(redis_url)
    try:
        assert not (await read_status(redis, Keys())).problems
    finally:
        await redis.aclose()
