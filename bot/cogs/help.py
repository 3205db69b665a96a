"""The help feature: `/help` says what the bot can do, to the member who calls it alone."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Beholder
from bot.formatting.help import help_text


class Help(commands.Cog):
    """The cog of `/help`.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client

    @app_commands.command(name="help", description="What I can do, and which picture I look at")
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def help(self, interaction: discord.Interaction[Beholder]) -> None:
        """Say what the bot can do. It needs neither Redis nor a worker."""
        await interaction.response.send_message(
            help_text(self._client.command_ids),
            ephemeral=True,
            allowed_mentions=discord.AllowedMentions.none(),
        )


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Help(client))
