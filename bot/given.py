"""The pictures that a command is about: those given as its options, else those that are meant.

They are written down until the command's outcome is there, so that a restart is about the same ones.
"""

from collections.abc import Iterable
from typing import TypeVar

import discord
from pydantic import BaseModel, ConfigDict, Field

from bot.attachments import ImageRef, claims_picture
from bot.call import CommandContext
from bot.client import Beholder
from bot.fetching import Fetcher
from bot.looking import FoundImages, check_may_look, look, look_again
from bot.sources import source
from handlers.ports import ImageSource
from handlers.snowflake import Id
from inference.errors import NotAPicture, PictureError
from inference.schema import MAX_PICTURES


class MessageRef(BaseModel):
    """The message that pictures come from.

    Attributes:
        channel_id: Where it is.
        message_id: Which it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_id: Id
    message_id: Id


class ImageArguments(BaseModel):
    """What is written down of a command.

    Attributes:
        images: The pictures; none where they have yet to be found.
        source: The message that carries them; None where they were given as options.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[ImageRef, ...] = Field((), max_length=MAX_PICTURES)
    source: MessageRef | None = None

    def about(self, guild_id: int | None) -> str:
        """Return a line that names the pictures, where they stand elsewhere."""
        if self.source is None:
            return ""
        return FoundImages(self.source.channel_id, self.source.message_id, guild_id, self.images).line


A = TypeVar("A", bound=ImageArguments)


def given(
    interaction: discord.Interaction[Beholder], options: Iterable[discord.Attachment | None]
) -> tuple[ImageRef, ...]:
    """Take a command's pictures, by what Discord says of them.

    Returns:
        Those that were given, in their order; none where they have to be looked for, and may be.

    Raises:
        NotAPicture: One is plainly no picture (of several: `picture`, its number from 1).
        PictureTooLarge: One is over the limit (of several: `picture`, its number from 1).
        Refused: There is none, and no right to look for one.
    """
    files = [each for each in options if each is not None]
    if not files:
        check_may_look(interaction)
    for number, each in enumerate(files, 1):
        try:
            _check(each, interaction.client.fetcher)
        except PictureError as error:
            which = {"picture": number} if len(files) > 1 else {}
            raise type(error)(str(error), **{**error.detail, **which}) from error
    return tuple(
        ImageRef(str(number), each.url, size=each.size, spoiler=each.is_spoiler())
        for number, each in enumerate(files, 1)
    )


def _check(file: discord.Attachment, fetcher: Fetcher) -> None:
    if not claims_picture(file):
        raise NotAPicture("Neither its type nor its name is a picture's.")
    fetcher.check_size(file.size)


async def with_pictures(client: Beholder, call: CommandContext, kind: type[A]) -> A:
    """Return a command's arguments; where it has no pictures yet, find those that are meant, for good.

    Raises:
        Refused: There are none.
        QueueUnavailable: Redis cannot be reached.
    """
    arguments = kind.model_validate(call.request.arguments)
    if arguments.images:
        return arguments
    found = await look(client, call.request)
    place = MessageRef(channel_id=found.channel_id, message_id=found.message_id)
    arguments = arguments.model_copy(update={"images": found.pictures, "source": place})
    await call.settle(**arguments.model_dump(mode="json"))
    return arguments


def sources(client: Beholder, call: CommandContext, arguments: ImageArguments) -> list[ImageSource]:
    """Make what handlers fetch the pictures by; of one that nobody else sees a small copy is wanted."""
    place = arguments.source

    async def again() -> tuple[ImageRef, ...]:
        if place is None:
            return ()
        return (await look_again(client, call.request, place.channel_id, place.message_id)).pictures

    return [source(client.fetcher, each, again, thumbnail=place is None) for each in arguments.images]
