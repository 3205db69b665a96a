"""Paginate a model's text: pages that each fit into one Discord message.

While the text only grows, a page that another one follows never changes. Code blocks stay code: a block that
does not fit begins on a new page, and one that is longer than a page is closed at its end and opened again on
the next. Everything else is escaped.
"""

import re
from dataclasses import dataclass, field

from bot.formatting.markdown import escaped_units, utf16_length
from handlers.text import tidy

MAX_PAGE_LENGTH = 1900
"""UTF-16 code units of a page: Discord takes 2000 characters, and a notice in small print may follow."""
_CLOSING_FENCE = "\n```"
_FENCE = re.compile(r"^ {0,3}```[ \t]*([A-Za-z0-9_+#.-]{0,20})[ \t]*$")
_UNDECIDED = re.compile(r"(?:^|\n) {0,3}(?:`{0,2}|```[^\n]*)$")
"""A last line of which it is not known yet whether it opens or closes a code block."""
_INVISIBLE = re.compile(
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
        first: UTF-16 code units of the first page, if the message has other text above it.

    Returns:
        The pages, escaped; none if the text has no visible character.
    """
    if not final:
        text = _UNDECIDED.sub("", text)
    pages = _Pages(max_length, max_length if first is None else first)
    for line in text.expandtabs(4).split("\n"):
        pages.add(line)
    return pages.all_pages()


@dataclass
class _Pages:
    """The pages so far, and the current one, to which lines are added.

    Attributes:
        max_length: UTF-16 code units of every page but the first.
        page_length: UTF-16 code units of the current page, at most.
        finished: The finished pages.
        lines: The current page's lines.
        used: UTF-16 code units of these lines, with the line feeds between them.
        opening_fence: The line that opened the current code block; empty outside of one.
        opened_at: Index in `lines` of that line; 0 also for a block continued from the page before.
        blank: Whether an empty line comes before the next line.
    """

    max_length: int
    page_length: int
    finished: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    used: int = 0
    opening_fence: str = ""
    opened_at: int = 0
    blank: bool = False

    def add(self, line: str) -> None:
        """Add a line of the text."""
        fence = _FENCE.match(line)
        if self.opening_fence:
            if fence and not fence[1]:
                # Every line of code left room for it.
                self._append("```")
                self.opening_fence = ""
            else:
                self._add_code(_INVISIBLE.sub("", line).replace("```", "`\u200b`\u200b`"))
        elif fence:
            self._open_block("```" + fence[1])
        elif not tidy(line):
            self.blank = bool(self.lines)
        else:
            self._add_text(tidy(line))

    def all_pages(self) -> list[str]:
        """Finish the current page, and return all pages."""
        self._finish_page()
        return self.finished

    def _length_left(self) -> int:
        """Return the UTF-16 code units that another line of the current page may have."""
        return self.page_length - self.used - len(self.lines[:1]) - (self.blank if self.lines else 0)

    def _append(self, line: str) -> None:
        """Append a line to the current page, after the pending empty line."""
        if self.blank and self.lines:
            self.lines.append("")
            self.used += 1
        self.blank = False
        self.used += utf16_length(line) + len(self.lines[:1])
        self.lines.append(line)

    def _finish_page(self) -> None:
        """Finish the current page, unless it is empty. An open code block goes on on the next."""
        if self.lines:
            self.finished.append("\n".join(self.lines) + (_CLOSING_FENCE if self.opening_fence else ""))
            self.page_length = self.max_length
        self.lines, self.used, self.blank, self.opened_at = [], 0, False, 0
        if self.opening_fence:
            self._append(self.opening_fence)

    def _open_block(self, opening_fence: str) -> None:
        if self._length_left() < len(opening_fence) + len(_CLOSING_FENCE) + 1:
            self._finish_page()
        self._append(opening_fence)
        self.opened_at = len(self.lines) - 1
        self.opening_fence = opening_fence

    def _add_code(self, line: str) -> None:
        """Add a line of code; one that is longer than a page is cut."""
        if utf16_length(line) > self._length_left() - len(_CLOSING_FENCE) and self.opened_at:
            self._move_block()
        while utf16_length(line) > self._length_left() - len(_CLOSING_FENCE):
            at = 0
            if len(self.lines) == 1:
                at = _fitting_count(list(line), self._length_left() - len(_CLOSING_FENCE))
                self._append(line[:at])
            line = line[at:]
            self._finish_page()
        self._append(line)

    def _move_block(self) -> None:
        """Move the lines of the current code block to a new page."""
        block, opening_fence = self.lines[self.opened_at :], self.opening_fence
        self.lines, self.opening_fence = self.lines[: self.opened_at], ""
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        self._finish_page()
        self.opening_fence = opening_fence
        for line in block:
            self._append(line)
        self.opened_at = 0

    def _add_text(self, line: str) -> None:
        """Add a line of text, escaped; one that does not fit is continued on the next page."""
        while utf16_length("".join(escaped_units(line))) > self._length_left():
            at = 0
            if self.used < self.page_length // 2:
                at = self._break_at(line)
                if at:
                    self._append("".join(escaped_units(line)[:at]).rstrip())
            line = line[at:].lstrip()
            self._finish_page()
        self._append("".join(escaped_units(line)))

    def _break_at(self, line: str) -> int:
        """Return the number of characters of a line that are appended to the current page."""
        fitting = _fitting_count(escaped_units(line), self._length_left())
        if fitting < len(line) and line[fitting] == " ":
            return fitting
        at = line.rfind(" ", 0, fitting) + 1
        # Only a word that is longer than a page is cut; any other begins the next page.
        return at or (0 if self.lines else max(1, fitting))


def _fitting_count(units: list[str], max_length: int) -> int:
    """Return how many of the first units have at most `max_length` UTF-16 code units together."""
    used = 0
    for number, unit in enumerate(units):
        used += utf16_length(unit)
        if used > max_length:
            return number
    return len(units)
