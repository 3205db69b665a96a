"""What was said in a conversation, and how much of it fits into a model's context."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from handlers.snowflake import Id
from inference.schema import MAX_CHAT_PICTURES, MAX_PICTURES, MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH, MAX_TURNS

TURN_TOKENS: Final = 12
"""Of what stands around a turn: the speaker's role and name."""
BYTES_PER_TOKEN: Final = 3.0
"""Of text in UTF-8. English has about 4, most languages fewer: too many tokens are better than too few."""
MAX_REPLY_TOKENS: Final = 1024
"""Tokens that are left for the answer, at most."""
SUBJECT_SHARE: Final = 0.7
"""Of the room, for the pictures that a conversation is about: an album must leave some for what is said."""
IMPLAUSIBLE: Final = 0.4
"""A count of tokens below this share of the estimate is of what the engine did not have in its cache."""


@dataclass(frozen=True)
class TokenSizes:
    """How many tokens things have, as far as is known of the model.

    Attributes:
        picture: Of one picture. LLaVA has 576 patches of one of 336 x 336 pixels, and some tokens around.
        text: For each token of text that is estimated here.
    """

    picture: float = 600.0
    text: float = 1.0


SIZES: Final = TokenSizes()
"""What is assumed of a model that has said nothing."""


class StoredModel(BaseModel):
    """The base of what Redis keeps."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PostedImage(StoredModel):
    """A picture that stands in Discord.

    Attributes:
        channel_id: Where its message is.
        message_id: Its message.
        key: Tells it from the message's others.
        url: Where its bytes were last; good for about a day.
        size: The file's bytes as Discord says, where it says.
        spoiler: Whether it is hidden until somebody clicks.
    """

    channel_id: Id
    message_id: Id
    key: str
    url: str = Field(repr=False)
    size: int | None = None
    spoiler: bool = False

    @property
    def which(self) -> tuple[int, str]:
        """What tells it from every other; its address changes."""
        return self.message_id, self.key


class Subject(StoredModel):
    """What a conversation is about. It is never trimmed.

    Attributes:
        pictures: The pictures that it began with.
        spoiler: Whether they were posted behind a spoiler.
        gone: Whether there were more, which have been deleted.
    """

    pictures: tuple[PostedImage, ...] = Field((), max_length=MAX_PICTURES)
    spoiler: bool = False
    gone: bool = False


class UserTurn(StoredModel):
    """What a person said.

    Attributes:
        turn_id: The message, or the interaction, that it was said with; turns are in the order of these.
        speaker: The person's display name.
        text: Their words; may be empty where there are pictures.
        pictures: What they posted with it.
        message_id: The message that they can edit or delete; None where there is none.
        author_id: Who they are, where that is known: two people may have one name.
    """

    turn_id: Id
    speaker: str = Field("", max_length=MAX_SPEAKER_LENGTH)
    text: str = Field(max_length=MAX_TURN_LENGTH)
    pictures: tuple[PostedImage, ...] = Field((), max_length=MAX_PICTURES)
    message_id: Id | None = None
    author_id: Id | None = None

    def tokens(self, sizes: TokenSizes) -> float:
        """Estimate what it takes of the model's context."""
        return sizes.text * estimate(self.speaker + self.text) + sizes.picture * len(self.pictures)


class BotReply(StoredModel):
    """What the bot answered.

    Attributes:
        turn_id: To which turn.
        attempt: As the request has it.
        text: The whole answer as the model gave it.
        stopped: Somebody stopped it.
    """

    turn_id: Id
    attempt: Id = 0
    text: str
    stopped: bool = False

    def tokens(self, sizes: TokenSizes) -> float:
        """Estimate what it takes of the model's context."""
        return sizes.text * estimate(self.text)


class TokenCount(StoredModel):
    """What the engine counted.

    Attributes:
        turns: The turns that it was given, the last of which it answered.
        tokens: All of it, pictures and answers included.
    """

    turns: tuple[Id, ...] = Field(min_length=1, max_length=MAX_TURNS)
    tokens: int = Field(ge=0)


@dataclass(frozen=True)
class Exchange:
    """A turn with its answer, where it has one."""

    said: UserTurn
    replied: BotReply | None = None

    def tokens(self, sizes: TokenSizes) -> float:
        """Estimate what both take of the model's context."""
        return self.said.tokens(sizes) + (self.replied.tokens(sizes) if self.replied else 0)


@dataclass(frozen=True)
class FittedHistory:
    """What fits.

    Attributes:
        subject: With the pictures that there is room for.
        exchanges: The oldest first; the last is the one to be answered.
        dropped: Whether any were left out.
        unseen: How many of the subject's pictures were left out.
    """

    subject: Subject
    exchanges: tuple[Exchange, ...]
    dropped: bool
    unseen: int = 0


