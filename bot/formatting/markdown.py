"""Text from models and members, made safe for a Discord message: escaped, on one line, short enough."""

import re
from collections.abc import Sequence

MAX_MESSAGE_LENGTH = 2000
"""Discord's limit of a message, in characters. Lengths here are UTF-16 code units, never fewer than those."""
ELLIPSIS = "…"
SMALL_PRINT = "-# "
"""Markdown for small print. No line of a model's can begin with it: its `-` is escaped there."""

_INVISIBLE = re.compile(
    r"[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
_MARKUP = frozenset("\\*_~`|<>[]()#@")
_LINE_START = re.compile(r"^(?:[-+]|\d+(?=[.)]))")


def utf16_length(text: str) -> int:
    """Count UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def single_line(text: str) -> str:
    """Put text onto one line, without invisible characters (some reverse the direction of a line)."""
    return " ".join(_INVISIBLE.sub(" ", text).split())


def escape(text: str, *, line_start: bool = True) -> str:
    """Escape markup, mentions, links and list markers in one line of text.

    Args:
        text: On one line.
        line_start: Whether it will stand at the beginning of a line.
    """
    return "".join(escaped_units(text, first=line_start))


def escaped_units(text: str, *, first: bool = True) -> list[str]:
    """Escape like `escape`, as a list with one element for each character: none may be cut in two.

    Args:
        text: On one line.
        first: Whether it will stand at the beginning of a line.
    """
    units = [f"\\{char}" if char in _MARKUP else char for char in text]
    # `\@` does not stop Discord's search for @everyone: a zero-width space has to stand between.
    units = ["@\u200b" if unit == "\\@" else unit for unit in units]
    # No link and no preview from a picture's text: `https\://` looks the same and leads nowhere.
    units = ["\\:" if unit == ":" else unit for unit in units]
    start = _LINE_START.match(text) if first else None
    if start:
        at = start.end() - 1 if text[0] in "-+" else start.end()
        units[at] = units[at] if units[at].startswith("\\") else f"\\{units[at]}"
    return units


def unescape(text: str) -> str:
    """Undo `escape`."""
    return re.sub(r"\\([^\w\s]|_)", r"\1", text).replace("@\u200b", "@")


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
