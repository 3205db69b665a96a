"""The first response to an interaction: within three seconds, once."""

import asyncio
import logging

import aiohttp
import discord

log = logging.getLogger(__name__)

SECONDS = 2.5
"""For which deferring is tried; Discord waits for three."""
PAUSE = 0.2
ACKNOWLEDGED = 40060
"""Discord's error code where an interaction has its first response: an earlier attempt came through."""


async def deferred(interaction: discord.Interaction, *, private: bool) -> bool:
    """Defer an interaction: what comes of it appears later, and is ephemeral or not from now on.

    Returns:
        Whether it is deferred; if not, Discord tells the person that the application did not respond.
    """
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                if await _attempt(interaction, private=private):
                    return True
                await asyncio.sleep(PAUSE)
    except (discord.HTTPException, TimeoutError) as error:
        log.warning("interaction %d: not deferred (%s)", interaction.id, type(error).__name__)
        return False


async def _attempt(interaction: discord.Interaction, *, private: bool) -> bool:
    try:
        await interaction.response.defer(ephemeral=private, thinking=True)
    except discord.HTTPException as error:
        if error.code == ACKNOWLEDGED:
            return True
        if error.status >= 500:
            return False
        raise
    except (aiohttp.ClientError, OSError):
        return False
    return True
