"""Finds the fonts for labels: two are bundled, and the system's cover other scripts.

Runs in the child process only.
"""

import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont, features

from handlers.heatmap.font_coverage import Coverage, UnusableFont, read_coverage

BUNDLED = Path(__file__).parent / "font_files"
BUNDLED_TEXT = BUNDLED / "DejaVuSans.ttf"
BUNDLED_EMOJI = BUNDLED / "NotoEmoji.ttf"
SYSTEM = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/Library/Fonts"))
MAX_FILES = 400
"""Of the system's fonts, the likeliest first."""
SEARCH_TIMEOUT_S = 2.0
"""Of one drawing, in all; characters that are not found by then are drawn as `MISSING`."""
MAX_FILE_BYTES = 40 * 2**20
"""Of a font; Noto Sans CJK has 20 MB."""
MISSING = "\u25a1"
"""White square, for characters that no font has."""
LIKELY_NAMES = ("noto", "droid", "wqy", "unifont", "fallback")
UNLIKELY_NAMES = ("bold", "italic", "oblique", "mono", "serif", "light", "thin", "black", "condensed")
FIRST_EMOJI = 0x1F000
"""Code point from which the emoji font is preferred; below, the text font, which has most symbols too."""

CAN_SHAPE = features.check_feature("raqm") and features.check_feature("fribidi")
"""Whether Pillow shapes text (joins letters, orders right to left). Pillow brings Raqm, the system FriBiDi
(Debian: libfribidi0); without them Arabic and Hebrew are drawn letter by letter, in reverse."""

Font = ImageFont.FreeTypeFont


class Typeface:
    """One font file."""

    def __init__(self, path: Path, coverage: Coverage) -> None:
        self.path = path
        self.coverage = coverage

    @lru_cache(maxsize=8)  # noqa: B019 - a few sizes, in a process that draws one figure
    def at(self, size: int) -> Font:
        """Return the font at a size in pixels per em."""
        layout = ImageFont.Layout.RAQM if CAN_SHAPE else ImageFont.Layout.BASIC
        return ImageFont.truetype(str(self.path), size, layout_engine=layout)


class Typefaces:
    """Finds a typeface for each character.

    Args:
        folders: The system's font folders.
        emoji: The bundled emoji font.
        search_timeout_s: Seconds for searching the system's fonts, in all.
    """

    def __init__(
        self,
        folders: Sequence[Path] = SYSTEM,
        *,
        emoji: Path = BUNDLED_EMOJI,
        search_timeout_s: float = SEARCH_TIMEOUT_S,
    ) -> None:
        self._text = _typeface(BUNDLED_TEXT)
        self._emoji = _typeface(emoji)
        self._found: list[Typeface] = []
        self._candidates = _candidates(folders)
        self._missing: set[int] = set()
        self._seconds_left = search_timeout_s

    def text(self) -> Typeface:
        """Return the bundled text typeface, also used for the figure's own text and numbers."""
        return self._text

    def emoji(self) -> Typeface:
        """Return the bundled emoji typeface."""
        return self._emoji

    def of(self, char: str) -> Typeface | None:
        """Return a typeface that has a character; None if no font on this machine does, or time is over."""
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


def _typeface(path: Path) -> Typeface:
    return Typeface(path, read_coverage(path))


def _candidates(folders: Sequence[Path]) -> Iterator[Typeface]:
    """Yield the system's usable fonts, the likeliest first. Lazy: a file is read when it is needed."""
    files = (
        path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in _FONT_SUFFIXES
    )
    for path in sorted(files, key=_unlikeliness)[:MAX_FILES]:
        try:
            if path.stat().st_size <= MAX_FILE_BYTES:
                yield _typeface(path)
        except (OSError, UnusableFont):
            continue


_FONT_SUFFIXES = (".ttf", ".otf", ".ttc")


def _unlikeliness(path: Path) -> tuple[int, str]:
    name = path.name.lower()
    return sum(word in name for word in UNLIKELY_NAMES) - 2 * any(word in name for word in LIKELY_NAMES), name
