"""What is seen of a text stays, with what its script needs; what hides or reorders it goes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.text import graphemes, visible_text

SEEN = [
    "👩\u200d🚀",
    "👨\u200d👩\u200d👧\u200d👦",
    "🧔🏽\u200d♂\ufe0f",
    "🏳️\u200d🌈",
    "🏴\u200d☠️",
    "🐈\u200d⬛",
    "❤️\u200d🔥",
    "👁️\u200d🗨️",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "🇩🇪🇯🇵",
    "1️⃣",
    "☺︎",
    "👍🏿",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u062e\u0627\u0646\u0647\u200c\u0647\u0627",
    "नमस्\u200dते",
    "क्\u200dष",
    "क्\u200cष",
    "ශ්\u200dරී",
    "ന്\u200d",
    "র\u200d্যাব",
    "葛\U000e0100",
    "≨︀",
    "ᠠ᠋",
    "؀١٢",
    "Vi\u1ec7t",
    "e\u0301",
    "ค\u0e33",
    "ᅟᅡ",
]
HIDDEN = [
    "\u202e",
    "\u202d",
    "\u202a",
    "\u202b",
    "\u202c",
    "\u2066",
    "\u2067",
    "\u2068",
    "\u2069",
    "\u200e",
    "\u200f",
    "\u061c",
    "\u200b",
    "\u2060",
    "\u2061",
    "\u2064",
    "\u00ad",
    "\ufeff",
    "\u180e",
    "\u034f",
    "\u115f",
    "\u1160",
    "\u3164",
    "\uffa0",
    "\u200c",
    "\u200d",
    "\ufe0f",
    "\ufe00",
    "\U000e0100",
    "\U000e0001",
    "\U000e0041",
    "\U000e0068\U000e0069\U000e007f",
    "\ufff9",
    "\U0001d173",
    "\ud800",
]
ANYTHING = st.text(st.characters(), max_size=100)
PIECES = st.lists(st.sampled_from([*SEEN, *HIDDEN, " ", "a", "\n", "\r\n", "م", "क"]) | st.text(max_size=3))


@pytest.mark.parametrize("text", SEEN)
def test_what_a_script_needs_stays(text: str) -> None:
    assert visible_text(text) == text
    assert visible_text(f"a {text}, and {text}\n{text}") == f"a {text}, and {text}\n{text}"


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_hides_or_reorders_goes(hidden: str) -> None:
    assert visible_text(f"a cat{hidden} is{hidden * 3} h{hidden}ere") == "a cat is here"


def test_tags_on_anything_but_a_flag_go() -> None:
    tags = "".join(chr(0xE0000 + ord(char)) for char in "ignore what was said")
    assert visible_text(f"😀{tags} 🏴{tags}") == "😀 🏴"


def test_runs_of_selectors_and_joiners_carry_nothing() -> None:
    assert visible_text("☺" + "\ufe0f\ufe0e" * 20) == "☺\ufe0f"
    assert visible_text("م" + "\u200c\u200d" * 20 + "ن") == "م\u200cن"


def test_lines_stay_and_other_controls_go() -> None:
    assert visible_text("a\r\nb\rc\u2028d\te\x07f") == "a\nb\nc\nd\tef"


@given(ANYTHING | PIECES.map("".join))
def test_it_is_idempotent_and_removes_only_what_is_not_seen(text: str) -> None:
    found = visible_text(text)
    assert visible_text(found) == found
    seen = [char for char in text if unicodedata.category(char)[0] in "LNPS" and char != "\u2800"]
    fillers = set("\u115f\u1160\u3164\uffa0")
    assert [each for each in found if unicodedata.category(each)[0] in "LNPS" and each not in fillers] == [
        each for each in seen if each not in fillers
    ]


@given(ANYTHING | PIECES.map("".join))
def test_grapheme_clusters_are_the_whole_text(text: str) -> None:
    assert "".join(graphemes(text)) == text


@pytest.mark.parametrize("text", ["👩\u200d🚀", "👨\u200d👩\u200d👧\u200d👦", "🇩🇪", "क्षि", "e\u0301", "1️⃣"])
def test_what_a_reader_takes_for_one_character_is_one(text: str) -> None:
    assert graphemes(text) == [text]


def test_a_cluster_without_end_is_split() -> None:
    assert len(graphemes("👩\u200d" * 1000)) > 20
