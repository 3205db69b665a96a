"""Models of a conversation: its subject, turns, answers and token count, stored in Redis as JSON.

A field's name is its JSON name, which stays as it is: stored conversations must stay readable.
"""

import operator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from handlers.snowflake import Id
from inference.schema import MAX_PICTURES, MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH, MAX_TURNS


class StoredModel(BaseModel):
    """Base of the models stored in Redis: frozen, unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PostedImage(StoredModel):
    """An image in a Discord message.

    Attributes:
        channel_id: The message's channel.
        message_id: The message.
        key: Unique among the message's images.
        url: The address that it had last; valid for about a day.
        size: Bytes of the file, if Discord says.
        spoiler: Whether it is hidden until a user clicks it.
    """

    channel_id: Id
    message_id: Id
    key: str
    url: str = Field(repr=False)
    size: int | None = None
    spoiler: bool = False

    @property
    def which(self) -> tuple[int, str]:
        """The image's identity: its message and key. Its address changes."""
        return self.message_id, self.key


class Subject(StoredModel):
    """The images that a conversation is about.

    Attributes:
        pictures: The images that it began with.
        spoiler: Whether they were posted as spoilers.
        gone: Whether some of them were deleted.
    """

    pictures: tuple[PostedImage, ...] = Field((), max_length=MAX_PICTURES)
    spoiler: bool = False
    gone: bool = False


class UserTurn(StoredModel):
    """A user's turn.

    Attributes:
        turn_id: The message or interaction that it came from; turns are ordered by it.
        speaker: The user's display name.
        text: May be empty if there are images.
        pictures: The images posted with it.
        message_id: The message that its author can edit or delete; None if there is none.
        author_id: The user, if known: two users may have the same name.
        about: The images of the message that it replies to.
        other_files: The names of the files posted with it that are no images.
    """

    turn_id: Id
    speaker: str = Field("", max_length=MAX_SPEAKER_LENGTH)
    text: str = Field(max_length=MAX_TURN_LENGTH)
    pictures: tuple[PostedImage, ...] = Field((), max_length=MAX_PICTURES)
    message_id: Id | None = None
    author_id: Id | None = None
    about: tuple[PostedImage, ...] = Field((), max_length=MAX_PICTURES, exclude_if=operator.not_)
    other_files: tuple[str, ...] = Field((), exclude_if=operator.not_)


class BotReply(StoredModel):
    """The bot's answer to a turn.

    Attributes:
        turn_id: The turn.
        attempt: The interaction that requested another answer; 0 for the first answer.
        text: The whole answer as the model generated it.
        stopped: Whether a user stopped it.
        cut_off: Whether it ended at the limit of its tokens.
        below: What the bot says below it, such as what its model could not look at.
    """

    turn_id: Id
    attempt: Id = 0
    text: str
    stopped: bool = False
    cut_off: bool = Field(False, exclude_if=operator.not_)
    """Stored only where it is set, so that an earlier version reads the others; likewise `below`."""
    below: str = Field("", exclude_if=operator.not_)


class TokenCount(StoredModel):
    """The engine's token count of a prompt and its answer.

    Attributes:
        turns: The turns of the prompt; it answered the last of them.
        tokens: All tokens, including the images' and the answers'.
        pictures: The number of the prompt's images; None in counts of earlier versions.
    """

    turns: tuple[Id, ...] = Field(min_length=1, max_length=MAX_TURNS)
    tokens: int = Field(ge=0)
    pictures: int | None = Field(None, ge=0, exclude_if=lambda value: value is None)


@dataclass(frozen=True)
class Exchange:
    """A user's turn with its answer, if it has one."""

    said: UserTurn
    replied: BotReply | None = None
