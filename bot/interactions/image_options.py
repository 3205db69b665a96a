"""The pictures that a command is about: those given as its options, else the one that is looked up.

They are stored with the request until its outcome is visible, so that a restart is about the same ones.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import discord
from pydantic import BaseModel, ConfigDict, Field

from bot.formatting.captions import about_line
from bot.images.extract import ImageRef, claims_image, claims_video, own_images
from bot.images.fetcher import Fetcher, image_source
from bot.images.lookup import check_may_look, fetch_images, subject_of
from bot.interactions.dispatcher import CommandContext
from handlers.ports import ImageSource
from handlers.snowflake import Id
from inference.errors import BeholderError, NoPictureUsable, NotAPicture, PictureError
from inference.schema import MAX_PICTURES


class MessageRef(BaseModel):
    """A reference to the message that pictures come from.

    Attributes:
        channel_id: Its channel.
        message_id: Its id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_id: Id
    message_id: Id


class ImageArguments(BaseModel):
    """The stored arguments of a command about pictures. Commands with more arguments extend it.

    Attributes:
        images: The pictures; none where they have yet to be looked up.
        source: The message that has them, or that was chosen and is about them; None where they were given as
            options.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[ImageRef, ...] = Field((), max_length=MAX_PICTURES)
    source: MessageRef | None = None

    def about(self, guild_id: int | None) -> str:
        """Return a line that links to the pictures; empty where they were given as options."""
        if self.source is None:
            return ""
        return about_line(guild_id, self.source.channel_id, self.source.message_id, len(self.images))


A = TypeVar("A", bound=ImageArguments)


def image_options(
    interaction: discord.Interaction[Any], options: Iterable[discord.Attachment | None], fetcher: Fetcher
) -> tuple[ImageRef, ...]:
    """Check a command's attachments, by what Discord says of them, before the interaction is deferred.

    One of several that cannot be used does not keep the others from being used.

    Returns:
        Those that were given, in their order; none where one has to be looked up, and may be.

    Raises:
        NotAPicture: The one is plainly no picture.
        PictureTooLarge: The one is over the limit.
        NoPictureUsable: None of several can be used.
        UserError: There is none, and no permission to look one up.
    """
    files = [each for each in options if each is not None]
    if not files:
        check_may_look(interaction)
    errors: dict[int, BeholderError] = {}
    for number, each in enumerate(files, 1):
        try:
            _check(each, fetcher)
        except PictureError as error:
            errors[number] = error
    if files and len(errors) == len(files):
        raise NoPictureUsable.of(errors)
    return tuple(
        ImageRef(str(number), each.url, size=each.size, spoiler=each.is_spoiler())
        for number, each in enumerate(files, 1)
    )


def chosen_images(
    interaction: discord.Interaction[Any], message: discord.Message
) -> tuple[ImageRef, ...] | None:
    """Return the pictures of a message that was chosen in its menu, before the interaction is deferred.

    Returns:
        None where it is about no picture; none where they have to be looked up: it is a reply, or the bot's.
    """
    client = interaction.client
    if client.user is not None and message.author.id == client.user.id:
        return ()
    return own_images(message) or (() if message.type is discord.MessageType.reply else None)


def _check(file: discord.Attachment, fetcher: Fetcher) -> None:
    if not claims_image(file):
        kind = {"kind": "video"} if claims_video(file) else {}
        raise NotAPicture("Neither its type nor its name is a picture's.", **kind)
    fetcher.check_size(file.size)


async def resolve_images(context: CommandContext, kind: type[A]) -> A:
    """Return a command's arguments; where they have no pictures yet, look them up and store which.

    Raises:
        UserError: There are none.
        PictureGone: They were deleted.
        QueueUnavailable: Redis cannot be reached.
    """
    arguments = kind.model_validate(context.request.arguments)
    source = arguments.source
    if not arguments.images:
        lookup, request = context.lookup, context.request
        found = (
            await lookup.for_command(request)
            if source is None
            else await lookup.at(request.guild_id, source.channel_id, source.message_id)
        )
        source = MessageRef(channel_id=found.channel_id, message_id=found.message_id)
        arguments = arguments.model_copy(update={"images": found.images, "source": source})
        await context.settle(**arguments.model_dump(mode="json"))
    channel_id = source.channel_id if source is not None else context.request.channel_id
    message_id = source.message_id if source is not None else None
    context.subject = subject_of(channel_id, message_id, arguments.images)
    return arguments


def image_sources(context: CommandContext, arguments: ImageArguments) -> list[ImageSource]:
    """Make the sources of a command's pictures. Those given as options are wanted as thumbnails too."""
    source = arguments.source

    async def again() -> tuple[ImageRef, ...]:
        if source is None:
            return ()
        guild_id = context.request.guild_id
        return await fetch_images(context.client, guild_id, source.channel_id, source.message_id)

    return [image_source(context.fetcher, each, again, thumbnail=source is None) for each in arguments.images]
