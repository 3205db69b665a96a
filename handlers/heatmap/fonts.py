"""The fonts that labels are drawn with: two that are bundled, and the system's for scripts that these lack.

Runs in the drawing process only.
"""

import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont, features

from handlers.heatmap.font_coverage import Coverage, UnusableFont, read_coverage

BUNDLED = Path(__file__).parent / "font_files"
SYSTEM = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/Library/Fonts"))
MAX_FILES = 400
"""Font files of the system that are looked at, the likeliest first."""
SEARCH_TIMEOUT_S = 2.0
"""How long a drawing may spend on looking for glyphs; what is not found by then is drawn as `MISSING`."""
MAX_FILE_BYTES = 40 * 2**20
"""Bytes; Noto Sans CJK has 20 MB."""
MISSING = "\u25a1"
"""A white square, for characters that no font has."""
LIKELY = ("noto", "droid", "wqy", "unifont", "fallback")
UNLIKELY = ("bold", "italic", "oblique", "mono", "serif", "light", "thin", "black", "condensed")
FIRST_EMOJI = 0x1F000
"""From here on the emoji font comes first; below it the text font, which has most symbols too."""

SHAPES = features.check_feature("raqm") and features.check_feature("fribidi")
"""Whether text is shaped: letters joined, right to left. Pillow brings Raqm, the system brings FriBiDi
(Debian: libfribidi0); without it Arabic and Hebrew are drawn letter by letter, in reverse."""

Font = ImageFont.FreeTypeFont


class Typeface:
    """One font file."""

    def __init__(self, path: Path, coverage: Coverage) -> None:
        self.path = path
        self.coverage = coverage

    @lru_cache(maxsize=8)  # noqa: B019 - as many as there are sizes, in a process that draws one picture
    def at(self, size: int) -> Font:
        """Return the font at a size in pixels an em."""
        layout = ImageFont.Layout.RAQM if SHAPES else ImageFont.Layout.BASIC
        return ImageFont.truetype(str(self.path), size, layout_engine=layout)


class Typefaces:
    """Finds a typeface for each character.

    Args:
        folders: Where the system keeps fonts.
    """

    def __init__(self, folders: Sequence[Path] = SYSTEM) -> None:
        self._text = _bundled("DejaVuSans.ttf")
        self._emoji = _bundled("NotoEmoji.ttf")
        self._found: list[Typeface] = []
        self._candidates = _candidates(folders)
        self._missing: set[int] = set()
        self._seconds_left = SEARCH_TIMEOUT_S

    def text(self) -> Typeface:
        """Return the typeface for the figure's own words and numbers."""
        return self._text

    def emoji(self) -> Typeface:
        """Return the typeface for emoji."""
        return self._emoji

    def of(self, char: str) -> Typeface | None:
        """Return the typeface that draws a character, or None where nothing on this machine does."""
        code = ord(char)
        bundled = (self._emoji, self._text) if code >= FIRST_EMOJI else (self._text, self._emoji)
        for face in (*bundled, *self._found):
            if code in face.coverage:
                return face
        return self._search(code)

    def _search(self, code: int) -> Typeface | None:
        if code in self._missing:
            return None
        begun = time.monotonic()
        while time.monotonic() - begun < self._seconds_left:
            face = next(self._candidates, None)
            if face is None:
                break
            self._found.append(face)
            if code in face.coverage:
                self._seconds_left -= time.monotonic() - begun
                return face
        self._seconds_left -= time.monotonic() - begun
        self._missing.add(code)
        return None


def _bundled(name: str) -> Typeface:
    path = BUNDLED / name
    return Typeface(path, read_coverage(path))


def _candidates(folders: Sequence[Path]) -> Iterator[Typeface]:
    """Go through the system's usable fonts, the likeliest first; a file is read when its turn comes."""
    files = (path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    for path in sorted(files, key=_unlikeliness)[:MAX_FILES]:
        try:
            if path.stat().st_size <= MAX_FILE_BYTES:
                yield Typeface(path, read_coverage(path))
        except (OSError, UnusableFont):
            continue


_SUFFIXES = (".ttf", ".otf", ".ttc")


def _unlikeliness(path: Path) -> tuple[int, str]:
    name = path.name.lower()
    return sum(word in name for word in UNLIKELY) - 2 * any(word in name for word in LIKELY), name
