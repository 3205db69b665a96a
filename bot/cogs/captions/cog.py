"""The captions feature: builds its service, registers it, and stops it."""

from discord.ext import commands

from bot.client import Beholder
from bot.cogs.captions.buttons import TalkButton
from bot.cogs.captions.commands import CaptionCommands
from bot.cogs.captions.service import CaptionService
from handlers.storage.channel_settings import ChannelSettings


class Captions(commands.Cog):
    """Captions posted pictures.

    Args:
        client: The bot.
        channels: Which channels have captions on.
    """

    def __init__(self, client: Beholder, channels: ChannelSettings) -> None:
        self._client = client
        self._service = CaptionService(client, channels)

    async def cog_load(self) -> None:
        """Take messages in, and presses of the button below a caption."""
        self._client.router.register(self._service)
        self._client.add_dynamic_items(TalkButton)

    async def cog_unload(self) -> None:
        """Stop. What has no reply yet stays in the inbox."""
        self._client.remove_dynamic_items(TalkButton)
        self._client.router.unregister(self._service)
        await self._service.stop()


async def setup(client: Beholder) -> None:
    """Add the cogs."""
    channels = ChannelSettings(client.redis, client.settings.caption_channels)
    await client.add_cog(Captions(client, channels))
    await client.add_cog(CaptionCommands(client, channels))
