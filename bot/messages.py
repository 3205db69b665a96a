"""Messages: whose they are, where they are, and what they say."""

import discord

from bot import talk_replies
from bot.attachments import ImageRef, own_images
from handlers.chat.models import PostedImage, UserTurn
from inference.schema import MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH

_WRITTEN = frozenset({discord.MessageType.default, discord.MessageType.reply})
"""What people write; everything else Discord writes itself."""


def guild_id_of(message: discord.Message) -> int | None:
    """Return the id of a message's server, known or not; None in a DM."""
    if message.guild is not None:
        return message.guild.id
    channel = message.channel
    return channel.guild_id if isinstance(channel, discord.PartialMessageable) else None


def is_private(message: discord.Message) -> bool:
    """Tell whether a message is in a DM."""
    channel = message.channel
    partial = isinstance(channel, discord.PartialMessageable) and channel.type is discord.ChannelType.private
    return message.guild is None and (partial or isinstance(channel, discord.DMChannel))


def is_user_message(message: discord.Message) -> bool:
    """Tell whether a person wrote a message: no bot, no webhook, and not Discord itself."""
    return not message.author.bot and message.webhook_id is None and message.type in _WRITTEN


def can_reply(message: discord.Message) -> bool:
    """Tell whether the bot may write where a message is, as far as is known."""
    guild, channel = message.guild, message.channel
    if guild is None or isinstance(
        channel, discord.PartialMessageable | discord.DMChannel | discord.GroupChannel
    ):
        return True
    rights = channel.permissions_for(guild.me)
    return rights.view_channel and (
        rights.send_messages_in_threads if isinstance(channel, discord.Thread) else rights.send_messages
    )


def is_own_thread(channel: object, me: int) -> bool:
    """Tell whether a channel is a thread that the bot has made: a conversation."""
    return isinstance(channel, discord.Thread) and channel.owner_id == me


def user_turn(message: discord.Message, me: int) -> UserTurn | None:
    """Read what a message says to the bot; None where there is nothing to be seen of it."""
    pictures = tuple(posted_image(message, each) for each in own_images(message))
    text = words(message, me)
    if not text and not pictures:
        return None
    return UserTurn(
        turn_id=message.id,
        speaker=message.author.display_name[:MAX_SPEAKER_LENGTH],
        text=(text or talk_replies.DESCRIBE)[:MAX_TURN_LENGTH],
        pictures=pictures,
        message_id=message.id,
        author_id=message.author.id,
    )


def words(message: discord.Message, me: int) -> str:
    """Return a message's words, without the mention of the bot and with the names of others."""
    text = message.content
    for mine in (f"<@{me}>", f"<@!{me}>"):
        text = text.replace(mine, "")
    for user in message.mentions:
        text = text.replace(f"<@{user.id}>", f"@{user.display_name}")
    return text.strip()


def posted_image(message: discord.Message, picture: ImageRef) -> PostedImage:
    """Note where a picture stands."""
    return PostedImage(
        channel_id=message.channel.id,
        message_id=picture.message_id or message.id,
        key=picture.key,
        url=picture.url,
        size=picture.size,
        spoiler=picture.spoiler,
    )
