"""Paginate a model's text: pages of Discord's Markdown that each fit into one message.

While the text only grows, a page that another one follows never changes. So a page's end is found from what
comes before it alone: lines are measured with everything in them escaped, and only what stands on a page
together is then read as Markdown. A code block that does not fit begins on a new page, and one that is longer
than a page is closed at its end and opened again on the next. Code blocks stand at the left, also those in
lists: Discord would show the indentation.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.formatting.chat_markdown import (
    Block,
    Container,
    Kind,
    blocks,
    code_line,
    decided,
    inline,
    max_line_length,
)
from bot.formatting.markdown import escape, escaped_units, utf16_length
from inference.text import MAX_CLUSTER_LENGTH, graphemes, visible_text

MAX_PAGE_LENGTH = 1900
"""UTF-16 code units of a page: Discord takes 2000 characters, and a notice in small print may follow."""
_FENCE = "```"
_BOLD = 4
"""Code units of the markers of bold text."""


def paginate(
    text: str,
    *,
    final: bool = True,
    max_length: int = MAX_PAGE_LENGTH,
    first: int | None = None,
    spoiler: bool = False,
) -> list[str]:
    """Split a text into pages.

    Args:
        text: The model's text.
        final: Whether it is complete. If not, a last line of which it is not known yet what it will be is
            left out: a list's marker, or a fence.
        max_length: UTF-16 code units of a page, at least 40.
        first: UTF-16 code units of the first page, if the message has other text above it.
        spoiler: Whether each page will be within a spoiler, which nothing on it may end.

    Returns:
        The pages, in which nothing mentions, links or hides; none if the text has no visible character.
    """
    text = visible_text(text)
    pages = _Pages(max_length, max_length if first is None else first, spoiler=spoiler)
    for block in blocks(text if final else decided(text)):
        pages.add(block)
    return pages.all_pages()


@dataclass
class _Part:
    """Lines of a block that stand together on a page.

    Attributes:
        block: The block.
        first: What comes before its first line: signs of quotes, markers of list items, indentation.
        rest: What comes before the others.
        gap: The empty line above, with the signs of the quotes that it is in; None: there is none.
        items: The list items that begin here.
        lines: The lines: Markdown, or code as `code_line` writes it.
    """

    block: Block
    first: str
    rest: str
    gap: str | None
    items: tuple[Container, ...]
    lines: list[str] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The line above a code block with which an ordered item begins."""
        is_ordered = any(item.is_ordered for item in self.items)
        return self.first.rstrip() if is_ordered and self.block.kind is Kind.CODE else ""

    @property
    def overhead(self) -> int:
        """UTF-16 code units that it takes beside its lines."""
        gap = 0 if self.gap is None else 1 + len(self.gap)
        if self.block.kind is Kind.CODE:
            number = 1 + len(self.number) if self.number else 0
            return gap + number + 2 * (1 + len(self.rest) + len(_FENCE)) + len(self.block.mark)
        around = _BOLD if self.block.kind is Kind.HEADING else 0
        return gap + len(self.first) - len(self.rest) + around

    @property
    def length(self) -> int:
        """UTF-16 code units that it takes at most, with a line feed for each line."""
        return self.overhead + sum(map(self.length_of, self.lines))

    def length_of(self, line: str) -> int:
        """Return the UTF-16 code units that a line takes at most, with its line feed."""
        written = utf16_length(line) if self.block.kind is Kind.CODE else max_line_length(line)
        return 1 + len(self.rest) + written

    def write(self, *, spoiler: bool) -> list[str]:
        """Write its lines; none, where nothing of it is visible."""
        kind, text = self.block.kind, "\n".join(self.lines)
        if kind is Kind.CODE:
            fence = f"{self.rest}{_FENCE}"
            above = [self.number] if self.number else []
            return [*above, fence + self.block.mark, *(self.rest + line for line in self.lines), fence]
        if kind is Kind.RULE:
            text = escape(text)
        elif kind is not Kind.HEADING:
            text = inline(text, spoiler=spoiler)
        elif len(self.block.mark) <= len("### "):
            text = self.block.mark + inline(text, line_start=False, spoiler=spoiler)
        else:
            text = inline(text, bold=True, spoiler=spoiler)
        if not text.strip():
            return [self.first.rstrip()] if self.items else []
        return [(self.rest if at else self.first) + line for at, line in enumerate(text.split("\n"))]


