"""Answers -> what stands in a Discord message: escaped, short enough, and in words for people."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from handlers.captioning import Words
from inference.errors import BeholderError, PictureError
from inference.images.formats import NAMES

MAX_MESSAGE_LENGTH = 2000
"""Discord's limit of a message, in characters. We count UTF-16 units, of which there are never fewer."""
MAX_CAPTION_LENGTH = 1024
"""Discord's limit of an attachment's description: a caption can be used as one."""
CUT = "…"
PICTURE_NAME = "picture.jpg"
"""A thumbnail's, where the picture stands nowhere else."""

HELP = (
    "I see no picture here. Post one in the same message as my name, or send it to me in a direct message, "
    "and I'll say what is in it."
)
NO_WORKER = "I have your message. My models aren't up yet: the answer will appear here as soon as they are."
BROKE = "Something went wrong on my side. Please try again; if it happens again, tell my operator."
NO_MEMORY = "I can't reach my own memory right now: the answer will appear here as soon as I can."
PLACEHOLDERS = frozenset({NO_WORKER, NO_MEMORY})
"""What stands in a reply until its outcome replaces it."""

_INVISIBLE = re.compile(
    r"[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
_MARKUP = frozenset("\\*_~`|<>[]()#@")
_LINE_START = re.compile(r"^(?:[-+]|\d+(?=[.)]))")


@dataclass(frozen=True)
class CaptionResult:
    """What there is to say of one picture.

    Attributes:
        outcome: Its caption as the model gave it, or why there is none.
        spoiler: Whether the picture was posted as a spoiler.
    """

    outcome: str | BeholderError
    spoiler: bool = False


def said(outcomes: Iterable[Words | BeholderError], spoilers: Iterable[bool]) -> list[CaptionResult]:
    """Bring together what came of each picture and whether it was posted as a spoiler."""
    return [
        CaptionResult(each if isinstance(each, BeholderError) else each.text, spoiler=spoiler)
        for each, spoiler in zip(outcomes, spoilers, strict=True)
    ]


def length(text: str) -> int:
    """Count UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def captions(said: Sequence[CaptionResult], most: int = MAX_MESSAGE_LENGTH) -> str:
    """Write the reply to a message with pictures.

    Args:
        said: What there is to say of each, in their order; at least one and at most ten.
        most: Characters.

    Returns:
        At most `most` characters: one picture's line alone, or a numbered line for each.
    """
    shared = _one_reason(said)
    if shared is not None:
        return sentence(shared)
    numbers = [""] if len(said) == 1 else [f"{number}. " for number in range(1, len(said) + 1)]
    fixed = sum(length(number) + 4 * each.spoiler + 1 for number, each in zip(numbers, said, strict=True))
    units = [_units(each.outcome, first=not number) for number, each in zip(numbers, said, strict=True)]
    rooms = _shares([sum(map(length, line)) for line in units], most - fixed)
    lines = [_cut(line, room) for line, room in zip(units, rooms, strict=True)]
    return "\n".join(
        number + (f"||{line}||" if each.spoiler and isinstance(each.outcome, str) else line)
        for number, line, each in zip(numbers, lines, said, strict=True)
    )


def _one_reason(said: Sequence[CaptionResult]) -> BeholderError | None:
    """Find the reason why nothing has a caption, where it has nothing to do with the pictures."""
    errors = [each.outcome for each in said if isinstance(each.outcome, BeholderError)]
    if len(errors) < len(said) or any(isinstance(error, PictureError) for error in errors):
        return None
    return errors[0] if len({error.code for error in errors}) == 1 else None


def _units(outcome: str | BeholderError, *, first: bool) -> list[str]:
    """Return a line as pieces that may not be cut apart."""
    if isinstance(outcome, BeholderError):
        return list(sentence(outcome))
    text = clean(outcome)[:MAX_CAPTION_LENGTH] or "(no words came to me for this picture)"
    return escaped(text, first=first)


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Divide `room` so that short lines get what they want, and long ones the same of what is left."""
    shares = [0] * len(wanted)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for done, index in enumerate(order):
        shares[index] = min(wanted[index], room // (len(order) - done))
        room -= shares[index]
    return shares


def _cut(units: Sequence[str], room: int) -> str:
    if sum(map(length, units)) <= room:
        return "".join(units)
    kept, used = [], length(CUT)
    for unit in units:
        used += length(unit)
        if used > room:
            break
        kept.append(unit)
    return "".join(kept).rstrip() + CUT


def clean(text: str) -> str:
    """Bring a model's text onto one line, without characters that nobody sees (some turn a line around)."""
    return " ".join(_INVISIBLE.sub(" ", text).split())


def escaped(text: str, *, first: bool = True) -> list[str]:
    """Keep Discord from reading anything in a text as more than letters: markup, mentions, links, lists.

    Args:
        text: On one line.
        first: Whether it will stand at the beginning of a line.

    Returns:
        Its characters, each with what escapes it.
    """
    units = [f"\\{char}" if char in _MARKUP else char for char in text]
    # `\@` is no escape to Discord's search for @everyone: something invisible has to stand between.
    units = ["@\u200b" if unit == "\\@" else unit for unit in units]
    # No link and no preview from a picture's text: `https\://` shows the same and leads nowhere.
    units = ["\\:" if unit == ":" else unit for unit in units]
    start = _LINE_START.match(text) if first else None
    if start:
        at = start.end() - 1 if text[0] in "-+" else start.end()
        units[at] = units[at] if units[at].startswith("\\") else f"\\{units[at]}"
    return units


def unescaped(text: str) -> str:
    """Take away what `escaped` put in."""
    return re.sub(r"\\([^\w\s])", r"\1", text).replace("@\u200b", "@")


def place(ahead: int) -> str:
    """Tell somebody how many are before them."""
    if ahead < 1:
        return "You are next: the answer will appear here in a moment."
    before = "1 request is" if ahead == 1 else f"{ahead} requests are"
    return f"{before} before yours. The answer will appear here."


def late(text: str, asker: int) -> str:
    """Address an answer in the channel to the person whose interaction is over; it pings nobody."""
    note = f"\n-# For <@{asker}>, who asked some time ago."
    return (
        text
        if length(text + note) <= MAX_MESSAGE_LENGTH
        else text[: MAX_MESSAGE_LENGTH - len(note) - 1] + CUT
    ) + note


def _amount(value: object, unit: object) -> str:
    """Put a size in words: `32 MiB`, `80 megapixels`."""
    if not isinstance(value, int | float):
        return str(value)
    if unit == "bytes":
        return f"{value / 2**20:.3g} MiB"
    if unit == "pixels":
        return f"{value / 1e6:.3g} megapixels"
    return f"{value:g} {unit}".strip()


def _seconds(value: object) -> str:
    number = round(float(value)) if isinstance(value, int | float) else 30
    return "about a second" if number <= 1 else f"about {number} seconds"


def _too_large(error: BeholderError) -> str:
    unit = error.detail.get("unit", "")
    have = _amount(error.detail["value"], unit) if "value" in error.detail else "more than I can take"
    most = f"; I take up to {_amount(error.detail['limit'], unit)}" if "limit" in error.detail else ""
    return f"This picture is too large ({have}{most}). Post a smaller version of it."


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "?"


def _label_too_long(error: BeholderError) -> str:
    detail = error.detail
    which = f"Label {_number(detail['label'])}" if "label" in detail else "A label"
    have = f" ({_amount(detail['value'], detail.get('unit'))})" if "value" in detail else ""
    most = f": {_amount(detail['limit'], detail.get('unit'))} are the most" if "limit" in detail else ""
    return f"{which} is too long{have}{most}. Shorten it."


def _too_many_labels(error: BeholderError) -> str:
    detail = error.detail
    have = f"{_number(detail['value'])} labels are too many" if "value" in detail else "Too many labels"
    most = f": I take up to {_number(detail['limit'])} at a time" if "limit" in detail else ""
    return f"{have}{most}. Leave some out."


def _empty_label(error: BeholderError) -> str:
    which = f"Label {_number(error.detail['label'])}" if "label" in error.detail else "A label"
    return f"{which} is empty. Take out a comma or put a word there."


def _full(error: BeholderError) -> str:
    return f"I have too much to do right now. Try again in {_seconds(error.detail.get('retry_after'))}."


def _too_many_in_flight(error: BeholderError) -> str:
    limit = _amount(error.detail.get("limit", "several"), "")
    return f"You have {limit} pictures under way with me already. Try again when those are answered."


def _question_too_long(error: BeholderError) -> str:
    if "value" not in error.detail or "limit" not in error.detail:
        return "Your question is too long. Shorten it and ask again."
    have, most, unit = (error.detail.get(each, "") for each in ("value", "limit", "unit"))
    return (
        f"Your question has {_number(have)} {unit}; I take up to {_number(most)}. Shorten it and ask again."
    )


_WITH_NUMBERS: dict[str, Callable[[BeholderError], str]] = {
    "picture_too_large": _too_large,
    "label_too_long": _label_too_long,
    "question_too_long": _question_too_long,
    "too_many_labels": _too_many_labels,
    "empty_label": _empty_label,
    "queue_full": _full,
    "too_many_in_flight": _too_many_in_flight,
}
_SENTENCES = {
    "no_question": "I see no question. Write one, such as: what colour is the car?",
    "no_labels": "I see no labels. Give me some with commas between them, such as: a cat, a dog.",
    "matrix_not_drawn": "I couldn't draw the picture of the scores this time: here they are without it.",
    "not_a_picture": f"This is no picture that I can read. Post it as {NAMES}.",
    "broken_picture": "This picture is damaged: it can't be opened. Save or export it again and post that.",
    "picture_too_slow": "This picture takes too long to open. Save it as a plain PNG or JPEG and post that.",
    "picture_gone": "I couldn't get this picture from Discord. Post it again.",
    "not_served": "None of my models can do this. My operator can start a worker that does.",
    "expired": "I didn't get to this in time. Post the picture again to have me try again.",
    "chat_unavailable": "I can't talk right now: Ollama, which runs my model for that, isn't there. Ask my "
    "operator to start it, and then me again.",
    "chat_model_missing": "I can't talk: Ollama doesn't have my model for that and can't fetch it. My "
    "operator can correct BEHOLDER_CHAT_MODEL.",
    "chat_model_pulling": "My model for talking is still being fetched. Try again in a few minutes.",
    "chat_interrupted": "I lost the thread in the middle of my answer. Ask again.",
    "conversation_too_long": "Our conversation is longer than I can keep in mind. Shorten your message, or "
    "begin a new one.",
    "model_failed": "My model failed on this picture. Try again, or post the picture in another format.",
    "worker_lost": "My models went down over this picture several times. Try another version of it.",
    "queue_unavailable": "I can't reach my own memory right now. Try again in a few minutes.",
}


def sentence(error: BeholderError) -> str:
    """Say what went wrong and what to do, to the person who posted.

    Where the error says which of several pictures it is about (`picture`), so does the sentence.
    """
    if isinstance(error, PictureError) and "picture" in error.detail:
        return f"Picture {_number(error.detail['picture'])}: {_sentence(error)}"
    return _sentence(error)


def _sentence(error: BeholderError) -> str:
    with_numbers = _WITH_NUMBERS.get(error.code)
    return with_numbers(error) if with_numbers else _SENTENCES.get(error.code, BROKE)
