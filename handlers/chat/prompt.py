"""Builds the turns of a chat job from a conversation, each with the images posted with it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from handlers.chat.models import Exchange, PostedImage, Subject
from inference.errors import PictureError
from inference.schema import MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH, Picture, Turn

PICTURE_WAS_HERE: Final = "(A picture was posted here; it is gone.)"
"""The model reads this in place of an image that was deleted, or is unreadable."""
SUBJECT_TURNS: Final = (
    Turn(role="user", text="(This is what the conversation is about.)"),
    Turn(role="assistant", text="I see it."),
)
"""Turns with the subject's images, if the first turn has images of its own."""

GO_ON: Final = "Go on exactly where you stopped. Repeat nothing."
"""The turn that has the model continue its last answer; it is in no history."""

Put = Callable[[PostedImage], Awaitable[Picture]]
"""Stores an image for the workers; raises `PictureError` if it is gone or unreadable."""


@dataclass(frozen=True)
class Prompt:
    """The turns of a chat job.

    Attributes:
        turns: The oldest first.
        pictures: The turns' images, in order.
        missing: Whether images were left out because they are gone or unreadable.
    """

    turns: tuple[Turn, ...]
    pictures: tuple[PostedImage, ...]
    missing: bool


@dataclass(frozen=True)
class _StoredImages:
    """Images of one turn: those that could be stored, where the workers find them, and the others' errors."""

    images: tuple[PostedImage, ...]
    pictures: tuple[Picture, ...]
    errors: tuple[PictureError, ...]


async def build_prompt(subject: Subject, exchanges: Sequence[Exchange], put: Put) -> Prompt:
    """Build the prompt of a conversation.

    Args:
        subject: The conversation's subject.
        exchanges: The exchanges of the prompt, the oldest first; the last is the one to answer.
        put: Stores an image for the workers.

    Raises:
        PictureError: The turn to answer has images, and all of them are gone or unreadable.
        BeholderError: An image cannot be stored.
    """
    images = [each.said.pictures for each in exchanges]
    images[0] = _without_subject(images[0], subject)
    is_apart = bool(subject.pictures) and bool(images[0])
    if not is_apart:
        images[0] = images[0] or subject.pictures
    about = await _store(subject.pictures if is_apart else (), put)
    stored = await asyncio.gather(*(_store(each, put) for each in images))
    if stored[-1].errors and not stored[-1].pictures:
        raise stored[-1].errors[0]
    turns: list[Turn] = []
    if about.pictures:
        turns += [SUBJECT_TURNS[0].model_copy(update={"pictures": about.pictures}), SUBJECT_TURNS[1]]
    speakers = _speakers(exchanges)
    for number, (each, own) in enumerate(zip(exchanges, stored, strict=True)):
        gone = bool(own.errors) or (not number and (subject.gone or bool(about.errors)))
        turns.append(_user_turn(each, speakers[number], own.pictures, gone=gone))
        if each.replied is not None and number < len(exchanges) - 1:
            turns.append(Turn(role="assistant", text=each.replied.text[-MAX_TURN_LENGTH:]))
    return Prompt(
        tuple(turns),
        (*about.images, *(each for own in stored for each in own.images)),
        missing=subject.gone or any(own.errors for own in (about, *stored)),
    )


def _without_subject(pictures: tuple[PostedImage, ...], subject: Subject) -> tuple[PostedImage, ...]:
    known = {each.which for each in subject.pictures}
    return tuple(each for each in pictures if each.which not in known)


async def _store(images: tuple[PostedImage, ...], put: Put) -> _StoredImages:
    async def attempt(image: PostedImage) -> Picture | PictureError:
        try:
            return await put(image)
        except PictureError as error:
            return error

    outcomes = list(zip(images, await asyncio.gather(*(attempt(each) for each in images)), strict=True))
    return _StoredImages(
        tuple(image for image, each in outcomes if isinstance(each, Picture)),
        tuple(each for _, each in outcomes if isinstance(each, Picture)),
        tuple(each for _, each in outcomes if isinstance(each, PictureError)),
    )


def _speakers(exchanges: Sequence[Exchange]) -> list[str]:
    """Return each turn's speaker; users of the same name are told apart by a number, such as `Ada (2)`."""
    authors: dict[str, list[int]] = {}
    speakers = []
    for turn in (each.said for each in exchanges):
        namesakes = authors.setdefault(turn.speaker, [])
        if turn.author_id is not None and turn.author_id not in namesakes:
            namesakes.append(turn.author_id)
        number = namesakes.index(turn.author_id) + 1 if turn.author_id is not None else 1
        suffix = f" ({number})" if number > 1 else ""
        speakers.append(turn.speaker[: MAX_SPEAKER_LENGTH - len(suffix)] + suffix)
    return speakers


def _user_turn(exchange: Exchange, speaker: str, pictures: tuple[Picture, ...], *, gone: bool) -> Turn:
    text = exchange.said.text
    text = f"{PICTURE_WAS_HERE} {text}".strip() if gone else text
    return Turn(role="user", speaker=speaker, text=text[:MAX_TURN_LENGTH], pictures=pictures)