@dataclass
class _Pages:
    """The pages so far, and the current one, to which blocks are added.

    Attributes:
        max_length: UTF-16 code units of every page but the first.
        page_length: UTF-16 code units of the current page, at most.
        spoiler: Whether each page will be within a spoiler.
        finished: The finished pages.
        parts: What is on the current page.
        used: UTF-16 code units that it takes at most, with a line feed for each line.
        begun: Items whose marker is on a page.
        broken: Those among them above a code block or a page's end: their further text is not indented.
        interrupted: Lists in which a code block stands: Discord begins to count anew behind it.
    """

    max_length: int
    page_length: int
    spoiler: bool = False
    finished: list[str] = field(default_factory=list)
    parts: list[_Part] = field(default_factory=list)
    used: int = 0
    begun: set[Container] = field(default_factory=set)
    broken: set[Container] = field(default_factory=set)
    interrupted: set[int] = field(default_factory=set)

    def add(self, block: Block) -> None:
        """Add a block of the text."""
        if block.kind is not Kind.CODE:
            for line in block.lines:
                self._add_text(block, line)
        elif any(block.lines):
            for line in block.lines:
                self._add_code(block, code_line(line, spoiler=self.spoiler))

    def all_pages(self) -> list[str]:
        """Finish the current page, and return all pages."""
        self._finish_page()
        return self.finished

    def _add_text(self, block: Block, line: str) -> None:
        """Add a line of text; one that does not fit is continued on the next page."""
        while self._room(block, line) < 0:
            at = self._break_at(block, line) if self.used <= self.page_length // 2 else 0
            if at:
                self._append(block, line[:at].rstrip())
            line = line[at:].lstrip()
            self._finish_page()
        if line or block.kind is Kind.EMPTY:
            self._append(block, line)

    def _break_at(self, block: Block, line: str) -> int:
        """Return the number of characters of a line that are appended to the current page."""
        near = line[: self.page_length + MAX_CLUSTER_LENGTH]
        clusters, room = graphemes(near), self._room(block, "")
        fitting = _fitting_count(escaped_units(near), room)
        end = sum(map(len, clusters[:fitting]))
        if fitting < len(clusters) and clusters[fitting][0] == " ":
            return end
        at = line.rfind(" ", 0, end) + 1
        # Only a word that is longer than a page is cut; any other begins the next page.
        if at or self.parts:
            return at
        return end or max(1, _fitting_count(escape(near), room) // 2)

    def _add_code(self, block: Block, line: str) -> None:
        """Add a line of code; one that is longer than a page is cut."""
        if self._room(block, line) < 0:
            if self._current(block) is None:
                self._finish_page()
            elif len(self.parts) > 1:
                self._move_last_part()
        while self._room(block, line) < 0:
            at = 0
            if self._current(block) is None:
                room = self._room(block, "")
                clusters = graphemes(line[: self.page_length + MAX_CLUSTER_LENGTH])
                at = sum(map(len, clusters[: _fitting_count(clusters, room)])) or max(1, room // 2)
                self._append(block, line[:at])
            line = line[at:]
            self._finish_page()
        # An empty first line would not be shown.
        if line or self._current(block) is not None:
            self._append(block, line)

    def _move_last_part(self) -> None:
        """Move the current code block to a new page."""
        part = self.parts.pop()
        self.begun.difference_update(part.items)
        self._finish_page()
        for line in part.lines:
            self._append(part.block, line)

    def _current(self, block: Block) -> _Part | None:
        """Return what the current page has of a block, if it is the last block there."""
        return self.parts[-1] if self.parts and self.parts[-1].block is block else None

    def _room(self, block: Block, line: str) -> int:
        """Return the UTF-16 code units left with a further line of a block; negative: it does not fit."""
        part, overhead = self._current(block), 0
        if part is None:
            part = self._begin(block)
            overhead = part.overhead
        # A line of more characters than a page does not fit anyhow: it is not measured to its end.
        # The first line has no line feed above it.
        return self.page_length + 1 - self.used - overhead - part.length_of(line[: self.page_length + 2])

    def _append(self, block: Block, line: str) -> None:
        """Append a line to the current page."""
        part = self._current(block)
        if part is None:
            part = self._begin(block)
            self.parts.append(part)
            self.used += part.overhead
            self.begun.update(part.items)
            if block.kind is Kind.CODE:
                items = [each for each in block.containers if not each.is_quote]
                self.broken.update(items)
                self.interrupted.update(item.list_number for item in items)
        part.lines.append(line)
        self.used += part.length_of(line)

    def _begin(self, block: Block) -> _Part:
        """Make an empty part of a block, as it would stand next on the current page."""
        new = tuple(each for each in block.containers if not each.is_quote and each not in self.begun)
        first = rest = ""
        for each in block.containers:
            if each.is_quote:
                first, rest = first + each.marker, rest + each.marker
            elif each in new:
                marker = (
                    f"{each.ordinal}. "
                    if each.is_ordered and each.list_number in self.interrupted
                    else each.marker
                )
                first, rest = first + marker, rest + " " * len(marker)
            else:
                blank = " " * len(each.marker)
                first += blank if new or each not in self.broken else ""
                rest += blank if each not in self.broken else ""
        if len(first) > self.page_length // 3:
            rest = block.quoting[0].marker if block.quoting else ""
            first = rest + (new[-1].marker if new else "")
        if block.kind is Kind.CODE:
            rest = "".join(each.marker for each in block.quoting)[: self.page_length // 3]
        return _Part(block, first, rest, self._gap(block), new)

    def _gap(self, block: Block) -> str | None:
        """Return the empty line between the current page and a block."""
        if not (block.gap and self.parts):
            return None
        pairs = zip(self.parts[-1].block.containers, block.containers, strict=False)
        common = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
        return "".join(each.marker for each, _ in common if each.is_quote)

    def _finish_page(self) -> None:
        """Finish the current page, unless nothing is visible on it."""
        lines: list[str] = []
        for part in self.parts:
            written = part.write(spoiler=self.spoiler)
            if written and lines and part.gap is not None:
                lines.append(part.gap)
            lines += written
        # Discord removes the space at both ends of a message.
        page = "\n".join(lines).strip()
        if page:
            self.finished.append(page)
            self.page_length = self.max_length
        self.parts, self.used = [], 0
        self.broken = set(self.begun)


def _fitting_count(units: Sequence[str], max_length: int) -> int:
    """Return how many of the first units have at most `max_length` UTF-16 code units together."""
    used = 0
    for number, unit in enumerate(units):
        used += utf16_length(unit)
        if used > max_length:
            return number
    return len(units)
