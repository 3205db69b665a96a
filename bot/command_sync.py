"""Register the commands with Discord, if they changed since the last registration, and learn their ids."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator

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


def command_ids(registered: Iterable[app_commands.AppCommand]) -> dict[str, int]:
    """Return the ids with which slash commands are mentioned, by name; menus have no mention.

    Args:
        registered: The commands as Discord returned them.

    Returns:
        By the names that a mention shows: `ask`, and for a subcommand `captions on`, with its command's id.
    """
    return {
        name: command.id
        for command in registered
        if command.type is discord.AppCommandType.chat_input
        for name in _names(command.name, command.options)
    }


def _names(
    name: str, options: Iterable[app_commands.AppCommandGroup | app_commands.Argument]
) -> Iterator[str]:
    """Yield a command's name, and those of its groups and subcommands."""
    yield name
    for option in options:
        if isinstance(option, app_commands.AppCommandGroup):
            yield from _names(f"{name} {option.name}", option.options)


async def sync(
    tree: app_commands.CommandTree[discord.Client], redis: Client, application: int, *, always: bool = False
) -> list[app_commands.AppCommand] | None:
    """Register the commands with Discord, unless they are those that were registered last. Idempotent.

    Args:
        tree: The commands.
        redis: Where the hash of the last payload is kept.
        application: The application's id.
        always: Register them even if nothing has changed.

    Returns:
        The commands as registered; None if nothing has changed.

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
    return registered


async def sync_at_start(
    tree: app_commands.CommandTree[discord.Client], redis: Client, application: int
) -> dict[str, int]:
    """Register changed commands at the bot's start. If Discord fails, the bot starts with the earlier ones.

    Returns:
        The commands' ids by name, as `command_ids` returns them; empty if Discord fails.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    try:
        registered = await sync(tree, redis, application)
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("commands: not registered (%s); `beholder sync` tries again", type(error).__name__)
        return {}
    try:
        return command_ids(await tree.fetch_commands() if registered is None else registered)
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("commands: their ids are not known (%s); they cannot be clicked", type(error).__name__)
        return {}
