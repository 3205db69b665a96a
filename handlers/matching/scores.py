"""CLIP's scores as words: ranked labels with bars, the table, the alt text, and a .csv file.

Written for Discord: markdown that a label holds is shown, not obeyed. Written to be heard as well: the words
come first and stand alone, a bar comes after them and only where there is something to show.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.text import is_right_to_left, tidy, two_decimals

MAX_ALT_LENGTH = 1024
"""Discord's limit of an attachment's description."""
RELATIVE = "Scores are relative to the labels given: another list, other shares."
BLANK = "(blank)"
BAR = 20
"""Blocks of a bar that stands for 100 %."""
_EIGHTHS = " \u258f\u258e\u258d\u258c\u258b\u258a\u2589"
_BLOCK = "\u2588"
_ELLIPSIS = "\u2026"
_MARKDOWN = re.compile(r"([\\*_~`|<>\[\]:@/])")
_FORMULA = re.compile(r"^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_TABLE_HEAD = "label"


@dataclass(frozen=True)
class Ranked:
    """One label's scores for one picture.

    Attributes:
        label: As it was given.
        share: The softmax over the labels, 0 to 1.
        cosine: The cosine similarity, -1 to 1.
    """

    label: str
    share: float
    cosine: float


def rank(labels: Sequence[str], cosine: Sequence[float], share: Sequence[float]) -> tuple[Ranked, ...]:
    """Sort one picture's labels, the best first, equals in the order given.

    Raises:
        ValueError: There are not as many scores as labels.
    """
    rows = [Ranked(*row) for row in zip(labels, share, cosine, strict=True)]
    return tuple(sorted(rows, key=lambda row: -_known(row.cosine)))


def ranked_text(ranked: Sequence[Ranked], limit: int) -> str:
    """Write ranked labels as markdown: `1. **a red circle** \u2014 91 % (cosine 0.31)`, and a bar below.

    Args:
        ranked: As `rank` returns them.
        limit: The most characters; what does not fit is left out from the end, and the text says how much.

    Returns:
        At most `limit` characters (UTF-16 units).
    """
    entries = [_entry(place, row) for place, row in enumerate(ranked, 1)]
    for shown in range(len(entries), -1, -1):
        left = len(entries) - shown
        text = "\n".join(entries[:shown] + ([f"{_ELLIPSIS} and {left} more"] if left else []))
        if units(text) <= limit:
            return text
    return ""


def _entry(place: int, row: Ranked) -> str:
    words = f"{place}. **{shown(row.label)}** \u2014 {percent(row.share)} (cosine {two_decimals(row.cosine)})"
    blocks = bar(row.share)
    return f"{words}\n   {blocks}" if blocks else words


def bar(share: float) -> str:
    """Draw a share as blocks, `BAR` for all, in steps of an eighth; nothing for next to nothing.

    Only what is full is drawn, so that a reader for the blind has little to say of it.
    """
    eighths = round(min(1.0, max(0.0, _known(share, 0.0))) * BAR * 8)
    full, rest = divmod(eighths, 8)
    return _BLOCK * full + _EIGHTHS[rest].strip()


def percent(share: float) -> str:
    """Write a share: `91 %`; below 10 and above 99 with one decimal, `under 0.1 %` where that would be 0."""
    if not math.isfinite(share):
        return "? %"
    hundred = share * 100
    if 0 < hundred < 0.05:
        return "under 0.1 %"
    tenths = f"{hundred:.1f}"
    is_whole = tenths in ("0.0", "100.0") or 10 <= float(tenths) < 99
    return f"{hundred:.0f} %" if is_whole else f"{tenths} %"


def shown(label: str) -> str:
    """Write a label so that Discord shows it as it is: no markdown, no mention, no link, no turned text."""
    escaped = _MARKDOWN.sub(r"\\\1", tidy(label)) or BLANK
    return _isolated(escaped)


def alt_text(labels: Sequence[str], cosine: Sequence[Sequence[float]]) -> str:
    """Describe the matrix for who does not see it: each picture's best label.

    Args:
        labels: The labels.
        cosine: A row for each picture, a column for each label.

    Returns:
        At most `MAX_ALT_LENGTH` characters (UTF-16 units); long labels are cut, all to the same length.
    """
    bests = [max(zip(row, labels, strict=True), key=lambda pair: _known(pair[0])) for row in cosine]
    head = f"Similarity of {_count(len(cosine), 'picture')} to {_count(len(labels), 'label')}"
    for most in range(200, 0, -1):
        parts = [
            f"picture {number}: {_isolated(_cut(tidy(label), most))} ({two_decimals(value)})"
            for number, (value, label) in enumerate(bests, 1)
        ]
        text = f"{head}. Best label of {'; '.join(parts)}."
        if units(text) <= MAX_ALT_LENGTH:
            return text
    return head + "."


def table_text(labels: Sequence[str], cosine: Sequence[Sequence[float]], limit: int) -> str | None:
    """Write the whole table as a code block, the numbers before the labels: so they align in any script.

    Args:
        labels: The labels, a row for each.
        cosine: A row for each picture, a column for each label.
        limit: The most characters.

    Returns:
        The block, or None where it has more than `limit` characters (UTF-16 units).
    """
    head = "".join(f"{number:>6}" for number in range(1, len(cosine) + 1))
    rows = [
        "".join(f"{two_decimals(value):>6}" for value in column)
        + "  "
        + _isolated(tidy(label).replace("`", "'") or BLANK)
        for label, column in zip(labels, zip(*cosine, strict=True), strict=True)
    ]
    text = "\n".join(["```", f"{head}  {_TABLE_HEAD}", *rows, "```"])
    return text if units(text) <= limit else None


def table_csv(
    labels: Sequence[str], cosine: Sequence[Sequence[float]], share: Sequence[Sequence[float]]
) -> bytes:
    """Write the whole table as a file for spreadsheets.

    Args:
        labels: The labels, a row for each.
        cosine: A row for each picture, a column for each label.
        share: The same shape.

    Returns:
        RFC 4180 in UTF-8, with a byte order mark, without which Excel reads another encoding. A label that a
        spreadsheet would take for a formula has an apostrophe before it.
        Source: OWASP, "CSV Injection".
    """
    numbers = range(1, len(cosine) + 1)
    head = [_TABLE_HEAD, *(f"picture {n} cosine" for n in numbers), *(f"picture {n} share" for n in numbers)]
    lines = [",".join(_quoted(name) for name in head)]
    for label, *values in zip(labels, *cosine, *share, strict=True):
        scores = (f"{value:z.4f}" if math.isfinite(value) else "" for value in values)
        lines.append(",".join([_quoted(_harmless(tidy(label))), *scores]))
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


def units(text: str) -> int:
    """Count characters in the way that never gives less than Discord's: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _harmless(label: str) -> str:
    return f"'{label}" if _FORMULA.match(label) else label


def _isolated(label: str) -> str:
    """Keep a label that is written from right to left from turning the numbers after it around."""
    return f"\u2068{label}\u2069" if is_right_to_left(label) else label


def _cut(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1].rstrip() + _ELLIPSIS


def _known(value: float, otherwise: float = -math.inf) -> float:
    return value if math.isfinite(value) else otherwise


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
