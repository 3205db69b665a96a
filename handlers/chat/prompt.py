"""Builds the turns of a chat job from a conversation, each with the images posted with it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from handlers.chat.context_window import FittedHistory
from handlers.chat.models import Exchange, PostedImage
from inference.errors import PictureError
from inference.schema import MAX_PICTURES, MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH, Picture, Turn

PICTURE_WAS_HERE: Final = "(A picture was posted here; it is gone.)"
"""The model reads this in place of an image that was deleted, or is unreadable."""
PICTURES_LEFT_OUT: Final = "(Pictures that were posted here are not shown.)"
"""The model reads this in place of images that did not fit."""
OTHER_FILES: Final = "(Also posted here, and not shown to you, as they are no pictures: {names}.)"
"""The model reads this where files were posted that are no images."""
SUBJECT_TURNS: Final = (
    Turn(role="user", text="(This is what the conversation is about.)"),
    Turn(role="assistant", text="I see it."),
)
"""Turns with the subject's images, and those of turns that were left out, if the first turn has images of its
own."""

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


async def build_prompt(fitted: FittedHistory, put: Put, *, gone: bool = False) -> Prompt:
    """Build the prompt of a conversation.

    Args:
        fitted: The exchanges and images that fit; the last exchange is the one to answer.
        put: Stores an image for the workers.
        gone: Whether images that the conversation began with were deleted.

    Raises:
        PictureError: The turn to answer has images, or is about some, and all of them are gone or unreadable.
        BeholderError: An image cannot be stored.
    """
    apart, images = fitted.apart, list(fitted.images)
    if not images[0] and len(apart) <= MAX_PICTURES:
        apart, images[0] = (), apart
    before = await _store(apart, put)
    stored = await asyncio.gather(*(_store(each, put) for each in images))
    if fitted.images[-1] and not stored[-1].pictures:
        raise stored[-1].errors[0]
    turns: list[Turn] = []
    for start in range(0, len(before.pictures), MAX_PICTURES):
        shown = before.pictures[start : start + MAX_PICTURES]
        turns += [SUBJECT_TURNS[0].model_copy(update={"pictures": shown}), SUBJECT_TURNS[1]]
    speakers = _speakers(fitted.exchanges)
    for number, (each, own) in enumerate(zip(fitted.exchanges, stored, strict=True)):
        lost = bool(own.errors) or (not number and (gone or bool(before.errors)))
        note = PICTURE_WAS_HERE if lost else PICTURES_LEFT_OUT if fitted.left_out[number] else ""
        turns.append(_user_turn(each, speakers[number], own.pictures, note))
        if each.replied is not None and number < len(fitted.exchanges) - 1:
            turns.append(Turn(role="assistant", text=each.replied.text[-MAX_TURN_LENGTH:]))
    return Prompt(
        tuple(turns),
        (*before.images, *(each for own in stored for each in own.images)),
        missing=gone or any(own.errors for own in (before, *stored)),
    )


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


def _user_turn(exchange: Exchange, speaker: str, pictures: tuple[Picture, ...], note: str) -> Turn:
    files = ", ".join(exchange.said.other_files)
    notes = [note, OTHER_FILES.format(names=files) if files else ""]
    text = " ".join(each for each in (*notes, exchange.said.text) if each)
    return Turn(role="user", speaker=speaker, text=text[:MAX_TURN_LENGTH], pictures=pictures)
