"""Register the commands with Discord, if they have changed since they were registered last."""

import hashlib
import json
import logging

import aiohttp
import discord
from discord import app_commands

from inference.queue.connection import Client, translated

log = logging.getLogger(__name__)


def fingerprint(tree: app_commands.CommandTree[discord.Client]) -> str:
    """Return the hash of the payload with which the commands are registered."""
    payload = [command.to_dict(tree) for command in tree.get_commands()]
    text = json.dumps(payload, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


async def sync(
    tree: app_commands.CommandTree[discord.Client], redis: Client, application: int, *, always: bool = False
) -> int | None:
    """Register the commands with Discord, unless they are those that were registered last. Idempotent.

    Args:
        tree: The commands.
        redis: Where the hash of the last payload is kept.
        application: The application's id.
        always: Register them even if nothing has changed.

    Returns:
        The number of registered commands; None if nothing has changed.

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
    registered = await tree.sync()
    async with translated():
        await redis.set(key, new)
    log.info("commands: %d registered with Discord", len(registered))
    return len(registered)


async def sync_at_start(
    tree: app_commands.CommandTree[discord.Client], redis: Client, application: int
) -> None:
    """Register changed commands at the bot's start. If Discord fails, the bot starts with the earlier ones.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    try:
        await sync(tree, redis, application)
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("commands: not registered (%s); `beholder sync` tries again", type(error).__name__)
