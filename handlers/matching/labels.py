"""The labels that a person gives: a line of text with commas -> what CLIP is asked, and how it is shown.

Labels are anything that somebody can type: what is invisible, or would turn the text around it, goes here.
"""

import re

from handlers.text import tidy
from inference.errors import LabelTooLong, RequestError
from inference.schema import MAX_LABEL_LENGTH, MAX_LABELS

SEPARATORS = re.compile("[,\uff0c\u3001\u060c]")
"""The comma, and those that Chinese, Japanese and Arabic keyboards give."""


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
        1 to `MAX_LABELS` different labels of 1 to `MAX_LABEL_LENGTH` characters, tidied, in their order.

    Raises:
        NoLabels: There is nothing but commas and spaces.
        EmptyLabel: A label is empty (detail: label).
        TooManyLabels: There are too many (detail: limit, value).
        LabelTooLong: A label is too long (detail: label, limit, value, unit).
    """
    labels = [tidy(part) for part in SEPARATORS.split(text)]
    if not any(labels):
        raise NoLabels("There are no labels: give some, separated by commas, such as `a cat, a dog`.")
    if len(labels) > MAX_LABELS:
        raise TooManyLabels(
            f"{len(labels)} labels were given, {MAX_LABELS} are the most: leave some out.",
            limit=MAX_LABELS,
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
    if len(label) > MAX_LABEL_LENGTH:
        raise LabelTooLong(
            f"Label {number} has {len(label)} characters, {MAX_LABEL_LENGTH} are the most: shorten it.",
            label=number,
            limit=MAX_LABEL_LENGTH,
            value=len(label),
            unit="characters",
        )
