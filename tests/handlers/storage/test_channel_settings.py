from collections.abc import AsyncIterator

import pytest

from handlers.storage.channel_settings import ChannelSettings
from inference.queue.connection import Client, connect

CHANNEL, THREAD, OTHER = 10, 11, 12


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def test_captions_are_off_unless_a_default_says_otherwise(redis: Client) -> None:
    preferences = ChannelSettings(redis, [CHANNEL])
    assert await preferences.captions_on(CHANNEL)
    assert not await preferences.captions_on(OTHER)


async def test_a_choice_overrides_the_default_until_it_is_forgotten(redis: Client) -> None:
    preferences = ChannelSettings(redis, [CHANNEL])
    await preferences.set_captions(CHANNEL, on=False)
    assert not await ChannelSettings(redis, [CHANNEL]).captions_on(CHANNEL)
    await preferences.forget(CHANNEL)
    assert await preferences.captions_on(CHANNEL)


async def test_a_thread_does_as_its_channel_unless_it_has_chosen(redis: Client) -> None:
    preferences = ChannelSettings(redis)
    await preferences.set_captions(CHANNEL, on=True)
    assert await preferences.captions_on(THREAD, CHANNEL)
    await preferences.set_captions(THREAD, on=False)
    assert not await preferences.captions_on(THREAD, CHANNEL)
