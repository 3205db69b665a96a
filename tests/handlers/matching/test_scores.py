"""Scores as text: the ranked list, the table, the alt text and the CSV file."""

import csv
import io
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.matching.scores import (
    BAR_LENGTH,
    BLANK,
    Ranked,
    alt_text,
    bar,
    percent,
    rank,
    ranked_text,
    table_csv,
    table_text,
    utf16_length,
)

LABELS = ("a cat", "a red circle", "a dog")
COSINE = ((0.211, 0.314, -0.001), (0.3, 0.1, 0.2))
SHARE = ((0.09, 0.909, 0.0001), (0.9, 0.04, 0.06))
LABEL = st.text(st.characters(), max_size=200)
TABLES = st.integers(1, 10).flatmap(
    lambda pictures: st.lists(
        st.tuples(LABEL, st.lists(st.floats(-1, 1), min_size=pictures, max_size=pictures)),
        min_size=1,
        max_size=25,
    )
)


RANKINGS = st.lists(st.builds(Ranked, LABEL, st.floats(0, 1), st.floats(-1, 1)), min_size=1, max_size=25)


def test_each_label_has_a_line_that_ends_with_its_bar() -> None:
    text = ranked_text(rank(LABELS, COSINE[0], SHARE[0]), 2000, str)
    assert text.splitlines() == [
        "1. **a red circle** \u2014 91 % (cosine 0.31) " + "\u2588" * 9 + "\u258f",
        "2. **a cat** \u2014 9.0 % (cosine 0.21) \u2589",
        "3. **a dog** \u2014 under 0.1 % (cosine 0.00)",
    ]


@given(RANKINGS)
def test_the_text_is_complete_without_the_bars(ranked: list[Ranked]) -> None:
    for line in ranked_text(ranked, 10**6, str).split("\n"):
        words = line.rstrip("\u2588\u2589\u258a\u258b\u258c\u258d\u258e\u258f")
        assert not re.search("[\u2580-\u259f]", words)
        assert len(line) - len(words) <= BAR_LENGTH
        assert re.search(r"(?:\(cosine \S+\) ?|cosine \S+|, \S+)$", words)


@pytest.mark.parametrize(("labels", "lines"), [(2, 2), (5, 5), (6, 6), (25, 6)])
def test_the_best_five_labels_have_lines_and_the_others_a_paragraph(labels: int, lines: int) -> None:
    ranked = [Ranked(f"label {number}", 0.5 / 2**number, 0.3 - number / 100) for number in range(labels)]
    text = ranked_text(ranked, 2000, str).splitlines()
    assert len(text) == lines
    assert [line.startswith(f"{number}. **label") for number, line in enumerate(text, 1)][:5] == [True] * min(
        5, labels
    )
    assert re.findall(r"\*\*(.+?)\*\*", "\n".join(text)) == [row.label for row in ranked]
    if labels > 5:
        assert text[5].startswith("Then, with share and cosine: **label 5** 1.6 %, 0.25")
        assert "\u2588" not in text[5]


@pytest.mark.parametrize("labels", range(1, 26))
@pytest.mark.parametrize("char", ["a", "*", "\u05d0", "\U0001f600"])
def test_the_best_labels_are_cut_before_they_are_left_out(char: str, labels: int) -> None:
    ranked = [Ranked(f"{number} {char * 195}", 0.04, 0.2) for number in range(labels)]
    text = ranked_text(ranked, 1900, lambda label: label.replace("*", "\\*"))
    assert utf16_length(text) <= 1900
    for place in range(1, min(5, labels) + 1):
        assert f"{place}. **" in text
    if utf16_length(char) == 1 and char != "*" and labels <= 5:
        assert "\u2026" not in text


@pytest.mark.parametrize("cosine", [-0.47, 0.0, 0.31])
def test_one_label_alone_has_no_share(cosine: float) -> None:
    text = ranked_text([Ranked("a cat", 1.0, cosine)], 2000, str)
    assert text == f"1. **a cat** \u2014 cosine {cosine:.2f}"
    assert table_csv(["a cat"], [[cosine], [0.5]], [[1.0], [1.0]]).decode("utf-8-sig").splitlines() == [
        '"label","picture 1 cosine","picture 2 cosine"',
        f'"a cat",{cosine:.4f},0.5000',
    ]
    assert alt_text(["a cat"], [[cosine], [0.5]], 1024) == (
        f"Cosine similarity of 2 pictures to the label a cat: picture 1: {cosine:.2f}; picture 2: 0.50."
    )


def test_equal_scores_keep_their_order() -> None:
    assert [row.label for row in rank(("b", "a"), (0.2, 0.2), (0.5, 0.5))] == ["b", "a"]


def test_a_long_list_is_cut_and_counts_the_labels_left_out() -> None:
    ranked = [Ranked(f"label {number}", 0.04, 0.2) for number in range(25)]
    text = ranked_text(ranked, 300, str)
    assert utf16_length(text) <= 300
    kept = text.count("**label")
    assert kept > 0
    assert text.endswith(f"\u2026 and {25 - kept} more")


