"""What of a conversation goes to a worker: its turns, each with the pictures that came with it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from handlers.chat.models import Exchange, PostedImage, Subject
from inference.errors import PictureError
from inference.schema import MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH, Picture, Turn

PICTURE_WAS_HERE: Final = "(A picture was posted here; it is gone.)"
"""What the model reads where a picture was deleted, or cannot be read."""
ABOUT: Final = (
    Turn(role="user", text="(This is what the conversation is about.)"),
    Turn(role="assistant", text="I see it."),
)
"""Around the subject's pictures, where the first turn has others: each turn knows which picture came when."""

Put = Callable[[PostedImage], Awaitable[Picture]]


@dataclass(frozen=True)
class Prompt:
    """What goes to a worker.

    Attributes:
        turns: The oldest first.
        pictures: Those that the turns have, in their order.
        missing: Whether one is left out that is gone or cannot be read.
    """

    turns: tuple[Turn, ...]
    pictures: tuple[PostedImage, ...]
    missing: bool


@dataclass(frozen=True)
class _Usable:
    shown: tuple[PostedImage, ...]
    put: tuple[Picture, ...]
    errors: tuple[PictureError, ...]


async def build_prompt(subject: Subject, exchanges: Sequence[Exchange], put: Put) -> Prompt:
    """Write a conversation down.

    Args:
        subject: What it is about.
        exchanges: What the model gets, the oldest first; the last is the one to be answered.
        put: Has a picture where the worker finds it; raises PictureError where that cannot be.

    Raises:
        PictureError: The turn to be answered has pictures, and none of them can be used.
        BeholderError: A picture cannot be put.
    """
    wanted = [each.said.pictures for each in exchanges]
    wanted[0] = _others(wanted[0], subject)
    apart = bool(subject.pictures) and bool(wanted[0])
    if not apart:
        wanted[0] = wanted[0] or subject.pictures
    about = await _usable(subject.pictures if apart else (), put)
    found = await asyncio.gather(*(_usable(each, put) for each in wanted))
    if found[-1].errors and not found[-1].put:
        raise found[-1].errors[0]
    turns: list[Turn] = [ABOUT[0].model_copy(update={"pictures": about.put}), ABOUT[1]] if about.put else []
    names = _names(exchanges)
    for number, (each, usable) in enumerate(zip(exchanges, found, strict=True)):
        gone = bool(usable.errors) or (not number and (subject.gone or bool(about.errors)))
        turns.append(_said(each, names[number], usable.put, gone=gone))
        if each.replied is not None and number < len(exchanges) - 1:
            turns.append(Turn(role="assistant", text=each.replied.text[:MAX_TURN_LENGTH]))
    return Prompt(
        tuple(turns),
        (*about.shown, *(each for usable in found for each in usable.shown)),
        missing=subject.gone or any(usable.errors for usable in (about, *found)),
    )


def _others(pictures: tuple[PostedImage, ...], subject: Subject) -> tuple[PostedImage, ...]:
    known = {each.which for each in subject.pictures}
    return tuple(each for each in pictures if each.which not in known)


async def _usable(pictures: tuple[PostedImage, ...], put: Put) -> _Usable:
    async def tried(picture: PostedImage) -> Picture | PictureError:
        try:
            return await put(picture)
        except PictureError as error:
            return error

    found = list(zip(pictures, await asyncio.gather(*(tried(each) for each in pictures)), strict=True))
    return _Usable(
        tuple(shown for shown, each in found if isinstance(each, Picture)),
        tuple(each for _, each in found if isinstance(each, Picture)),
        tuple(each for _, each in found if isinstance(each, PictureError)),
    )


def _names(exchanges: Sequence[Exchange]) -> list[str]:
    """Name who spoke in each turn; the second of one name is told apart by a number."""
    known: dict[str, list[int]] = {}
    names = []
    for said in (each.said for each in exchanges):
        bearers = known.setdefault(said.speaker, [])
        if said.author_id is not None and said.author_id not in bearers:
            bearers.append(said.author_id)
        number = bearers.index(said.author_id) + 1 if said.author_id is not None else 1
        suffix = f" ({number})" if number > 1 else ""
        names.append(said.speaker[: MAX_SPEAKER_LENGTH - len(suffix)] + suffix)
    return names


def _said(exchange: Exchange, name: str, pictures: tuple[Picture, ...], *, gone: bool) -> Turn:
    said = exchange.said
    text = f"{PICTURE_WAS_HERE} {said.text}".strip() if gone else said.text
    return Turn(role="user", speaker=name, text=text[:MAX_TURN_LENGTH], pictures=pictures)
