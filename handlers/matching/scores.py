"""CLIP's scores as text: ranked labels with bars, a table, the alt text and a CSV file.

A share is that of one label among several: with one label there is none, and nothing here shows one. A bar is
short, ends its line, and repeats what the text before it says: a line read out misses nothing without it.
Limits count UTF-16 units, and are the caller's; so is the function that escapes a label's markup.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from handlers.text import is_right_to_left, tidy, two_decimals
from inference.schema import MAX_LABEL_LENGTH
from inference.text import graphemes

RELATIVE = "Scores are relative to the labels given: another list, other shares."
"""Below shares."""
COSINES = (
    "Each number is the cosine similarity of one picture and one label, from -1 to 1: the higher, the "
    "closer. It does not depend on the other labels."
)
"""Below cosines of several labels."""
ONE_LABEL = (
    "This is the cosine similarity of picture and label, from -1 to 1: the higher, the closer. "
    "For a share in percent, give two labels or more."
)
"""Below the cosines of one label."""
BLANK = "(blank)"
"""Text for a label without a visible character."""
MAX_BARS = 5
"""Labels with a line and a bar of their own; the others share a paragraph."""
BAR_LENGTH = 10
"""Blocks of a bar of 100 %."""
_REST = "Then, with share and cosine: "
_EIGHTHS = " \u258f\u258e\u258d\u258c\u258b\u258a\u2589"
_BLOCK = "\u2588"
_ELLIPSIS = "\u2026"
_FORMULA_START = re.compile(r"^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_TABLE_HEAD = "label"


@dataclass(frozen=True)
class Ranked:
    """One label's scores for one image.

    Attributes:
        label: As the user typed it.
        share: The softmax over the labels, 0 to 1.
        cosine: The cosine similarity, -1 to 1.
    """

    label: str
    share: float
    cosine: float


def rank(labels: Sequence[str], cosine: Sequence[float], share: Sequence[float]) -> tuple[Ranked, ...]:
    """Sort one image's labels by cosine, the highest first. Stable: equal labels keep their order.

    Raises:
        ValueError: There are not as many scores as labels.
    """
    rows = [Ranked(*row) for row in zip(labels, share, cosine, strict=True)]
    return tuple(sorted(rows, key=lambda row: -_finite_or(row.cosine)))


def ranked_text(ranked: Sequence[Ranked], limit: int, escape: Callable[[str], str]) -> str:
    """Format ranked labels as Markdown: the best with a line each, the others in one paragraph below.

        1. **a red circle** \u2014 91 % (cosine 0.31), and a bar
        ...
        Then, with share and cosine: **a dog** 0.2 %, 0.11; **a cow** 0.1 %, 0.09

    One label alone has its cosine: `1. **a red circle** \u2014 cosine 0.31`.

    Args:
        ranked: As `rank` returns them.
        limit: UTF-16 units; labels are cut to the length at which the best fit, and of the others those that
            do not fit are left out from the end, and counted.
        escape: Escapes Markdown in a label.

    Returns:
        At most `limit` UTF-16 units.
    """
    best, others = ranked[:MAX_BARS], ranked[MAX_BARS:]
    length = MAX_LABEL_LENGTH
    # The line below the best is at most as long as this one, where it only counts.
    below = [_left_out(len(others))] if others else []
    while utf16_length(text := "\n".join([*_lines(best, length, escape), *below])) > limit and length > 1:
        length -= 1
    if utf16_length(text) > limit:
        return ""
    lines = _lines(best, length, escape)
    words = [_words(row, length, escape) for row in others]
    for shown in range(len(words), 0, -1):
        left = [_left_out(len(words) - shown)] if shown < len(words) else []
        whole = "\n".join([*lines, _REST + "; ".join([*words[:shown], *left])])
        if utf16_length(whole) <= limit:
            return whole
    return text


def _lines(rows: Sequence[Ranked], length: int, escape: Callable[[str], str]) -> list[str]:
    if len(rows) == 1:
        [row] = rows
        return [f"1. **{_shown(row.label, length, escape)}** \u2014 cosine {two_decimals(row.cosine)}"]
    return [
        f"{place}. **{_shown(row.label, length, escape)}** \u2014 {percent(row.share)} "
        f"(cosine {two_decimals(row.cosine)}) {bar(row.share)}".rstrip()
        for place, row in enumerate(rows, 1)
    ]


def _words(row: Ranked, length: int, escape: Callable[[str], str]) -> str:
    return f"**{_shown(row.label, length, escape)}** {percent(row.share)}, {two_decimals(row.cosine)}"


def _shown(label: str, length: int, escape: Callable[[str], str]) -> str:
    return _isolated(escape(_cut(tidy(label), length)) or BLANK)


def _left_out(count: int) -> str:
    return f"{_ELLIPSIS} and {count} more"


def bar(share: float) -> str:
    """Draw a share from 0 to 1 as blocks, `BAR_LENGTH` for 1, in steps of an eighth of a block.

    The rest of the bar is not drawn: a screen reader would read it out.
    """
    eighths = round(min(1.0, max(0.0, _finite_or(share, 0.0))) * BAR_LENGTH * 8)
    full, rest = divmod(eighths, 8)
    return _BLOCK * full + _EIGHTHS[rest].strip()


def percent(share: float) -> str:
    """Format a share: `91 %`; one decimal below 10 and above 99 %, `under 0.1 %` if that would be 0."""
    if not math.isfinite(share):
        return "? %"
    hundred = share * 100
    if 0 < hundred < 0.05:
        return "under 0.1 %"
    tenths = f"{hundred:.1f}"
    is_whole = tenths in ("0.0", "100.0") or 10 <= float(tenths) < 99
    return f"{hundred:.0f} %" if is_whole else f"{tenths} %"


def alt_text(
    labels: Sequence[str],
    cosine: Sequence[Sequence[float]],
    limit: int,
    numbers: Sequence[int] | None = None,
) -> str:
    """Describe the similarity matrix for screen readers: each image's best label, or the one label's cosines.

    Args:
        labels: The matrix's rows.
        cosine: A row for each image, a column for each label.
        limit: UTF-16 units; 50 are always needed.
        numbers: The number of each image; None: from 1.

    Returns:
        At most `limit` UTF-16 units; long labels are cut, all to the same length.
    """
    numbers = numbers or range(1, len(cosine) + 1)
    bests = [max(zip(row, labels, strict=True), key=lambda pair: _finite_or(pair[0])) for row in cosine]
    if len(labels) == 1:
        values = (
            f"picture {number}: {two_decimals(value)}"
            for number, (value, _) in zip(numbers, bests, strict=True)
        )
        end = f": {'; '.join(values)}."
        head = f"Cosine similarity of {_plural(len(cosine), 'picture')} to the label "
        for length in range(MAX_LABEL_LENGTH, 0, -1):
            text = head + _isolated(_cut(tidy(labels[0]) or BLANK, length)) + end
            if utf16_length(text) <= limit:
                break
        return text
    head = f"Similarity of {_plural(len(cosine), 'picture')} to {_plural(len(labels), 'label')}"
    for length in range(MAX_LABEL_LENGTH, 0, -1):
        parts = [
            f"picture {number}: {_isolated(_cut(tidy(label), length))} ({two_decimals(value)})"
            for number, (value, label) in zip(numbers, bests, strict=True)
        ]
        text = f"{head}. Best label of {'; '.join(parts)}."
        if utf16_length(text) <= limit:
            return text
    return head + "."


def table_text(
    labels: Sequence[str],
    cosine: Sequence[Sequence[float]],
    limit: int,
    numbers: Sequence[int] | None = None,
) -> str | None:
    """Format the cosines as a Markdown code block; numbers come first, so that they align in any script.

    Args:
        labels: The table's rows.
        cosine: A row for each image, a column for each label.
        limit: UTF-16 units.
        numbers: The number of each image; None: from 1.

    Returns:
        The block; None if it is longer than `limit`.
    """
    head = "".join(f"{number:>6}" for number in numbers or range(1, len(cosine) + 1))
    rows = [
        "".join(f"{two_decimals(value):>6}" for value in column)
        + "  "
        + _isolated(tidy(label).replace("`", "'") or BLANK)
        for label, column in zip(labels, zip(*cosine, strict=True), strict=True)
    ]
    text = "\n".join(["```", f"{head}  {_TABLE_HEAD}", *rows, "```"])
    return text if utf16_length(text) <= limit else None


def table_csv(
    labels: Sequence[str],
    cosine: Sequence[Sequence[float]],
    share: Sequence[Sequence[float]],
    numbers: Sequence[int] | None = None,
) -> bytes:
    """Format cosines and shares as a CSV file.

    Args:
        labels: The table's rows.
        cosine: A row for each image, a column for each label.
        share: The same shape.
        numbers: The number of each image; None: from 1.

    Returns:
        RFC 4180 in UTF-8 with a byte order mark, without which Excel reads another encoding. A label that a
        spreadsheet would read as a formula has an apostrophe before it. With one label there are no shares.
        Source: OWASP, "CSV Injection".
    """
    numbers = numbers or range(1, len(cosine) + 1)
    share = share if len(labels) > 1 else []
    head = [
        _TABLE_HEAD,
        *(f"picture {n} cosine" for n in numbers),
        *(f"picture {n} share" for n in numbers[: len(share)]),
    ]
    lines = [",".join(_quoted(name) for name in head)]
    for label, *values in zip(labels, *cosine, *share, strict=True):
        scores = (f"{value:z.4f}" if math.isfinite(value) else "" for value in values)
        lines.append(",".join([_quoted(_harmless(tidy(label))), *scores]))
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


def utf16_length(text: str) -> int:
    """Count UTF-16 units: never fewer than code points, and what JavaScript clients count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _harmless(label: str) -> str:
    return f"'{label}" if _FORMULA_START.match(label) else label


def _isolated(label: str) -> str:
    """Wrap a right-to-left label in isolates, so that the numbers after it keep their order."""
    return f"\u2068{label}\u2069" if is_right_to_left(label) else label


def _cut(label: str, length: int) -> str:
    if len(label) <= length:
        return label
    end = max((end for end in accumulate(map(len, graphemes(label))) if end < length), default=0)
    return label[:end].rstrip() + _ELLIPSIS


def _finite_or(value: float, otherwise: float = -math.inf) -> float:
    return value if math.isfinite(value) else otherwise


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
