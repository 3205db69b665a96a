"""Takes a model's thoughts out of its text while it streams: what stands in `<think>…</think>`."""

import re
from typing import Final

_NAMES: Final = r"(?:think|thinking|thought|thoughts|reasoning|reflection|antthinking|seed:think)"
_OPENING: Final = re.compile(
    rf"<\s*{_NAMES}(?:\s[^<>]*)?>|<\|\s*(?:begin_of_)?{_NAMES}\s*\|>|(?-i:\[THINK\])|◁think▷", re.IGNORECASE
)
_CLOSING: Final = re.compile(
    rf"<\s*/\s*{_NAMES}\s*>|<\|\s*(?:/|end_of_|end_)\s*{_NAMES}\s*\|>|(?-i:\[/THINK\])|◁/think▷",
    re.IGNORECASE,
)
_TICKS: Final = re.compile(r"`+|~{3,}")
_PARAGRAPH_END: Final = re.compile(r"\n[ \t]*\n")
_UNFINISHED: Final = re.compile(r"(?:[<\[◁][^<>\[\]▷\n]*|`+|~+|\n[ \t]*)\Z")
"""The end of a text that more text may turn into a tag, a longer run of ticks, or a paragraph's end."""
MAX_TAG_LENGTH: Final = 200
"""Characters of a tag: what is longer is text."""


class ThoughtFilter:
    """Takes the thoughts out of one text that comes in pieces.

    A tag in inline code or a code fence is text: a member may have asked about it. A closing tag without an
    opening one ends a thought that began with the text, whose opening tag is in the model's template.

    Attributes:
        in_thought: Whether the text so far ends within a thought.
        discarded: Whether what `feed` returned until now has turned out to be thought. Reset by the caller.
    """

    def __init__(self) -> None:
        self.in_thought = False
        self.discarded = False
        self._pending = ""
        self._fence = ""
        """The ticks that end the code that the text is in; empty outside of code."""
        self._is_block = False
        self._shown = ""
        """The last line so far."""
        self._anything = False

    def feed(self, piece: str) -> str:
        """Take a further piece, and return the text that is certainly no thought."""
        self._pending += piece
        return self._read(final=False)

    def end(self) -> str:
        """Return the rest of the text."""
        return self._read(final=True)

    def _read(self, *, final: bool) -> str:
        shown: list[str] = []
        while self._step(shown, final=final):
            pass
        text = "".join(shown)
        if not self._anything:
            # A thought is followed by an empty line, which would begin the answer.
            text = text.lstrip()
        self._anything = self._anything or bool(text)
        return text

    def _step(self, shown: list[str], *, final: bool) -> bool:
        """Read up to the next mark; return whether there may be another."""
        if self.in_thought:
            return self._skip_thought(final=final)
        end = len(self._pending) if final else self._certain_end()
        marks = (_TICKS, _PARAGRAPH_END) if self._fence else (_TICKS, _OPENING, _CLOSING)
        found = [match for mark in marks if (match := mark.search(self._pending))]
        # A run of ticks may grow.
        found = [match for match in found if match.re is not _TICKS or match.end() <= end]
        if not found:
            self._take(end, shown)
            return False
        first = min(found, key=lambda match: match.start())
        self._take(first.start(), shown)
        length = first.end() - first.start()
        if first.re is _OPENING:
            self._pending = self._pending[length:]
            self.in_thought = True
        elif first.re is _CLOSING:
            self._pending = self._pending[length:]
            shown.clear()
            self.discarded = self.discarded or self._anything
            self._anything, self._shown = False, ""
        elif first.re is _PARAGRAPH_END:
            if not self._is_block:
                # Inline code that was never closed is none.
                self._fence = ""
            self._take(length, shown)
        else:
            self._pass_ticks(first[0])
            self._take(length, shown)
        return True

    def _pass_ticks(self, ticks: str) -> None:
        """Begin or end code."""
        at_line_start = not self._shown.strip(" \t>-*+0123456789.")
        if not self._fence:
            is_block = len(ticks) >= 3 and at_line_start
            if is_block or ticks[0] == "`":
                self._fence, self._is_block = ticks, is_block
        elif ticks[0] == self._fence[0]:
            closes = (
                at_line_start and len(ticks) >= len(self._fence) if self._is_block else ticks == self._fence
            )
            if closes:
                self._fence = ""

    def _skip_thought(self, *, final: bool) -> bool:
        closing = _CLOSING.search(self._pending)
        if closing is not None:
            self._pending = self._pending[closing.end() :]
            self.in_thought = False
            return True
        # The last characters may be the beginning of the closing tag.
        self._pending = "" if final else self._pending[-MAX_TAG_LENGTH:]
        return False

    def _certain_end(self) -> int:
        """Return how much of what is pending no further piece can change."""
        unfinished = _UNFINISHED.search(self._pending)
        if unfinished is None or len(self._pending) - unfinished.start() > MAX_TAG_LENGTH:
            return len(self._pending)
        return unfinished.start()

    def _take(self, length: int, shown: list[str]) -> None:
        text, self._pending = self._pending[:length], self._pending[length:]
        shown.append(text)
        self._shown = (self._shown + text).rpartition("\n")[2]