@given(RANKINGS, st.integers(0, 4000))
def test_the_ranked_list_never_exceeds_its_limit(ranked: list[Ranked], limit: int) -> None:
    assert utf16_length(ranked_text(ranked, limit, str)) <= limit


@given(st.floats(0, 1))
def test_a_bar_is_as_long_as_its_share(share: float) -> None:
    drawn = bar(share)
    eighths = sum(8 if char == "\u2588" else 0x2590 - ord(char) for char in drawn)
    assert eighths == round(share * BAR_LENGTH * 8)


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0, "0 %"),
        (1e-9, "under 0.1 %"),
        (0.0005, "0.1 %"),
        (0.0949, "9.5 %"),
        (0.0999, "10 %"),
        (0.314, "31 %"),
        (0.9899, "99.0 %"),
        (0.997, "99.7 %"),
        (0.99999, "100 %"),
        (1, "100 %"),
        (math.nan, "? %"),
    ],
)
def test_shares_are_formatted_as_percent(share: float, written: str) -> None:
    assert percent(share) == written


def test_labels_are_escaped_by_the_caller() -> None:
    ranked = [Ranked("a\u200b *cat*", 0.0, 0.3)] * 2
    text = ranked_text(ranked, 2000, lambda label: label.replace("*", "\\*"))
    assert text.splitlines()[0] == "1. **a \\*cat\\*** \u2014 0 % (cosine 0.30)"


def test_a_label_without_visible_characters_is_named_blank() -> None:
    text = ranked_text([Ranked("\u200b", 0.0, 0.3)], 2000, str)
    assert text == f"1. **{BLANK}** \u2014 cosine 0.30"


def test_a_right_to_left_label_is_isolated() -> None:
    text = ranked_text([Ranked("\u05d7\u05ea\u05d5\u05dc", 0.0, 0.3)], 2000, str)
    assert "**\u2068\u05d7\u05ea\u05d5\u05dc\u2069**" in text


def test_the_alt_text_names_each_images_best_label() -> None:
    assert alt_text(LABELS, COSINE, 1024) == (
        "Similarity of 2 pictures to 3 labels. "
        "Best label of picture 1: a red circle (0.31); picture 2: a cat (0.30)."
    )


@given(TABLES)
def test_the_alt_text_fits_and_names_every_image(table: list[tuple[str, list[float]]]) -> None:
    cosine = list(zip(*(scores for _, scores in table), strict=True))
    text = alt_text([label for label, _ in table], cosine, 1024)
    assert utf16_length(text) <= 1024
    assert f"picture {len(cosine)}: " in text


def test_the_table_has_aligned_columns() -> None:
    assert table_text(LABELS, COSINE, 2000) == (
        "```\n     1     2  label\n  0.21  0.30  a cat\n  0.31  0.10  a red circle\n  0.00  0.20  a dog\n```"
    )


def test_a_table_that_is_too_long_is_none() -> None:
    whole = table_text(LABELS, COSINE, 2000)
    assert whole is not None
    assert table_text(LABELS, COSINE, len(whole)) == whole
    assert table_text(LABELS, COSINE, len(whole) - 1) is None


@given(TABLES)
def test_no_label_breaks_out_of_the_table(table: list[tuple[str, list[float]]]) -> None:
    text = table_text(
        [label for label, _ in table], list(zip(*(row for _, row in table), strict=True)), 10**6
    )
    assert text is not None
    assert text.count("`") == 6
    assert text.count("\n") == len(table) + 2


def test_the_csv_has_cosines_before_shares() -> None:
    assert table_csv(LABELS[:2], [COSINE[0][:2]], [SHARE[0][:2]]) == (
        b'\xef\xbb\xbf"label","picture 1 cosine","picture 1 share"\r\n"a cat",0.2110,0.0900\r\n'
        b'"a red circle",0.3140,0.9090\r\n'
    )


@given(TABLES)
def test_the_csv_has_one_row_for_each_label(table: list[tuple[str, list[float]]]) -> None:
    labels = [label for label, _ in table]
    cosine = list(zip(*(scores for _, scores in table), strict=True))
    text = table_csv(labels, cosine, cosine).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == len(table) + 1
    kinds = 2 if len(table) > 1 else 1
    assert {len(row) for row in rows} == {1 + kinds * len(cosine)}
    for row, (_, scores) in zip(rows[1:], table, strict=True):
        assert row[0][:1] not in set("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
        assert [float(cell) for cell in row[1:]] == pytest.approx(scores * kinds, abs=6e-5)


@pytest.mark.parametrize(
    "label", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1+1", '=HYPERLINK("http://evil.example")', " =1"]
)
def test_a_label_is_never_a_formula(label: str) -> None:
    raw = table_csv([label], [[0.1]], [[1.0]]).decode("utf-8-sig")
    (cell, *_) = list(csv.reader(io.StringIO(raw)))[1]
    assert cell == "'" + label.strip()
