"""Discord messages -> turns of a conversation."""

import discord

from bot.cogs.chat.strings import DESCRIBE
from bot.formatting.mentions import message_words
from bot.images.extract import ImageRef, other_files, own_images
from handlers.chat.models import PostedImage, UserTurn
from handlers.text import tidy
from inference.schema import MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH


def user_turn(message: discord.Message, bot_id: int) -> UserTurn | None:
    """Read a message as a turn; None where it has neither text nor pictures that the bot can see."""
    pictures = tuple(posted_image(message, each) for each in own_images(message))
    text = message_words(message, bot_id)
    if not text and not pictures:
        return None
    return UserTurn(
        turn_id=message.id,
        speaker=tidy(message.author.display_name)[:MAX_SPEAKER_LENGTH],
        text=(text or DESCRIBE)[:MAX_TURN_LENGTH],
        pictures=pictures,
        message_id=message.id,
        author_id=message.author.id,
        other_files=other_files(message),
    )


def posted_image(message: discord.Message, image: ImageRef) -> PostedImage:
    """Make the stored reference to a picture of a message."""
    return image_in(message.channel.id, message.id, image)


def image_in(channel_id: int, message_id: int, image: ImageRef) -> PostedImage:
    """Make the stored reference to a picture.

    Args:
        channel_id: The channel.
        message_id: The message, where the picture does not name another.
        image: The picture.
    """
    return PostedImage(
        channel_id=channel_id,
        message_id=image.message_id or message_id,
        key=image.key,
        url=image.url,
        size=image.size,
        spoiler=image.spoiler,
    )
