"""`/status`: what works, what waits, and what is wrong, for the one member who asks."""

import asyncio
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Beholder
from bot.formatting.queue_status import format_status
from inference.errors import QueueUnavailable
from inference.queue.redis_state import STATE

REDIS_TIMEOUT_S: Final = 2.0
"""Seconds for Redis: Discord waits three for a response."""


class Status(commands.Cog):
    """The cog of `/status`.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client

    @app_commands.command(name="status", description="See whether I work, and what is wrong if I don't")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def status(self, interaction: discord.Interaction[Beholder]) -> None:
        """Show the status. Addresses and models are shown only to those who manage the server."""
        rights = interaction.permissions
        is_manager = interaction.guild_id is not None and (rights.administrator or rights.manage_guild)
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                status = await self._client.inference.status()
        except TimeoutError:
            raise QueueUnavailable from None
        await interaction.response.send_message(
            format_status(
                status,
                details=is_manager,
                refusals=self._client.refusal_gate.refusals,
                failures=self._client.background.failures,
                redis=STATE.reason,
            ),
            ephemeral=True,
            allowed_mentions=discord.AllowedMentions.none(),
        )


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Status(client))
