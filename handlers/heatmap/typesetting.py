"""Labels as lines of drawn text: runs of one typeface each, wrapped to a width, cut with an ellipsis.

Runs in the drawing process only.
"""

import unicodedata
from dataclasses import dataclass
from itertools import groupby

from PIL import Image, ImageDraw

from handlers.heatmap.fonts import MISSING, SHAPES, Typeface, Typefaces
from handlers.text import is_modifier, is_right_to_left, is_variation, tidy

ELLIPSIS = "\u2026"
NOTHING = "\u2013"
"""A dash, for a label of which nothing is left."""
MAX_LENGTH = 400
"""Characters of a label that are looked at: twice what a request may hold."""


@dataclass(frozen=True)
class Run:
    """Neighbouring characters of one typeface."""

    text: str
    face: Typeface


class Typesetter:
    """Measures, wraps and draws text at one size.

    Args:
        faces: The fonts.
        size: Pixels an em.
    """

    def __init__(self, faces: Typefaces, size: int) -> None:
        self._faces = faces
        self._size = size

    def width(self, text: str) -> float:
        """Return how many pixels wide a line of drawable text is."""
        return sum(run.face.at(self._size).getlength(run.text) for run in self._runs(text))

    def wrap(self, label: str, width: int, lines: int) -> list[str]:
        """Break a label into lines.

        Args:
            label: Anything.
            width: Pixels that a line may take.
            lines: How many there may be; what does not fit is cut, with an ellipsis.

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
        """Tidy a label, put `MISSING` for letters that no font has, leave out marks that do not fit."""
        kept: list[str] = []
        base = self._faces.text()
        for char in tidy(label[:MAX_LENGTH]):
            if char == " ":
                kept.append(char)
            elif _clings(char):
                # In another font than its letter's, a mark stands beside it on a dotted circle.
                is_drawn = ord(char) in base.coverage and (SHAPES or not is_modifier(char))
                kept.extend([char] if is_drawn and not is_variation(char) else [])
            else:
                face = self._faces.of(char)
                kept.append(char if face else MISSING)
                base = face or self._faces.text()
        return "".join(kept).strip() or NOTHING

    def draw(self, text: str, width: int, height: int) -> Image.Image:
        """Draw one line as a mask: its middle at half the height, aligned to the side where it begins.

        Returns:
            An image of mode L, 255 where there is ink. Whatever would stand out of it is clipped: a letter
            with a tower of marks never reaches its neighbours.
        """
        mask = Image.new("L", (width, height))
        pen = ImageDraw.Draw(mask)
        runs = self._runs(text)
        x = 0.0
        if _begins_right(text):
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
        """Return a character's typeface: where it belongs to the one before it, that one's."""
        if char == " ":
            # Emoji fonts have spaces as wide as an emoji.
            return self._faces.text() if before is self._faces.emoji() else before
        if _clings(char) and ord(char) in before.coverage:
            return before
        return self._faces.of(char) or self._faces.text()

    def _break(self, text: str, width: int) -> tuple[str, str]:
        """Take the first line off a text: at a space if one is there, else between letters."""
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
        """Return how many characters fit, one at least, never parting a letter from its marks."""
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle] + tail) <= width:
                low = middle
            else:
                high = middle - 1
        while 1 < low < len(text) and (_clings(text[low]) or text[low - 1] == "\u200d"):
            low -= 1
        return low


def _clings(char: str) -> bool:
    """Tell whether a character belongs to the one before it: a mark, a joiner or a skin tone."""
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me")
        or is_modifier(char)
        or "\U0001f3fb" <= char <= "\U0001f3ff"
    )


def _begins_right(text: str) -> bool:
    """Tell whether the first letter is one that is written from right to left."""
    return next(
        (is_right_to_left(char) for char in text if unicodedata.bidirectional(char) in ("L", "R", "AL")),
        False,
    )
