"""A sentence for whoever pressed, called or chose something, and for nobody else."""

import logging
from typing import Any

import aiohttp
import discord

log = logging.getLogger(__name__)


async def tell(interaction: discord.Interaction[Any], sentence: str) -> None:
    """Say something to one person, where Discord lets us."""
    nobody = discord.AllowedMentions.none()
    try:
        if interaction.response.is_done():
            await interaction.followup.send(sentence, ephemeral=True, allowed_mentions=nobody)
        else:
            await interaction.response.send_message(sentence, ephemeral=True, allowed_mentions=nobody)
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as problem:
        log.warning("interaction %d: not told (%s)", interaction.id, type(problem).__name__)
