"""Parses the labels that a user types, separated by commas, into CLIP's prompts.

Labels are untrusted text: `tidy` removes invisible characters and marks that change the writing direction.
"""

import re
from collections.abc import Callable

from handlers.text import tidy
from inference.errors import LabelTooLong, RequestError
from inference.schema import MAX_LABEL_LENGTH, MAX_LABELS

SEPARATORS = re.compile("[,\uff0c\u3001\u060c]")
"""The comma, and those of Chinese, Japanese and Arabic keyboards."""


class LabelsError(RequestError):
    """Base of the errors in a list of labels."""

    code = "labels"


class NoLabels(LabelsError):
    """The list has no label."""

    code = "no_labels"


class EmptyLabel(LabelsError):
    """A label is empty (detail: `label`, its number from 1)."""

    code = "empty_label"


class TooManyLabels(LabelsError):
    """The list has more than `MAX_LABELS` labels (detail: `limit`, `value`)."""

    code = "too_many_labels"


def parse_labels(text: str, read: Callable[[str], str] = str) -> tuple[str, ...]:
    """Parse labels separated by commas.

    Duplicates are dropped, compared without case since CLIP lowercases its input. The limit counts them too.

    Args:
        text: As the user typed it.
        read: Turns the application's marks in a label into words, which may have commas.

    Returns:
        1 to `MAX_LABELS` different labels of 1 to `MAX_LABEL_LENGTH` characters, tidied, in order.

    Raises:
        NoLabels: There are only commas and spaces.
        EmptyLabel: A label is empty (detail: `label`).
        TooManyLabels: There are too many labels (detail: `limit`, `value`).
        LabelTooLong: A label is too long (detail: `label`, `limit`, `value`, `unit`).
    """
    labels = [tidy(read(part)) for part in SEPARATORS.split(text)]
    if not any(labels):
        raise NoLabels("There are no labels: write some, separated by commas, such as `a cat, a dog`.")
    if len(labels) > MAX_LABELS:
        raise TooManyLabels(
            f"There are {len(labels)} labels, the limit is {MAX_LABELS}: remove some.",
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
        raise EmptyLabel(f"Label {number} is empty: remove a comma, or write a word there.", label=number)
    if len(label) > MAX_LABEL_LENGTH:
        raise LabelTooLong(
            f"Label {number} has {len(label)} characters, the limit is {MAX_LABEL_LENGTH}: shorten it.",
            label=number,
            limit=MAX_LABEL_LENGTH,
            value=len(label),
            unit="characters",
        )
