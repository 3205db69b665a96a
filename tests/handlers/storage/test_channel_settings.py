from handlers.storage.channel_settings import ChannelSettings
from inference.queue.connection import Client

CHANNEL, THREAD, OTHER = 10, 11, 12


async def test_captions_are_off_unless_the_channel_is_a_default(redis: Client) -> None:
    settings = ChannelSettings(redis, [CHANNEL])
    assert await settings.captions_on(CHANNEL)
    assert not await settings.captions_on(OTHER)


async def test_a_setting_overrides_the_default_until_it_is_deleted(redis: Client) -> None:
    settings = ChannelSettings(redis, [CHANNEL])
    await settings.set_captions(CHANNEL, on=False)
    assert not await ChannelSettings(redis, [CHANNEL]).captions_on(CHANNEL)
    await settings.forget(CHANNEL)
    assert await settings.captions_on(CHANNEL)


async def test_a_thread_inherits_its_channels_setting_unless_it_has_its_own(redis: Client) -> None:
    settings = ChannelSettings(redis)
    await settings.set_captions(CHANNEL, on=True)
    assert await settings.captions_on(THREAD, CHANNEL)
    await settings.set_captions(THREAD, on=False)
    assert not await settings.captions_on(THREAD, CHANNEL)
