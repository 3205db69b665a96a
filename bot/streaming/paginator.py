"""Paginate a model's text: pages that each fit into one Discord message.

While a text only grows, a page that is not the last never changes. Code blocks are kept: one that would be
cut begins on a new page, and one that is longer than a page is closed and opened again. Everything else is
escaped.
"""

import re
from dataclasses import dataclass, field

from bot.formatting.markdown import escaped_units, single_line, utf16_length

MAX_PAGE_LENGTH = 1900
"""UTF-16 code units of a page: Discord takes 2000 characters, and a line of small print may follow."""
CLOSER = "\n```"
_FENCE = re.compile(r"^ {0,3}```[ \t]*([A-Za-z0-9_+#.-]{0,20})[ \t]*$")
_UNDECIDED = re.compile(r"(?:^|\n) {0,3}(?:`{0,2}|```[^\n]*)$")
"""A last line that may yet become the beginning or the end of a code block, or turn out not to be."""
_UNSEEN = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e"
    r"\u2060-\u206f\ufeff\ud800-\udfff]+"
)


def paginate(
    text: str, *, final: bool = True, max_length: int = MAX_PAGE_LENGTH, first: int | None = None
) -> list[str]:
    """Split a text into pages.

    Args:
        text: The model's text.
        final: Whether it is complete. If not, a last line that may open or close a code block is left out.
        max_length: UTF-16 code units of a page, at least 40.
        first: Those of the first page, where something stands above it.

    Returns:
        The pages, escaped; none where nothing is visible.
    """
    if not final:
        text = _UNDECIDED.sub("", text)
    pages = _Pages(max_length, max_length if first is None else first)
    for line in text.expandtabs(4).split("\n"):
        pages.add(line)
    return pages.finished()


@dataclass
class _Pages:
    """Pages that are being filled.

    Attributes:
        max_length: UTF-16 code units of every page but the first.
        room: Those of the page that is being filled.
        lines: What stands on it so far.
        opener: The line that opened the code block that goes on; empty outside of one.
        began: Which line of the page opened it.
        blank: Whether an empty line comes before the next one.
    """

    max_length: int
    room: int
    done: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    used: int = 0
    opener: str = ""
    began: int = 0
    blank: bool = False

    def add(self, line: str) -> None:
        """Add a line."""
        fence = _FENCE.match(line)
        if self.opener:
            if fence and not fence[1]:
                # There was always room for it.
                self._put("```")
                self.opener = ""
            else:
                self._code(_UNSEEN.sub("", line).replace("```", "`\u200b`\u200b`"))
        elif fence:
            self._open("```" + fence[1])
        elif not single_line(line):
            self.blank = bool(self.lines)
        else:
            self._words(single_line(line))

    def finished(self) -> list[str]:
        """Return all pages."""
        self._turn()
        return self.done

    def _left(self) -> int:
        """Tell how many units another line may have."""
        return self.room - self.used - len(self.lines[:1]) - (self.blank if self.lines else 0)

    def _put(self, line: str) -> None:
        if self.blank and self.lines:
            self.lines.append("")
            self.used += 1
        self.blank = False
        self.used += utf16_length(line) + len(self.lines[:1])
        self.lines.append(line)

    def _turn(self) -> None:
        """End the page, where anything stands on it; a code block goes on on the next."""
        if self.lines:
            self.done.append("\n".join(self.lines) + (CLOSER if self.opener else ""))
            self.room = self.max_length
        self.lines, self.used, self.blank, self.began = [], 0, False, 0
        if self.opener:
            self._put(self.opener)

    def _open(self, opener: str) -> None:
        if self._left() < len(opener) + len(CLOSER) + 1:
            self._turn()
        self._put(opener)
        self.began = len(self.lines) - 1
        self.opener = opener

    def _code(self, line: str) -> None:
        if utf16_length(line) > self._left() - len(CLOSER) and self.began:
            self._move_block()
        while utf16_length(line) > self._left() - len(CLOSER):
            at = 0
            if len(self.lines) == 1:
                at = _fitting(list(line), self._left() - len(CLOSER))
                self._put(line[:at])
            line = line[at:]
            self._turn()
        self._put(line)

    def _move_block(self) -> None:
        """Let the code block begin a new page, whole."""
        block, opener = self.lines[self.began :], self.opener
        self.lines, self.opener = self.lines[: self.began], ""
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        self._turn()
        self.opener = opener
        for line in block:
            self._put(line)
        self.began = 0

    def _words(self, line: str) -> None:
        while utf16_length("".join(escaped_units(line))) > self._left():
            at = 0
            if self.used < self.room // 2:
                at = self._break(line)
                if at:
                    self._put("".join(escaped_units(line)[:at]).rstrip())
            line = line[at:].lstrip()
            self._turn()
        self._put("".join(escaped_units(line)))

    def _break(self, line: str) -> int:
        """Find where to part a line that does not fit; 0: before it."""
        fitting = _fitting(escaped_units(line), self._left())
        if fitting < len(line) and line[fitting] == " ":
            return fitting
        at = line.rfind(" ", 0, fitting) + 1
        # A word as long as a page is cut; any other begins the next one.
        return at or (0 if self.lines else max(1, fitting))


def _fitting(units: list[str], room: int) -> int:
    used = 0
    for number, unit in enumerate(units):
        used += utf16_length(unit)
        if used > room:
            return number
    return len(units)
