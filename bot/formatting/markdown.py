"""Text from models and members, made safe for a Discord message: escaped, on one line, short enough."""

import re
from collections.abc import Sequence

from inference.text import graphemes

MAX_MESSAGE_LENGTH = 2000
"""Discord's limit of a message, in characters. Lengths here are UTF-16 code units, never fewer than those."""
ELLIPSIS = "…"
SMALL_PRINT = "-# "
"""Markdown for small print. No line of a model's can begin with it: its `-` is escaped there."""

_ESCAPES = {
    **{char: f"\\{char}" for char in "\\*_~`|<>[]()#"},
    # `\@` does not stop Discord's search for @everyone: a zero-width space has to stand between.
    "@": "@\u200b",
    # No link and no preview from a picture's text: `https\://` looks the same and leads nowhere.
    ":": "\\:",
}
_LINE_START = re.compile(r"^(?:[-+]|\d+(?=[.)]))")


def small_print(text: str) -> str:
    """Put a sentence of the bot's into small print, unless it is."""
    return text if text.startswith(SMALL_PRINT) else SMALL_PRINT + text


def utf16_length(text: str) -> int:
    """Count UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def escape(text: str, *, line_start: bool = True) -> str:
    """Escape markup, mentions, links and list markers in one line of text.

    Args:
        text: On one line.
        line_start: Whether it will stand at the beginning of a line.
    """
    return "".join(escaped_units(text, first=line_start))


def escaped_units(text: str, *, first: bool = True) -> list[str]:
    """Escape like `escape`, as a list with one element for each grapheme cluster: none may be cut in two.

    Args:
        text: On one line.
        first: Whether it will stand at the beginning of a line.
    """
    start = _LINE_START.match(text) if first else None
    marker = -1 if start is None else start.end() - (text[0] in "-+")
    units, at = [], 0
    for cluster in graphemes(text):
        chars = [_ESCAPES.get(char, char) for char in cluster]
        if 0 <= marker - at < len(cluster):
            chars[marker - at] = f"\\{cluster[marker - at]}"
        units.append("".join(chars))
        at += len(cluster)
    return units


def unescape(text: str) -> str:
    """Undo `escape`."""
    return re.sub(r"\\([^\w\s]|_)", r"\1", text).replace("@\u200b", "@")


def shorten(text: str, max_length: int) -> str:
    """Cut text between grapheme clusters where it is longer than `max_length` UTF-16 code units."""
    return cut(graphemes(text), max_length)


def cut(units: Sequence[str], max_length: int) -> str:
    """Join escaped units, cut with an ellipsis where they are longer than `max_length` UTF-16 code units."""
    if sum(map(utf16_length, units)) <= max_length:
        return "".join(units)
    kept, used = [], utf16_length(ELLIPSIS)
    for unit in units:
        used += utf16_length(unit)
        if used > max_length:
            break
        kept.append(unit)
    return "".join(kept).rstrip() + ELLIPSIS
