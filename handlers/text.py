"""Text that people typed, made safe to show on one line; and numbers as they are shown beside it.

Labels and questions are anything that somebody can type: what is invisible, or would turn the text around it,
goes here.
"""

import math
import unicodedata
from itertools import groupby, islice

MAX_COMBINING_MARKS = 4
"""Combining marks on one letter: scripts that use them need three at most, a flood has dozens."""
JOINERS = "\u200c\u200d"
"""Non-joiner and joiner: invisible, and yet letters in Persian and Hindi, and the glue of emoji."""


def tidy(label: str) -> str:
    """Make one clean line of a label, and nothing at all of one that shows nothing.

    Composed (NFC); control characters, surrogates and line breaks out, rows of spaces one space, invisible
    characters out, marks that turn the writing direction among them, and of a flood of combining marks the
    first `MAX_COMBINING_MARKS`. What is tidy stays as it is.
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
    return "".join("".join(islice(run, MAX_COMBINING_MARKS) if is_mark else run) for is_mark, run in runs)


def is_right_to_left(text: str) -> bool:
    """Tell whether any letter in the text is written from right to left."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def two_decimals(value: float) -> str:
    """Write a cosine: `0.31`, `-0.05`, never `-0.00`; a question mark where it is no number."""
    return f"{value:z.2f}" if math.isfinite(value) else "?"
