"""Threads: made from a message, found again, unarchived."""

import logging

import discord

from bot.discord_api.errors import is_transient

log = logging.getLogger(__name__)


async def thread_for(
    client: discord.Client, channel_id: int, message_id: int, name: str
) -> discord.Thread | None:
    """Make a thread from a message, or find the one that the bot has made from it before. Idempotent.

    Args:
        client: The Discord client.
        channel_id: The message's channel.
        message_id: The message.
        name: The thread's name, 1 to 100 characters.

    Returns:
        The thread; None where there can be none, or the bot may not make one.

    Raises:
        discord.HTTPException, OSError: Discord cannot be reached.
    """
    channel = _parent(client, channel_id)
    if channel is None:
        return None
    try:
        return await channel.get_partial_message(message_id).create_thread(name=name)
    except discord.HTTPException as error:
        if is_transient(error):
            raise
        log.info("message %d: no thread: status %d, code %d", message_id, error.status, error.code)
    return await _existing(client, message_id)


async def unarchive(client: discord.Client, channel_id: int) -> None:
    """Unarchive a thread. Possible for all who may write there, unless it is locked.

    Raises:
        discord.HTTPException: It is locked, or gone.
    """
    thread = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
    if isinstance(thread, discord.Thread):
        await thread.edit(archived=False)


def may_have_threads(client: discord.Client, channel_id: int) -> bool:
    """Tell whether the bot may make threads from a channel's messages, as far as the cache tells."""
    return _parent(client, channel_id) is not None


def _parent(client: discord.Client, channel_id: int) -> discord.TextChannel | None:
    channel = client.get_channel(channel_id)
    if not isinstance(channel, discord.TextChannel):
        # Threads and a forum's posts are threads already; DMs have none.
        return None
    rights = channel.permissions_for(channel.guild.me)
    return channel if rights.create_public_threads and rights.send_messages_in_threads else None


async def _existing(client: discord.Client, thread_id: int) -> discord.Thread | None:
    """Return the thread that a message has, where the bot has made it. It has the message's id."""
    try:
        found = client.get_channel(thread_id) or await client.fetch_channel(thread_id)
    except discord.HTTPException as error:
        if is_transient(error):
            raise
        return None
    mine = isinstance(found, discord.Thread) and client.user is not None and found.owner_id == client.user.id
    return found if isinstance(found, discord.Thread) and mine and not found.locked else None
