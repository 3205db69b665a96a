"""Untrusted text (labels, questions) made safe for one line, and the format of the numbers beside it."""

import math
import unicodedata
from itertools import groupby, islice

MAX_COMBINING_MARKS = 4
"""Combining marks on one letter: the scripts that use them need up to three."""
JOINERS = "\u200c\u200d"
"""Zero width non-joiner and joiner: invisible, but needed in Persian, Hindi and emoji sequences."""


def tidy(text: str) -> str:
    """Normalise text to one line of visible characters; empty if it has none. Idempotent.

    The result is in NFC. Control characters and line breaks become spaces, runs of spaces become one.
    Surrogates, invisible characters and marks that change the writing direction are removed, and so are
    combining marks beyond `MAX_COMBINING_MARKS` in a row.
    """
    spaced = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Zs") else char for char in text)
    visible = "".join(char for char in spaced if char in JOINERS or not _is_invisible(char))
    tidied = " ".join(_limit_marks(unicodedata.normalize("NFC", visible)).split())
    return tidied if any(char != " " and not is_modifier(char) for char in tidied) else ""


def is_modifier(char: str) -> bool:
    """Return whether a character is a joiner or a variation selector."""
    return char in JOINERS or is_variation(char)


def is_variation(char: str) -> bool:
    """Return whether a character is a variation selector."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _is_invisible(char: str) -> bool:
    # Hangul's fillers count as letters and Braille's empty cell as a symbol, so categories do not suffice.
    return unicodedata.category(char) in ("Cf", "Cs") or char in "\u115f\u1160\u2800\u3164\uffa0"


def _limit_marks(text: str) -> str:
    runs = groupby(text, key=lambda char: unicodedata.category(char) in ("Mn", "Me"))
    return "".join("".join(islice(run, MAX_COMBINING_MARKS) if is_mark else run) for is_mark, run in runs)


def is_right_to_left(text: str) -> bool:
    """Return whether the text has a letter that is written from right to left."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def two_decimals(value: float) -> str:
    """Format a cosine: `0.31`, `-0.05`, never `-0.00`; `?` for NaN and infinity."""
    return f"{value:z.2f}" if math.isfinite(value) else "?"
