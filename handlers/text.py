"""Untrusted text (labels, questions) made safe for one line, and the format of the numbers beside it."""

import math
import unicodedata
from pathlib import PurePath

from inference.text import visible_text

JOINERS = "\u200c\u200d"
"""Zero width non-joiner and joiner: invisible, but needed in Persian, Hindi and emoji sequences."""

_VIDEO_ENDINGS = frozenset(
    {
        ".3gp",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".ogv",
        ".webm",
        ".wmv",
    }
)


def tidy(text: str) -> str:
    """Normalise text to one line of visible characters; empty if it has none. Idempotent.

    The result is in NFC. What hides or reorders text is removed (`visible_text`); line breaks become spaces,
    runs of spaces become one.
    """
    # Again after NFC: it takes letters apart from marks that belong to them.
    tidied = " ".join(visible_text(unicodedata.normalize("NFC", visible_text(text))).split())
    return tidied if any(char != " " and not is_modifier(char) for char in tidied) else ""


def is_modifier(char: str) -> bool:
    """Return whether a character is a joiner or a variation selector."""
    return char in JOINERS or is_variation(char)


def is_variation(char: str) -> bool:
    """Return whether a character is a variation selector."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def is_right_to_left(text: str) -> bool:
    """Return whether the text has a letter that is written from right to left."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def two_decimals(value: float) -> str:
    """Format a cosine: `0.31`, `-0.05`, never `-0.00`; `?` for NaN and infinity."""
    return f"{value:z.2f}" if math.isfinite(value) else "?"


def is_video_name(name: str) -> bool:
    """Tell whether a file's name has the ending of a video."""
    return PurePath(name.lower()).suffix in _VIDEO_ENDINGS
