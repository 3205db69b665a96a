"""Which picture is meant where none is given: the one that a thread is about, else the newest in the channel.

Only what the asker may read is looked at, so that nobody hears of a picture that they could not see.
"""

import logging
from dataclasses import dataclass

import aiohttp
import discord

from bot.attachments import ImageRef, extract_images
from bot.call import UserError
from handlers.storage.inbox import OpenCommand
from inference.errors import PictureGone

log = logging.getLogger(__name__)

HISTORY_LIMIT = 50
"""Messages back."""

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
        channel_id: Where it is.
        message_id: Which it is.
        guild_id: The server; None in a DM.
        pictures: At least one, in the order in which Discord shows them.
    """

    channel_id: int
    message_id: int
    guild_id: int | None
    pictures: tuple[ImageRef, ...]

    @property
    def line(self) -> str:
        """Name it in a line of small print, with a link that jumps to it."""
        place = "@me" if self.guild_id is None else self.guild_id
        url = f"https://discord.com/channels/{place}/{self.channel_id}/{self.message_id}"
        which = "this picture" if len(self.pictures) == 1 else "these pictures"
        return f"-# About [{which}]({url})"


def check_may_look(interaction: discord.Interaction) -> None:
    """Refuse, before deferring, to look where the asker or the bot may not read.

    Raises:
        Refused: One of them may not.
    """
    if interaction.guild_id is None:
        return
    if not _reads(interaction.permissions):
        raise UserError(YOU_MAY_NOT)
    if not _reads(interaction.app_permissions):
        raise UserError(I_MAY_NOT)


def _reads(rights: discord.Permissions) -> bool:
    return rights.administrator or (rights.view_channel and rights.read_message_history)


async def look(client: discord.Client, request: OpenCommand) -> FoundImages:
    """Find the picture that is meant; `check_may_look` was passed.

    Raises:
        Refused: There is none, or Discord cannot be asked.
    """
    try:
        channel = await _channel(client, request)
        found = await _starter(client, channel) if isinstance(channel, discord.Thread) else None
        found = found or await _newest(channel)
    except discord.Forbidden as error:
        raise UserError(I_MAY_NOT) from error
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("%s: the channel was not read (%s)", request.id, type(error).__name__)
        raise UserError(NOT_REACHED) from error
    if found is None:
        raise UserError(NO_PICTURE)
    return found


async def look_again(
    client: discord.Client, request: OpenCommand, channel_id: int, message_id: int
) -> FoundImages:
    """Find the pictures of a message that was found before; their addresses may have expired.

    Raises:
        PictureGone: It is not there any more, or cannot be had right now.
    """
    kind = discord.ChannelType.private if request.guild_id is None else None
    channel = client.get_partial_messageable(channel_id, guild_id=request.guild_id, type=kind)
    try:
        message = await channel.fetch_message(message_id)
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PictureGone("The message could not be had from Discord.") from error
    found = _found_in(message, extract_images(message, asked=True))
    if found is None or message.flags.ephemeral:
        raise PictureGone("The message has no picture any more.")
    return found


async def _channel(client: discord.Client, request: OpenCommand) -> discord.abc.Messageable:
    """Find where a command was called; a thread must be known as one."""
    known = client.get_channel(request.channel_id)
    if known is None and request.guild_id is not None:
        known = await client.fetch_channel(request.channel_id)
    if isinstance(known, discord.abc.Messageable):
        return known
    return client.get_partial_messageable(request.channel_id, type=discord.ChannelType.private)


async def _starter(client: discord.Client, thread: discord.Thread) -> FoundImages | None:
    """Return the message that a thread was made from, in its parent or, in a forum, in the thread itself."""
    place = thread.id if isinstance(thread.parent, discord.ForumChannel) else thread.parent_id
    channel = client.get_partial_messageable(place, guild_id=thread.guild.id)
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
    return _found_in(message, extract_images(message, asked=True))


def _found_in(message: discord.Message, pictures: tuple[ImageRef, ...]) -> FoundImages | None:
    guild_id = getattr(message.channel, "guild_id", None) or (message.guild.id if message.guild else None)
    return FoundImages(message.channel.id, message.id, guild_id, pictures) if pictures else None