def estimate(text: str) -> int:
    """Estimate how many tokens a turn with this text has."""
    return TURN_TOKENS + round(len(text.encode(errors="replace")) / BYTES_PER_TOKEN + 0.5)


def measured(
    given: FittedHistory, prompt_tokens: int | None, reply_tokens: int | None, sizes: TokenSizes = SIZES
) -> TokenCount | None:
    """Make what is kept of the engine's count; None where it gave none that can be believed."""
    guess = guessed(given.subject, given.exchanges, sizes)
    if prompt_tokens is None or prompt_tokens < IMPLAUSIBLE * guess:
        return None
    turns = tuple(each.said.turn_id for each in given.exchanges)
    return TokenCount(turns=turns, tokens=prompt_tokens + (reply_tokens or 0))


def trim(
    subject: Subject,
    exchanges: Sequence[Exchange],
    known: TokenCount | None,
    context: int,
    sizes: TokenSizes = SIZES,
) -> FittedHistory:
    """Leave out what does not fit: the oldest first, but never what the conversation is about.

    Args:
        subject: What it is about: its pictures count, and come before everything else.
        exchanges: All, the oldest first; the last is the one to be answered.
        known: What the engine counted for the turn before.
        context: Tokens that the model reads, its answer included.
        sizes: What is known of the model.

    Returns:
        Always the last one; the first one as long as it fits beside the last; of the subject's pictures those
        that fit into `SUBJECT_SHARE` of the room, at least one.
    """
    room = context - min(MAX_REPLY_TOKENS, context // 4)
    most = max(1, int(room * SUBJECT_SHARE / sizes.picture))
    about = subject.model_copy(update={"pictures": subject.pictures[:most]})
    first, rest = list(exchanges[:1]), list(exchanges[1:][-MAX_TURNS // 2 :])

    def newest(head: list[Exchange]) -> list[Exchange]:
        """Return `head` with as many of the newest others as fit, the last in any case."""
        tail = list(rest)
        while len(tail) > 1 and not fits([*head, *tail]):
            tail.pop(0)
        return [*head, *tail]

    def fits(kept: list[Exchange]) -> bool:
        return _can_be_sent(about, kept) and _tokens(about, kept, exchanges, known, sizes) <= room

    kept = newest(first)
    if rest and not fits(kept):
        # A long first turn: what the conversation is about comes with whatever is first, its words go.
        kept = newest([])
    unseen = len(subject.pictures) - len(about.pictures)
    return FittedHistory(about, tuple(kept), dropped=len(kept) < len(exchanges), unseen=unseen)


def _can_be_sent(subject: Subject, kept: Sequence[Exchange]) -> bool:
    # Two more may stand around the subject's pictures.
    turns = 2 + sum(2 if each.replied else 1 for each in kept)
    pictures = sum(len(each.said.pictures) for each in kept) + len(subject.pictures)
    return turns <= MAX_TURNS and pictures <= MAX_CHAT_PICTURES


def _tokens(
    subject: Subject,
    kept: Sequence[Exchange],
    exchanges: Sequence[Exchange],
    known: TokenCount | None,
    sizes: TokenSizes,
) -> float:
    """Count what is known, and estimate what has come or gone since."""
    if known is None:
        return guessed(subject, kept, sizes)
    ids, counted = {each.said.turn_id for each in kept}, set(known.turns)
    new = sum(each.tokens(sizes) for each in kept if each.said.turn_id not in counted)
    left_out = sum(
        each.tokens(sizes)
        for each in exchanges
        if each.said.turn_id in counted and each.said.turn_id not in ids
    )
    return max(0, known.tokens - left_out) + new


def guessed(subject: Subject, exchanges: Sequence[Exchange], sizes: TokenSizes) -> float:
    """Estimate how many tokens a conversation has, its pictures included."""
    return sizes.picture * len(subject.pictures) + sum(each.tokens(sizes) for each in exchanges)


def learned(exchanges: Sequence[Exchange], pictures: int, tokens: int, picture_tokens: int) -> TokenSizes:
    """Learn from a model that has counted a conversation.

    Args:
        exchanges: What the model was given.
        pictures: How many it was given.
        tokens: How many it counted.
        picture_tokens: How many of those are its pictures'.
    """
    text = sum(each.tokens(TokenSizes(picture=0.0)) for each in exchanges)
    return TokenSizes(
        picture=picture_tokens / pictures if pictures else SIZES.picture,
        text=(tokens - picture_tokens) / text,
    )
