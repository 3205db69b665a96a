"""The pictures that a command is about, as they are written down until its outcome is there."""

from collections.abc import Sequence

import discord
from pydantic import BaseModel, ConfigDict, Field

from bot.attachments import Carried, claims_picture
from bot.fetching import Fetcher
from bot.looking import Found
from handlers.inbox import Id
from inference.errors import NotAPicture
from inference.jobs import MOST_PICTURES

OPTION = "option"
"""The key of the picture that was given as the command's option."""


class Kept(BaseModel):
    """What is written down."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Image(Kept):
    """A picture, as `bot.attachments.Carried` has it."""

    key: str
    url: str
    size: int | None = None
    spoiler: bool = False


class Place(Kept):
    """The message that pictures come from.

    Attributes:
        channel_id: Where it is.
        message_id: Which it is.
    """

    channel_id: Id
    message_id: Id


class Arguments(Kept):
    """What a command is done with.

    Attributes:
        question: What is asked; None where a caption is wanted.
        images: The pictures; none where they have yet to be found.
        source: The message that carries them; None where they were given as an option.
    """

    question: str | None = None
    images: tuple[Image, ...] = Field((), max_length=MOST_PICTURES)
    source: Place | None = None

    def with_found(self, found: Found) -> "Arguments":
        """Return it with the pictures that were found."""
        source = Place(channel_id=found.channel_id, message_id=found.message_id)
        return self.model_copy(update={"images": images(found.pictures), "source": source})

    def found(self, guild_id: int | None) -> Found | None:
        """Return what was found, where it was."""
        if self.source is None:
            return None
        pictures = tuple(Carried(each.key, each.url, each.size, each.spoiler) for each in self.images)
        return Found(self.source.channel_id, self.source.message_id, guild_id, pictures)


def images(pictures: Sequence[Carried]) -> tuple[Image, ...]:
    """Write down the pictures of a message."""
    return tuple(Image(key=each.key, url=each.url, size=each.size, spoiler=each.spoiler) for each in pictures)


def given(attachment: discord.Attachment, fetcher: Fetcher) -> Image:
    """Take a command's option, by what Discord says of it.

    Raises:
        NotAPicture: It is plainly no picture.
        PictureTooLarge: It is over the limit.
    """
    if not claims_picture(attachment):
        raise NotAPicture("Neither its type nor its name is a picture's.")
    fetcher.check_size(attachment.size)
    return Image(key=OPTION, url=attachment.url, size=attachment.size, spoiler=attachment.is_spoiler())
