"""Sets labels as lines of text: runs of one typeface each, wrapped to a width, cut with an ellipsis.

Runs in the child process only.
"""

import unicodedata
from dataclasses import dataclass
from itertools import accumulate, groupby

from PIL import Image, ImageDraw

from handlers.heatmap.fonts import CAN_SHAPE, MISSING, Typeface, Typefaces
from handlers.text import is_modifier, is_right_to_left, is_variation, tidy
from inference.text import graphemes

ELLIPSIS = "\u2026"
BLANK = "\u2013"
"""Dash, for a label without a character that can be drawn."""
MAX_LENGTH = 400
"""Characters of a label that are drawn: twice what a request may hold."""


@dataclass(frozen=True)
class Run:
    """Consecutive characters of one typeface."""

    text: str
    face: Typeface


class Typesetter:
    """Measures, wraps and draws text at one size.

    Args:
        faces: The fonts.
        size: Pixels per em.
    """

    def __init__(self, faces: Typefaces, size: int) -> None:
        self._faces = faces
        self._size = size

    def width(self, text: str) -> float:
        """Return the width of a line of drawable text, in pixels."""
        return sum(run.face.at(self._size).getlength(run.text) for run in self._runs(text))

    def wrap(self, label: str, width: int, lines: int) -> list[str]:
        """Break a label into lines.

        Args:
            label: Any text.
            width: Pixels of a line.
            lines: The number of lines; text that does not fit is cut, with an ellipsis.

        Returns:
            1 to `lines` lines of drawable text.
        """
        rest = self.drawable(label)
        wrapped: list[str] = []
        while rest and len(wrapped) < lines - 1:
            line, rest = self._break(rest, width)
            wrapped.append(line)
        if rest or not wrapped:
            wrapped.append(self._cut(rest, width))
        return wrapped

    def drawable(self, label: str) -> str:
        """Tidy a label, replace letters that no font has by `MISSING`, drop undrawable marks."""
        kept: list[str] = []
        base = self._faces.text()
        for char in tidy(label[:MAX_LENGTH]):
            if char == " ":
                kept.append(char)
            elif _is_attached(char):
                # A mark from another font than its letter's is drawn beside it, on a dotted circle.
                is_drawn = ord(char) in base.coverage and (CAN_SHAPE or not is_modifier(char))
                kept.extend([char] if is_drawn and not is_variation(char) else [])
            else:
                face = self._faces.of(char)
                kept.append(char if face else MISSING)
                base = face or self._faces.text()
        return "".join(kept).strip() or BLANK

    def draw(self, text: str, width: int, height: int) -> Image.Image:
        """Draw one line as a mask, centred vertically, aligned to the side where its text begins.

        Returns:
            An image of mode L, 255 for ink. Ink outside of it is clipped, so that stacked marks never reach
            the neighbouring lines.
        """
        mask = Image.new("L", (width, height))
        pen = ImageDraw.Draw(mask)
        runs = self._runs(text)
        x = 0.0
        if _starts_right_to_left(text):
            x = max(0.0, width - self.width(text))
            runs.reverse()
        for run in runs:
            font = run.face.at(self._size)
            pen.text((x, height / 2 + self._size * 0.36), run.text, fill=255, font=font, anchor="ls")
            x += font.getlength(run.text)
        return mask

    def _runs(self, text: str) -> list[Run]:
        faces: list[Typeface] = []
        for char in text:
            before = faces[-1] if faces else self._faces.text()
            faces.append(self._face(char, before))
        pairs = zip(text, faces, strict=True)
        return [
            Run("".join(char for char, _ in group), face)
            for face, group in groupby(pairs, key=lambda pair: pair[1])
        ]

    def _face(self, char: str, before: Typeface) -> Typeface:
        """Return a character's typeface; a mark or a space takes the typeface of the character before it."""
        if char == " ":
            # A space of the emoji font is as wide as an emoji.
            return self._faces.text() if before is self._faces.emoji() else before
        if _is_attached(char) and ord(char) in before.coverage:
            return before
        return self._faces.of(char) or self._faces.text()

    def _break(self, text: str, width: int) -> tuple[str, str]:
        """Split off the first line of a text, at a space if there is one."""
        if self.width(text) <= width:
            return text, ""
        fitting = self._fitting(text, width)
        space = text.rfind(" ", 0, fitting + 1)
        at = space if space > 0 else fitting
        return text[:at].rstrip(), text[at:].lstrip()

    def _cut(self, text: str, width: int) -> str:
        if self.width(text) <= width:
            return text
        return text[: self._fitting(text, width, ELLIPSIS)].rstrip() + ELLIPSIS

    def _fitting(self, text: str, width: int, tail: str = "") -> int:
        """Return how many characters fit: at least one grapheme cluster, and none without its end."""
        ends = list(accumulate(map(len, graphemes(text))))
        low, high = 0, len(ends) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[: ends[middle]] + tail) <= width:
                low = middle
            else:
                high = middle - 1
        return ends[low]


def _is_attached(char: str) -> bool:
    """Return whether a character modifies the one before it: a mark, a joiner or a skin tone."""
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me")
        or is_modifier(char)
        or "\U0001f3fb" <= char <= "\U0001f3ff"
    )


def _starts_right_to_left(text: str) -> bool:
    """Return whether the first letter is written from right to left."""
    return next(
        (is_right_to_left(char) for char in text if unicodedata.bidirectional(char) in ("L", "R", "AL")),
        False,
    )
