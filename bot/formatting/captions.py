"""Captions and answers -> the text of a Discord message, and the thumbnail of a command's picture."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.discord_api.outgoing import OutgoingFile, OutgoingMessage
from bot.formatting.errors import error_sentence
from bot.formatting.markdown import (
    MAX_MESSAGE_LENGTH,
    SMALL_PRINT,
    cut,
    escape,
    escaped_units,
    shorten,
    utf16_length,
)
from bot.formatting.status import cut_off_files
from bot.images.lookup import COPY_NAME
from handlers.captioning import Words
from handlers.text import tidy
from inference.errors import BeholderError, PictureError

MAX_CAPTION_LENGTH = 1024
"""Discord's limit of an attachment's description, in characters: a caption can be used as alt text."""
THUMBNAIL_NAME = COPY_NAME


@dataclass(frozen=True)
class CaptionResult:
    """The result for one picture.

    Attributes:
        outcome: Its caption or answer as the model gave it, or the error.
        spoiler: Whether the picture was posted as a spoiler.
        cut_off: Whether the picture's file is cut off, so that only a part of it was looked at.
    """

    outcome: str | BeholderError
    spoiler: bool = False
    cut_off: bool = False


def caption_results(
    outcomes: Iterable[Words | BeholderError], spoilers: Iterable[bool]
) -> list[CaptionResult]:
    """Pair the outcome for each picture with its spoiler flag."""
    return [
        CaptionResult(each, spoiler=spoiler)
        if isinstance(each, BeholderError)
        else CaptionResult(each.text, spoiler=spoiler, cut_off=bool(each.cut_off))
        for each, spoiler in zip(outcomes, spoilers, strict=True)
    ]


def format_captions(results: Sequence[CaptionResult], max_length: int = MAX_MESSAGE_LENGTH) -> str:
    """Write the reply to a message with pictures.

    Args:
        results: One for each picture, in the order of the attachments; 1 to 10.
        max_length: UTF-16 code units.

    Returns:
        The one picture's line, or a numbered line for each, and which files are cut off; a single sentence
        where no picture has a caption for one reason that is not the pictures' (a full queue, say).
    """
    shared = _shared_error(results)
    if shared is not None:
        return error_sentence(shared)
    note = cut_off_files([number for number, each in enumerate(results, 1) if each.cut_off], len(results))
    if note:
        max_length -= utf16_length(note) + 1
    numbers = [""] if len(results) == 1 else [f"{number}. " for number in range(1, len(results) + 1)]
    fixed = sum(
        utf16_length(number) + 4 * each.spoiler + 1 for number, each in zip(numbers, results, strict=True)
    )
    units = [_units(each.outcome, first=not number) for number, each in zip(numbers, results, strict=True)]
    rooms = _shares([sum(map(utf16_length, line)) for line in units], max_length - fixed)
    lines = [cut(line, room) for line, room in zip(units, rooms, strict=True)]
    text = "\n".join(
        number + (f"||{line}||" if each.spoiler and isinstance(each.outcome, str) else line)
        for number, line, each in zip(numbers, lines, results, strict=True)
    )
    return f"{text}\n{note}" if note else text


def _shared_error(results: Sequence[CaptionResult]) -> BeholderError | None:
    """Return the error that all results share, where it has nothing to do with the pictures."""
    errors = [each.outcome for each in results if isinstance(each.outcome, BeholderError)]
    if len(errors) < len(results) or any(isinstance(error, PictureError) for error in errors):
        return None
    return errors[0] if len({error.code for error in errors}) == 1 else None


_PIECES = re.compile(r"<t:[^>]*>|.", re.DOTALL)
"""The pieces of a sentence of the bot's: a mark of Discord's is not cut."""


def _units(outcome: str | BeholderError, *, first: bool) -> list[str]:
    """Return a line as units that `cut` keeps whole."""
    if isinstance(outcome, BeholderError):
        return _PIECES.findall(error_sentence(outcome))
    text = shorten(tidy(outcome), MAX_CAPTION_LENGTH) or "(no words came to me for this picture)"
    return escaped_units(text, first=first)


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Divide `room`: short lines get the length they want, long ones equal parts of the rest."""
    shares = [0] * len(wanted)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for done, index in enumerate(order):
        shares[index] = min(wanted[index], room // (len(order) - done))
        room -= shares[index]
    return shares


def format_answers(
    results: Sequence[CaptionResult], *, question: str | None, about: str = "", thumbnail: bytes = b""
) -> OutgoingMessage:
    """Write a command's outcome: the question, the result for each picture, and a link to the pictures.

    Args:
        results: One for each picture, in their order; at least one.
        question: The question; None where captions were wanted.
        about: Lines of markdown below the results: the link, where the pictures stand in another message, and
            the files that are no pictures.
        thumbnail: The picture as a small JPEG file, where it stands nowhere else.

    Returns:
        A message of at most `MAX_MESSAGE_LENGTH` characters.
    """
    above = "" if question is None else f"> {escape(tidy(question))}\n"
    below = f"\n{about}" if about else ""
    room = MAX_MESSAGE_LENGTH - utf16_length(above) - utf16_length(below)
    text = above + format_captions(results, room) + below
    return OutgoingMessage(text, [thumbnail_file(thumbnail, results[0], question)] if thumbnail else ())


def thumbnail_file(thumbnail: bytes, result: CaptionResult, question: str | None) -> OutgoingFile:
    """Attach the picture that a command was called with, with its caption or answer as alt text."""
    words = "" if isinstance(result.outcome, BeholderError) else tidy(result.outcome)
    alt = words if question is None else f"The picture that was asked about. {tidy(question)} {words}"
    return OutgoingFile(
        THUMBNAIL_NAME, thumbnail, shorten(alt.strip(), MAX_CAPTION_LENGTH), spoiler=result.spoiler
    )


def about_line(guild_id: int | None, channel_id: int, message_id: int, images: int) -> str:
    """Link to the message whose pictures an answer is about, in a line of small print."""
    url = f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"
    which = "this picture" if images == 1 else "these pictures"
    return f"{SMALL_PRINT}About [{which}]({url})"
