"""Create a thread from a message, find the one that was created before, unarchive one."""

import logging

import discord

from bot.discord_api.errors import is_transient

log = logging.getLogger(__name__)


async def thread_for(
    client: discord.Client, channel_id: int, message_id: int, name: str
) -> discord.Thread | None:
    """Create a thread from a message, or return the one that the bot created before. Idempotent.

    Args:
        client: The Discord client.
        channel_id: The message's channel.
        message_id: The message.
        name: The thread's name, 1 to 100 characters.

    Returns:
        The thread; None if the channel has no threads, or the bot may not create one.

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
    """Unarchive a thread. This needs permission to write there, and a thread that is not locked.

    Raises:
        discord.HTTPException: It is locked, or was deleted.
    """
    thread = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
    if isinstance(thread, discord.Thread):
        await thread.edit(archived=False)


def can_create_threads(client: discord.Client, channel_id: int) -> bool:
    """Return whether the bot may create threads from a channel's messages, going by the cache."""
    return _parent(client, channel_id) is not None


def _parent(client: discord.Client, channel_id: int) -> discord.TextChannel | None:
    """Return a channel in which the bot may create threads; None for any other."""
    channel = client.get_channel(channel_id)
    if not isinstance(channel, discord.TextChannel):
        # A thread or a forum's post has no threads of its own, and neither has a DM.
        return None
    rights = channel.permissions_for(channel.guild.me)
    return channel if rights.create_public_threads and rights.send_messages_in_threads else None


async def _existing(client: discord.Client, thread_id: int) -> discord.Thread | None:
    """Return a message's thread, which has the message's id, if the bot created it and it is not locked."""
    try:
        found = client.get_channel(thread_id) or await client.fetch_channel(thread_id)
    except discord.HTTPException as error:
        if is_transient(error):
            raise
        return None
    if not isinstance(found, discord.Thread) or client.user is None:
        return None
    return found if found.owner_id == client.user.id and not found.locked else None
