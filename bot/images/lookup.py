"""Look up the picture that a command is about, where none is given: the thread's, else the channel's newest.

Only what the asker may read is read, so that nobody learns of a picture that they could not see.
"""

import logging
from dataclasses import dataclass

import discord

from bot.discord_api.errors import DISCORD_ERRORS
from bot.discord_api.messages import messageable
from bot.errors import UserError
from bot.images.extract import ImageRef, extract_images
from handlers.storage.inbox import OpenCommand
from inference.errors import PictureGone

log = logging.getLogger(__name__)

HISTORY_LIMIT = 50
"""Messages that are read."""

NO_PICTURE = (
    f"I see no picture in the last {HISTORY_LIMIT} messages here. Give me one with the command's `image` "
    "option, or post one and call the command again."
)
YOU_MAY_NOT = (
    "You may not read this channel's message history, so I don't look for a picture in it. Give me one with "
    "the command's `image` option."
)
I_MAY_NOT = (
    "I may not read this channel's message history, so I can't look for a picture in it. Give me one with "
    "the command's `image` option, or ask an admin to grant me Read Message History here."
)
NOT_REACHED = "Discord did not let me look for a picture just now. Try again in a minute."


@dataclass(frozen=True)
class FoundImages:
    """A message with pictures.

    Attributes:
        channel_id: Its channel.
        message_id: Its id.
        images: At least one, in the order in which Discord shows them.
    """

    channel_id: int
    message_id: int
    images: tuple[ImageRef, ...]


def check_may_look(interaction: discord.Interaction) -> None:
    """Refuse, before the interaction is deferred, to look where the member or the bot may not read.

    Raises:
        UserError: One of them may not.
    """
    if interaction.guild_id is None:
        return
    if not _may_read(interaction.permissions):
        raise UserError(YOU_MAY_NOT)
    if not _may_read(interaction.app_permissions):
        raise UserError(I_MAY_NOT)


def _may_read(permissions: discord.Permissions) -> bool:
    return permissions.administrator or (permissions.view_channel and permissions.read_message_history)


async def find_images(client: discord.Client, request: OpenCommand) -> FoundImages:
    """Find the picture that a command without one is about. `check_may_look` was passed before.

    Raises:
        UserError: There is none, or Discord cannot be asked.
    """
    try:
        channel = await _channel(client, request)
        found = await _thread_starter(client, channel) if isinstance(channel, discord.Thread) else None
        found = found or await _newest(channel)
    except discord.Forbidden as error:
        raise UserError(I_MAY_NOT) from error
    except DISCORD_ERRORS as error:
        log.warning("%s: the channel was not read (%s)", request.id, type(error).__name__)
        raise UserError(NOT_REACHED) from error
    if found is None:
        raise UserError(NO_PICTURE)
    return found


async def fetch_images(
    client: discord.Client, guild_id: int | None, channel_id: int, message_id: int
) -> tuple[ImageRef, ...]:
    """Fetch a message again for its pictures: their addresses may have expired.

    Raises:
        PictureGone: It is gone, has no picture any more, or cannot be fetched right now.
    """
    channel = messageable(client, channel_id, guild_id)
    try:
        message = await channel.fetch_message(message_id)
    except DISCORD_ERRORS as error:
        raise PictureGone("The message could not be fetched from Discord.") from error
    images = extract_images(message, asked=True)
    if not images or message.flags.ephemeral:
        raise PictureGone("The message has no picture any more.")
    return images


async def _channel(client: discord.Client, request: OpenCommand) -> discord.abc.Messageable:
    """Return the channel of a command; a thread that is not cached is fetched, to be known as one."""
    if request.guild_id is not None and client.get_channel(request.channel_id) is None:
        fetched = await client.fetch_channel(request.channel_id)
        if isinstance(fetched, discord.abc.Messageable):
            return fetched
    return messageable(client, request.channel_id, request.guild_id)


async def _thread_starter(client: discord.Client, thread: discord.Thread) -> FoundImages | None:
    """Return the message that a thread was made from, in its parent or, in a forum, in the thread itself."""
    channel_id = thread.id if isinstance(thread.parent, discord.ForumChannel) else thread.parent_id
    channel = client.get_partial_messageable(channel_id, guild_id=thread.guild.id)
    try:
        return _found(await channel.fetch_message(thread.id))
    except (discord.NotFound, discord.Forbidden):
        return None


async def _newest(channel: discord.abc.Messageable) -> FoundImages | None:
    async for message in channel.history(limit=HISTORY_LIMIT):
        found = _found(message)
        if found is not None:
            return found
    return None


def _found(message: discord.Message) -> FoundImages | None:
    """Return a message that shows pictures of its own to everyone who can read it."""
    shows = message.attachments or message.embeds or message.stickers or message.message_snapshots
    if not shows or message.flags.ephemeral:
        return None
    images = extract_images(message, asked=True)
    return FoundImages(message.channel.id, message.id, images) if images else None
