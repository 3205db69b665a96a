"""Register the commands with Discord when they have changed, and not at every start."""

import hashlib
import json
import logging

import aiohttp
import discord
from discord import app_commands

from inference.queue.connection import Client, translated

log = logging.getLogger(__name__)


def fingerprint(tree: app_commands.CommandTree[discord.Client]) -> str:
    """Hash the payload that would be sent."""
    payload = [command.to_dict(tree) for command in tree.get_commands()]
    text = json.dumps(payload, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


async def sync(
    tree: app_commands.CommandTree[discord.Client], redis: Client, application: int, *, always: bool = False
) -> int | None:
    """Register the commands with Discord, where they differ from those registered last. Idempotent.

    Args:
        tree: The commands.
        redis: Where the hash of the last payload is kept.
        application: The application's id.
        always: Register them in any case.

    Returns:
        How many were registered; None where nothing changed.

    Raises:
        QueueUnavailable: Redis cannot be reached.
        discord.DiscordException: Discord refuses them.
        aiohttp.ClientError, OSError: Discord cannot be reached.
    """
    key, new = f"beholder:commands:{application}", fingerprint(tree)
    async with translated():
        old = await redis.get(key)
    if old == new.encode() and not always:
        return None
    told = await tree.sync()
    async with translated():
        await redis.set(key, new)
    log.info("commands: Discord was told %d", len(told))
    return len(told)


async def sync_at_start(
    tree: app_commands.CommandTree[discord.Client], redis: Client, application: int
) -> None:
    """Do so at the bot's start. It goes on where Discord fails: the commands registered before stay.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    try:
        await sync(tree, redis, application)
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("commands: Discord was not told (%s); `beholder sync` tries again", type(error).__name__)
