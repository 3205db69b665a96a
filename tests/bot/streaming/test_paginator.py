"""The paginator: whole words, closed code blocks, escapes, and pages that never change."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from bot.formatting.markdown import utf16_length
from bot.streaming.paginator import MAX_PAGE_LENGTH, paginate
from handlers.text import tidy

WORDS = st.lists(
    st.sampled_from(["a", "red", "circle", "@everyone", "**bold**", "1.", "-", "x" * 30, "ü😀", "\n"])
)
PLAIN = WORDS.map(" ".join)
LINES = st.lists(
    st.sampled_from(
        ["```", "```py", "print('hello')", "some words here", "", "``", "a ```b``` c", "y" * 70, "    in"]
    )
)
MIXED = LINES.map("\n".join)
STRUCTURED = st.lists(
    st.sampled_from(
        [
            *(
                "- a",
                "  - some **bold** words",
                "1. one",
                "   more",
                "> quoted",
                "> - x",
                "~~~",
                "   ```py",
                "",
            ),
            *("# title", "    code", "**", "a *b", "c* d", "y" * 70, "---", "-", "&lt; `x", "y` ||"),
            "the words go on and on",
        ]
    ),
    max_size=14,
).map("\n".join)
PAGE_LENGTH = 60


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text).replace("\u200b", "")


@given(PLAIN)
def test_words_stay_whole_and_in_order(text: str) -> None:
    pages = paginate(text, max_length=PAGE_LENGTH)
    assert " ".join(unescaped(page) for page in pages).split() == text.split()


@given(MIXED | PLAIN | st.text())
def test_every_page_fits_and_none_is_empty(text: str) -> None:
    for page in paginate(text, max_length=PAGE_LENGTH, first=45):
        assert 0 < utf16_length(page) <= PAGE_LENGTH
        assert page.strip()
    assert all(utf16_length(page) <= 45 for page in paginate(text, max_length=PAGE_LENGTH, first=45)[:1])


@given(MIXED | PLAIN)
@example("some words here\na ```b``` c\n\n```py\na ```b``` c\n```\ny")
def test_a_page_that_another_one_follows_never_changes(text: str) -> None:
    whole = paginate(text, max_length=PAGE_LENGTH)
    for end in range(len(text)):
        closed = paginate(text[:end], final=False, max_length=PAGE_LENGTH)[:-1]
        assert whole[: len(closed)] == closed


@given(MIXED)
def test_every_page_closes_the_code_blocks_that_it_opens(text: str) -> None:
    for page in paginate(text, max_length=PAGE_LENGTH):
        fences = [line for line in page.split("\n") if line.startswith("```")]
        assert len(fences) % 2 == 0
        assert page.count("```") == len(fences)


@given(st.lists(st.text("abc (){}'", min_size=1, max_size=50), max_size=20))
def test_code_keeps_its_lines_unescaped(lines: list[str]) -> None:
    pages = paginate("\n".join(["```py", *lines, "```"]), max_length=PAGE_LENGTH)
    shown = [line for page in pages for line in page.split("\n") if not line.startswith("```")]
    assert shown == lines


def test_a_code_block_that_fits_on_a_page_is_not_split() -> None:
    text = "words before\n```py\n" + "\n".join("x" * 8 for _ in range(5)) + "\n```"
    assert paginate(text, max_length=PAGE_LENGTH) == ["words before", text.partition("\n")[2]]


def test_pages_of_a_long_answer_are_nearly_full() -> None:
    pages = paginate("A red circle lies left of a blue square. " * 150)
    assert len(pages) == 4
    assert all(utf16_length(page) > MAX_PAGE_LENGTH * 0.9 for page in pages[:-1])


def test_mentions_and_links_are_escaped_and_markup_is_let_through() -> None:
    (page,) = paginate("# @everyone <@123> **look** https://example.com\n> quoted\n- one")
    assert "@everyone" not in page
    assert "<@" not in page.replace("\\<", "")
    assert "https://" not in page
    assert page.split("\n")[0].startswith("# ")
    assert "**look**" in page
    assert page.split("\n")[1:] == ["> quoted", "- one"]


@given(STRUCTURED)
def test_a_page_of_lists_quotes_and_code_never_changes_either(text: str) -> None:
    whole = paginate(text, max_length=PAGE_LENGTH)
    for page in whole:
        assert 0 < utf16_length(page) <= PAGE_LENGTH
    for end in range(len(text)):
        closed = paginate(text[:end], final=False, max_length=PAGE_LENGTH)[:-1]
        assert whole[: len(closed)] == closed


def test_a_code_block_in_a_list_goes_on_with_its_language() -> None:
    text = "- so:\n  ```c++ main\n" + "  xxxxxxxxx;\n" * 10 + "  ```\n- end"
    pages = paginate(text, max_length=PAGE_LENGTH)
    assert len(pages) > 2
    for page in pages[1:-1]:
        assert page.startswith("```c++\n")
        assert page.endswith("\n```")
    assert pages[-1].endswith("```\n- end")


def test_an_item_that_goes_on_on_the_next_page_is_not_indented_there() -> None:
    pages = paginate("1. " + "word " * 20 + "\n2. two", max_length=PAGE_LENGTH)
    assert [page.split(" ")[0] for page in pages] == ["1.", "word"]
    assert pages[-1].endswith("\n2. two")


def test_an_invisible_text_has_no_pages() -> None:
    assert paginate(" \n\n\u200b") == []
    assert tidy("\u200b") == ""
