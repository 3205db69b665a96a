"""A model's Markdown -> Markdown that Discord renders alike, and in which nothing pings, links or hides.

The text is parsed as CommonMark, with strikethrough, and written out anew: headings, bold, italics,
strikethrough, code, lists and quotes as markup, everything else escaped. Links, pictures and HTML are not
parsed: they are text. `blocks` parses the lines, `inline` what stands in them, so that a page can end between
two lines of a block. A complete line has its place for good: what follows it changes neither its kind nor its
containers. (So a line of `=` or `-` below another makes no heading of it.)

`inline` makes no line longer than `escape` would: `max_line_length` bounds it without parsing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, list_block
from markdown_it.token import Token

from bot.formatting.markdown import escape, utf16_length
from inference.text import visible_text

MAX_NESTING = 12
"""Levels of containers; a quote is one, a list two. What is nested deeper is text: parsing stays quick."""
MAX_HEADING = 3
"""Discord's smallest heading; deeper ones are bold."""
_MAX_INFO_LENGTH = 20
_INFO = re.compile(r"[A-Za-z0-9_+#.-]+")
"""A language of a code block, as Discord reads it."""
_RULE = re.compile(r"([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_UNDECIDED = re.compile(
    r"[ \t>]*+(?:(?:[-+*]|\d{1,9}[.)])[ \t>]++)*+"
    r"(?:[-+*_=# \t>]*|\d{1,9}[.)]?|`{1,2}|~{1,2}|`{3,}[^`]*|~{3,}.*)"
)
"""A line that is of another kind with some next character than with others."""
_EVERYONE = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_BARS = re.compile(r"\|(?=\|)")
_BACKTICKS = re.compile("`+")


class Kind(Enum):
    """What a block is."""

    TEXT = "text"
    """A paragraph."""
    HEADING = "heading"
    CODE = "code"
    RULE = "rule"
    """A thematic break, or a heading without words: shown as it was typed."""
    EMPTY = "empty"
    """A list item without content."""


@dataclass(frozen=True)
class Container:
    """A quote, or an item of a list.

    Attributes:
        number: Differs from that of every other container of the text.
        marker: What begins its first line: `> `, `- ` or `2. `.
        list_number: Differs from that of every other list; 0 of a quote.
        ordinal: An ordered item's number by counting, whatever was typed; -1 of others.
    """

    number: int
    marker: str
    list_number: int = 0
    ordinal: int = -1

    @property
    def is_quote(self) -> bool:
        """Whether every line of it has the marker."""
        return self.list_number == 0

    @property
    def is_ordered(self) -> bool:
        """Whether it is an item with a number."""
        return self.ordinal >= 0


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, code block, thematic break or empty list item.

    Attributes:
        kind: What it is.
        lines: Its lines without containers' markers and indentation; Markdown, but for code.
        containers: What it is in, the outermost first.
        gap: Whether an empty line comes before it.
        mark: `# ` to `###### ` of a heading, the language of code; else empty.
    """

    kind: Kind
    lines: tuple[str, ...]
    containers: tuple[Container, ...] = ()
    gap: bool = False
    mark: str = ""

    @property
    def quoting(self) -> tuple[Container, ...]:
        """The quotes among its containers."""
        return tuple(each for each in self.containers if each.is_quote)


_Rule = Callable[[StateBlock, int, int, bool], bool]


def _bounded(rule: _Rule) -> _Rule:
    """Make a rule not apply within `MAX_NESTING` levels: the parser would drop what is deeper."""

    def apply(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level < MAX_NESTING and rule(state, start, end, silent)

    return apply


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("strikethrough")
    parser.disable(["html_block", "html_inline", "lheading", "reference", "link", "image", "autolink"])
    interrupts = ["paragraph", "reference", "blockquote"]
    parser.block.ruler.at("blockquote", _bounded(blockquote), {"alt": [*interrupts, "list"]})
    parser.block.ruler.at("list", _bounded(list_block), {"alt": interrupts})
    return parser


_PARSER = _make_parser()


def decided(text: str) -> str:
    """Return a text that is being written, without its last line where it is open what that will be.

    Args:
        text: Visible text, as `visible_text` returns it.
    """
    end = text.rfind("\n") + 1
    return text[:end] if _UNDECIDED.fullmatch(text, end) else text


def blocks(text: str) -> list[Block]:
    """Parse a text into its blocks, in order.

    Args:
        text: Visible text, as `visible_text` returns it.
    """
    lines = text.expandtabs(4).split("\n")
    # The parser takes other spaces than these two for words, and then removes them.
    return _BlockReader([line if line.strip() or not line.strip(" ") else "" for line in lines]).read()


@dataclass
class _OpenList:
    """A list whose items are being read: its number, its bullet, and its next item's number."""

    number: int
    bullet: str
    next: int


