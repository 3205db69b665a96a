"""A model's Markdown: what Discord renders is let through, and nothing pings, links or hides."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.formatting.markdown import escape, unescape, utf16_length
from bot.streaming.paginator import paginate

MARKS = [
    *("*", "**", "_", "__", "~~", "`", "``", "||", "a", "b ", " ", "\n", "\n\n", "- ", "1. ", "> ", "# "),
    *("#### ", "-# ", "```", "```py\n", "~~~\n", "    ", "  ", "@everyone", "<@12345>", "<#12345>"),
    *("<:cat:12345>", "</ask:12345>", "<t:1:R>", "https://a.example", "[a](https://b.example)"),
    *("&lt;@12345&gt;", "&#64;everyone", "\\", "\u202e", "👩\u200d🚀"),
]
HOSTILE = st.lists(st.sampled_from(MARKS), max_size=40).map("".join)
WORDS = st.lists(st.from_regex(r"[a-z]{1,8}[,;]?", fullmatch=True), min_size=1, max_size=30)


def shown(text: str) -> str:
    """Return the one page of a text."""
    [page] = paginate(text)
    return page


def outside_code(page: str) -> str:
    """Return a page without its code, and without what is escaped."""
    page = re.sub(r"^(?:> )*```[\w+#.-]*\n.*?^(?:> )*```$", "", page, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\\.|(`{1,2})(?!`).*?(?<!`)\1(?!`)", lambda found: "" if found[1] else "\\", page)


@pytest.mark.parametrize(
    "text",
    [
        "# a title",
        "## a title",
        "### a *title*",
        "some **bold**, *italic*, ***both***, ~~gone~~ and `code`",
        "**bold *and italic* within**",
        "*italic **and bold***",
        "**bold\nover two lines**",
        "- one\n- two\n  - nested\n    - deeper\n- three",
        "1. one\n2. two\n   - nested\n3. three",
        "- one\n  more of it\n\n- loose",
        "> quoted **words**\n> more\n\nafter",
        "> - a list\n> - in a quote",
        "```py\nx = '**'\n```",
        "words `a*b` and ``a`b``",
        "a plain line, and another. It is 5 o'clock!",
    ],
)
def test_what_discord_renders_is_let_through(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("__bold__ and _italic_", "**bold** and *italic*"),
        ("#### deep **title**", "**deep title**"),
        ("* one\n* two", "- one\n- two"),
        ("+ one\n+ two", "- one\n- two"),
        ("1) one\n2) two", "1. one\n2. two"),
        ("- one\n\t- two", "- one\n  - two"),
        ("***a** b*", "**a** b"),
        ("**use `**kw` here**", "use `**kw` here"),
        ("a * b * c", "a \\* b \\* c"),
        ("**not closed", "\\*\\*not closed"),
        ("snake_case_name", "snake\\_case\\_name"),
        ("\\*typed\\*", "\\*typed\\*"),
        ("-# small", "\\-\\# small"),
        ("---", "\\---"),
        (">>> all", "> > > all"),
    ],
)
def test_other_ways_of_writing_it_are_brought_into_discords(text: str, page: str) -> None:
    assert shown(text) == page


@pytest.mark.parametrize(
    "text",
    [
        "```python title=x y\ncode()\n```",
        "~~~python\ncode()\n~~~",
        "```python\r\ncode()\r\n```\r\n",
        "````python\ncode()\n````",
        "   ```python\n   code()\n   ```",
        "``` python\ncode()\n```",
    ],
)
def test_a_fence_is_read_in_every_form(text: str) -> None:
    assert shown(text) == "```python\ncode()\n```"
    assert shown(f"{text}\n\nafter **it**") == "```python\ncode()\n```\n\nafter **it**"


def test_a_fence_in_a_list_is_a_block_and_the_list_goes_on() -> None:
    text = "1. Install:\n   ```sh\n   pip install x\n     --now\n   ```\n1. Run `x`\n   - or not"
    assert shown(text) == "1. Install\\:\n```sh\npip install x\n  --now\n```\n2. Run `x`\n   - or not"


def test_indented_code_is_a_block() -> None:
    assert shown("as so\\:\n\n    if a:\n        b()\n\nafter") == (
        "as so\\:\n\n```\nif a:\n    b()\n```\n\nafter"
    )


@given(HOSTILE)
@example("1&#46; a\n\\- b\n&nbsp;- c")
@example("`` `@everyone ``")
def test_nothing_mentions_links_or_hides(text: str) -> None:
    for page in paginate(text):
        assert utf16_length(page) <= 2000
        assert not re.search("@(?:everyone|here)", page)
        assert "\u202e" not in page
        left = outside_code(page)
        assert not re.search(r"[<\[\]|@](?!\u200b)|https?:", left.replace("@\u200b", ""))
        assert not re.search(r"^(?:> )*-# |^>>> ", left, re.MULTILINE)


@given(HOSTILE | st.text())
def test_every_text_is_rendered_and_as_a_spoiler_never_ends_it(text: str) -> None:
    for page in paginate(text, spoiler=True):
        assert page.strip()
        assert "||" not in page


@given(WORDS)
def test_plain_words_are_unchanged(words: list[str]) -> None:
    text = " ".join(words)
    assert shown(text) == text
    assert unescape(shown(f"{text}: (so) <it> is")) == f"{text}: (so) <it> is"


BLOCK = st.one_of(
    WORDS.map(" ".join),
    WORDS.map(lambda words: "### " + " ".join(words)),
    WORDS.map(lambda words: "**" + " ".join(words) + "** and *more*"),
    WORDS.map(lambda words: "```py\n" + "\n".join(words) + "\n```"),
    st.lists(WORDS, min_size=1, max_size=4).map(lambda rows: "\n".join("- " + " ".join(row) for row in rows)),
    st.lists(WORDS, min_size=1, max_size=4).map(
        lambda rows: "1. first\n" + "\n".join("   - " + " ".join(row) for row in rows)
    ),
    WORDS.map(lambda words: "> " + "\n> ".join(words)),
)


@given(st.lists(BLOCK, min_size=1, max_size=4).map("\n\n".join))
def test_what_is_written_reads_as_what_was_read(text: str) -> None:
    parser = MarkdownIt("commonmark")

    def structure(source: str) -> list[tuple[str, str]]:
        return [
            (each.type, unescape(each.content) if each.type == "inline" else each.content)
            for each in parser.parse(source)
        ]

    assert structure("\n".join(paginate(text))) == structure(text)


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, "> " * 20_000, "- " * 20_000, "*a " * 5000, "**a _b " * 3000, "`" * 20_000, "a\n" * 9000,
     "\n".join("> " * depth + "x" for depth in range(200)), "x" * 50_000, "&#" * 9000, "- - - - x\n" * 2000],
)  # fmt: skip
def test_a_hostile_text_is_bounded(text: str) -> None:
    for page in paginate(text):
        assert utf16_length(page) <= 1900


def test_what_is_nested_too_deep_is_kept_as_text() -> None:
    page = shown("> " * 50 + "the end")
    assert page.endswith("the end")
    assert unescape(page).count(">") == 50
    assert escape("the end") in page
