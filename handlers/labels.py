"""The labels that a person gives: a line of text with commas -> what CLIP is asked, and how it is shown.

Labels are anything that somebody can type: what is invisible, or would turn the text around it, goes here.
"""

import re
import unicodedata
from itertools import groupby, islice

from inference.errors import LabelTooLong, RequestError
from inference.schema import LONGEST_LABEL, MOST_LABELS

SEPARATORS = re.compile("[,\uff0c\u3001\u060c]")
"""The comma, and those that Chinese, Japanese and Arabic keyboards give."""
MOST_MARKS = 4
"""Combining marks on one letter: scripts that use them need three at most, a flood has dozens."""
JOINERS = "\u200c\u200d"
"""Non-joiner and joiner: invisible, and yet letters in Persian and Hindi, and the glue of emoji."""


class LabelsError(RequestError):
    """The labels cannot be used as they were given."""

    code = "labels"


class NoLabels(LabelsError):
    """There is no label at all."""

    code = "no_labels"


class EmptyLabel(LabelsError):
    """There is nothing between two commas, or beside the outermost (label: its number from 1)."""

    code = "empty_label"


class TooManyLabels(LabelsError):
    """There are more labels than are scored at a time (limit, value)."""

    code = "too_many_labels"


def parse_labels(text: str) -> tuple[str, ...]:
    """Read labels separated by commas.

    A label that was given before (in capitals or not: CLIP reads small letters only) is dropped; the limit
    counts what was given.

    Args:
        text: As it was typed.

    Returns:
        1 to `MOST_LABELS` different labels of 1 to `LONGEST_LABEL` characters, tidied, in their order.

    Raises:
        NoLabels: There is nothing but commas and spaces.
        EmptyLabel: A label is empty (detail: label).
        TooManyLabels: There are too many (detail: limit, value).
        LabelTooLong: A label is too long (detail: label, limit, value, unit).
    """
    labels = [tidy(part) for part in SEPARATORS.split(text)]
    if not any(labels):
        raise NoLabels("There are no labels: give some, separated by commas, such as `a cat, a dog`.")
    if len(labels) > MOST_LABELS:
        raise TooManyLabels(
            f"{len(labels)} labels were given, {MOST_LABELS} are the most: leave some out.",
            limit=MOST_LABELS,
            value=len(labels),
        )
    for number, label in enumerate(labels, 1):
        _check(number, label)
    first: dict[str, str] = {}
    for label in labels:
        first.setdefault(label.lower(), label)
    return tuple(first.values())


def _check(number: int, label: str) -> None:
    if not label:
        raise EmptyLabel(
            f"Label {number} is empty: there is a comma too many, or a word is missing.", label=number
        )
    if len(label) > LONGEST_LABEL:
        raise LabelTooLong(
            f"Label {number} has {len(label)} characters, {LONGEST_LABEL} are the most: shorten it.",
            label=number,
            limit=LONGEST_LABEL,
            value=len(label),
            unit="characters",
        )


def tidy(label: str) -> str:
    """Make one clean line of a label, and nothing at all of one that shows nothing.

    Composed (NFC); control characters, surrogates and line breaks out, rows of spaces one space, invisible
    characters out, marks that turn the writing direction among them, and of a flood of combining marks the
    first `MOST_MARKS`. What is tidy stays as it is.
    """
    spaced = "".join(
        " " if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Zs") else char for char in label
    )
    visible = "".join(char for char in spaced if char in JOINERS or not _is_invisible(char))
    tidied = " ".join(_thin(unicodedata.normalize("NFC", visible)).split())
    return tidied if any(char != " " and not is_modifier(char) for char in tidied) else ""


def is_modifier(char: str) -> bool:
    """Tell whether a character only says how its neighbours look: a joiner or a variation selector."""
    return char in JOINERS or is_variation(char)


def is_variation(char: str) -> bool:
    """Tell whether a character is a variation selector."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _is_invisible(char: str) -> bool:
    # The letters are Hangul's fillers, and Braille's empty cell is a symbol: no category tells.
    return unicodedata.category(char) in ("Cf", "Cs") or char in "\u115f\u1160\u2800\u3164\uffa0"


def _thin(text: str) -> str:
    runs = groupby(text, key=lambda char: unicodedata.category(char) in ("Mn", "Me"))
    return "".join("".join(islice(run, MOST_MARKS) if is_mark else run) for is_mark, run in runs)


def is_right_to_left(text: str) -> bool:
    """Tell whether any letter in the text is written from right to left."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)