class _BlockReader:
    """Reads the parser's tokens as blocks."""

    def __init__(self, source: list[str]) -> None:
        self._source = source
        self._found: list[Block] = []
        self._containers: list[Container] = []
        self._lists: list[_OpenList] = []
        self._number = 0
        self._end = 0
        """The line after the last block."""

    def read(self) -> list[Block]:
        """Return the blocks."""
        tokens: list[Token] = []
        _PARSER.block.parse("\n".join(self._source), _PARSER, {}, tokens)
        for at, token in enumerate(tokens):
            self._take(token, tokens[at - 1] if at else None)
        return self._found

    def _take(self, token: Token, before: Token | None) -> None:
        match token.type:
            case "blockquote_open":
                self._number += 1
                self._containers.append(Container(self._number, "> "))
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token, before)
            case "list_item_open":
                self._open_item(self._lists[-1], token.info)
            case "list_item_close" | "blockquote_close":
                if before is not None and before.type == "list_item_open":
                    start = (before.map or [self._end])[0]
                    self._add(Kind.EMPTY, [""], [start, start + 1])
                self._containers.pop()
            case "bullet_list_close" | "ordered_list_close":
                token.markup = self._lists.pop().bullet
            case _:
                self._take_leaf(token, before)

    def _take_leaf(self, token: Token, before: Token | None) -> None:
        match token.type:
            case "inline":
                mark = before.markup if before is not None and before.type == "heading_open" else ""
                lines = [line.strip() for line in token.content.split("\n")]
                if not mark:
                    self._add(Kind.TEXT, lines, token.map)
                elif lines[0]:
                    self._add(Kind.HEADING, lines, token.map, f"{mark} ")
                else:
                    self._add(Kind.RULE, [mark], token.map)
            case "fence" | "code_block":
                lines = token.content.split("\n")
                self._add(Kind.CODE, lines if lines[-1] else lines[:-1], token.map, _language(token.info))
            case "hr":
                typed = _RULE.search(self._source[(token.map or [0])[0]])
                self._add(Kind.RULE, [typed[0].strip() if typed else token.markup], token.map)

    def _open_list(self, token: Token, before: Token | None) -> None:
        start = token.attrGet("start")
        # Two lists, one after the other, stay two.
        is_second = before is not None and before.type == "bullet_list_close" and before.markup == "- "
        self._number += 1
        bullet = "* " if is_second else "- "
        self._lists.append(_OpenList(self._number, bullet, 1 if start is None else int(start)))

    def _open_item(self, where: "_OpenList", typed: str) -> None:
        self._number += 1
        marker, ordinal = (f"{typed}. ", where.next) if typed else (where.bullet, -1)
        self._containers.append(Container(self._number, marker, where.number, ordinal))
        where.next += 1

    def _add(self, kind: Kind, lines: Sequence[str], lines_of: list[int] | None, mark: str = "") -> None:
        start, end = lines_of or [self._end, self._end]
        gap = bool(self._found) and start > self._end
        self._found.append(Block(kind, tuple(lines), tuple(self._containers), gap, mark))
        self._end = end


def _language(info: str) -> str:
    found = _INFO.match(info.strip())
    return found[0] if found and len(found[0]) <= _MAX_INFO_LENGTH else ""


def max_line_length(line: str) -> int:
    """Return the UTF-16 code units that a line of a text takes at most as `inline` writes it."""
    return utf16_length(escape(line))


def code_line(line: str, *, spoiler: bool = False) -> str:
    """Write a line of code, in which nothing ends its block or a spoiler round it, or pings everyone."""
    line = _EVERYONE.sub("@\u200b", line.replace("```", "`\u200b`\u200b`"))
    return _BARS.sub("|\u200b", line) if spoiler else line


