"""Text that is escaped and cut: what is read stays whole, and nothing in it is markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cogs.chat import strings
from bot.formatting.captions import CaptionResult, format_captions
from bot.formatting.markdown import ELLIPSIS, cut, escape, escaped_units, unescape, utf16_length
from handlers.text import tidy

NEEDED = [
    "👩\u200d🚀",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "🏳\ufe0f\u200d🌈",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0915\u094d\u200d\u0937",
    "🇩🇪",
]


@pytest.mark.parametrize("text", NEEDED)
def test_captions_and_questions_keep_what_their_script_needs(text: str) -> None:
    assert format_captions([CaptionResult(f"a {text} here")]) == f"a {text} here"
    assert strings.asked_line(text, text).endswith(f"{text} asked\\: {text}".replace("asked\\:", "asked:"))
    assert strings.thread_name(text, "otherwise") == text


@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u2066", "\u200b", "\u00ad", "\u200d", "\U000e0041", "\ufe0f", "\u034f"]
)
def test_captions_lose_what_hides_or_reorders(hidden: str) -> None:
    assert format_captions([CaptionResult(f"a c{hidden}at")]) == "a cat"


@pytest.mark.parametrize("text", [NEEDED[0], NEEDED[1], NEEDED[2], NEEDED[6]])
def test_what_is_read_as_one_character_is_not_cut(text: str) -> None:
    name = strings.thread_name(text * 40, "otherwise")
    assert utf16_length(name) <= strings.MAX_THREAD_NAME_LENGTH
    assert name.removesuffix(ELLIPSIS).replace(text, "") == ""


@given(st.text())
def test_escaping_is_undone(text: str) -> None:
    line = tidy(text)
    assert unescape(escape(line)) == line


@given(st.text(st.sampled_from("a*_1.-+ )👩\u200d🚀\u0301")), st.integers(2, 30))
def test_units_are_cut_as_a_whole(text: str, length: int) -> None:
    line = tidy(text)
    found = cut(escaped_units(line), length)
    assert utf16_length(found) <= length
    assert line.startswith(unescape(found.removesuffix(ELLIPSIS)))