def inline(text: str, *, line_start: bool = True, bold: bool = False, spoiler: bool = False) -> str:
    r"""Write the lines of a paragraph or heading, or of a part of one.

    Args:
        text: Its Markdown; lines are separated by `\n`.
        line_start: Whether it will stand at the beginning of a line.
        bold: Whether all of it shall be bold.
        spoiler: Whether it will be within a spoiler.

    Returns:
        As many lines or fewer, together no longer than `max_line_length` of each, and 4 if `bold`.
    """
    tokens: list[Token] = []
    _PARSER.inline.parse(text, _PARSER, {}, tokens)
    signs = _signs(tokens)
    if bold:
        signs = [_Sign("**", opens=True), *signs, _Sign("**", closes=True)]
    lines, at_start = [""], True
    for sign in _unambiguous(signs):
        if sign.is_marker:
            lines[-1] += sign.text
        elif sign.is_code:
            lines[-1] += _code(sign.text, spoiler=spoiler)
        elif sign.is_line_end:
            lines.append("")
        else:
            # An entity can stand for a space, behind which a list could begin.
            said = sign.text.lstrip() if at_start else sign.text
            lines[-1] += escape(said, line_start=at_start and (line_start or len(lines) > 1))
        at_start = not lines[-1]
    return "\n".join(line.rstrip() for line in lines if line.strip())


@dataclass(frozen=True)
class _Sign:
    """A part of a line: a marker, code, the end of the line, or text."""

    text: str
    opens: bool = False
    closes: bool = False
    is_code: bool = False

    @property
    def is_marker(self) -> bool:
        return self.opens or self.closes

    @property
    def is_line_end(self) -> bool:
        return self.text == "\n" and not self.is_code

    @property
    def is_text(self) -> bool:
        return not (self.is_marker or self.is_code or self.is_line_end)


_MARKERS = {"strong": "**", "em": "*", "s": "~~"}


def _signs(tokens: Sequence[Token]) -> list[_Sign]:
    found: list[_Sign] = []
    for token in tokens:
        name, _, end = token.type.partition("_")
        if name in _MARKERS:
            found.append(_Sign(_MARKERS[name], opens=end == "open", closes=end == "close"))
        elif token.type == "code_inline":
            found.append(_Sign(token.content, is_code=True))
        elif token.type in {"softbreak", "hardbreak"}:
            found.append(_Sign("\n"))
        elif token.info == "entity":
            # It can stand for what was removed from the text before, or for a line break.
            found.append(_Sign(visible_text(token.content) if token.content.strip() else " "))
        elif token.content:
            found.append(_Sign(token.content))
    return found


def _joined(signs: Sequence[_Sign]) -> list[_Sign]:
    """Make texts that follow each other one: `1` and `.` begin a list together."""
    found: list[_Sign] = []
    for sign in signs:
        if found and found[-1].is_text and sign.is_text:
            found[-1] = _Sign(found[-1].text + sign.text)
        else:
            found.append(sign)
    return found


def _unambiguous(signs: Sequence[_Sign]) -> list[_Sign]:
    """Leave out the pairs of markers that Discord, which reads with patterns, would pair otherwise."""
    pairs = _pairs(signs)
    kept = dict(pairs)
    open_now: list[int] = []
    closed_before = ""
    for at, sign in enumerate(signs):
        if sign.opens:
            inside = signs[at + 1 : pairs[at]]
            if (
                any(signs[other].text == sign.text for other in open_now)
                or closed_before == sign.text[0]
                or any(each.is_code and sign.text[0] in each.text for each in inside)
                or not any(each.text.strip() for each in inside if not each.is_marker)
                or (sign.text == "*" and _begins_with_another_end(signs, at, pairs))
            ):
                del kept[at]
            else:
                open_now.append(at)
                # A marker within may follow this one directly.
                closed_before = ""
        elif sign.closes:
            if open_now and pairs[open_now[-1]] == at:
                open_now.pop()
                closed_before = sign.text[0]
        else:
            closed_before = ""
    shown = {*kept, *kept.values()}
    return _joined([sign for at, sign in enumerate(signs) if not sign.is_marker or at in shown])


def _begins_with_another_end(signs: Sequence[_Sign], at: int, pairs: dict[int, int]) -> bool:
    """Tell whether bold text begins italics without ending them too: `***a** b*`."""
    following = at + 1
    return signs[following].opens and signs[following].text == "**" and pairs[following] + 1 != pairs[at]


def _pairs(signs: Sequence[_Sign]) -> dict[int, int]:
    """Return the index of each closing marker by that of its opening one."""
    found, waiting = {}, []
    for at, sign in enumerate(signs):
        if sign.opens:
            waiting.append(at)
        elif sign.closes:
            found[waiting.pop()] = at
    return found


def _code(text: str, *, spoiler: bool) -> str:
    """Write code within a line; as text where no number of backticks could stand round it."""
    runs = {len(each) for each in _BACKTICKS.findall(text)}
    if not text.strip() or runs - {1}:
        return escape(f"`{text}`", line_start=False)
    text = code_line(text, spoiler=spoiler)
    if not runs:
        return f"`{text}`"
    return f"``{' ' * text.startswith('`')}{text}{' ' * text.endswith('`')}``"
