"""What a model thinks is taken out of what it says, however the text is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.models.thoughts import ThoughtFilter

CASES = [
    ("<think>hm</think>\n\nA circle.", "A circle."),
    ("<THINK>hm</Think>A circle.", "A circle."),
    ('<thinking type="deep">hm\n\nhm</thinking> A circle.', "A circle."),
    ("< think >hm</ think >A circle.", "A circle."),
    ("<thought>hm</thought>A circle.", "A circle."),
    ("[THINK]hm[/THINK]A circle.", "A circle."),
    ("hm, red\n</think>\nA circle.", "A circle."),
    ("<think>hm <think>more</think> even more</think>A circle.", "A circle."),
    ("A <think>hm</think>circle.", "A circle."),
    ("<think>never done", ""),
    ("A circle. <think>never done", "A circle. "),
    ("`<think>` opens and `</think>` closes.", "`<think>` opens and `</think>` closes."),
    (
        "As so:\n```xml\n<think>hm</think>\n```\n<think>hm</think>Done.",
        "As so:\n```xml\n<think>hm</think>\n```\nDone.",
    ),
    ("~~~\n<think>hm</think>\n~~~\nDone.", "~~~\n<think>hm</think>\n~~~\nDone."),
    ("A stray ` tick.\n\n<think>hm</think>Done.", "A stray ` tick.\n\nDone."),
    ("I thought <b>so</b>: 1 < 2, [think] not.", None),
    ("1 < 2 and a[0] <", "1 < 2 and a[0] <"),
    ("  Plain.", "Plain."),
    ("", ""),
]


def filtered(pieces: list[str]) -> tuple[str, bool]:
    thoughts, said = ThoughtFilter(), ""
    for each in [*pieces, None]:
        text = thoughts.end() if each is None else thoughts.feed(each)
        if thoughts.discarded:
            thoughts.discarded, said = False, ""
        said += text
    return said, thoughts.in_thought


@pytest.mark.parametrize(("text", "said"), [(text, said) for text, said in CASES if said is not None])
def test_thoughts_are_taken_out(text: str, said: str) -> None:
    assert filtered([text])[0] == said
    assert filtered(list(text))[0] == said


def test_an_answer_that_ends_in_a_thought_is_known_to() -> None:
    assert filtered(["<think>never done"]) == ("", True)
    assert filtered(["<think>done</think>"]) == ("", False)


PARTS = st.sampled_from(
    ["<think>", "</think>", "`", "```\n", "\n\n", "word ", "<", "</thi", "[/THINK]", "<b>"]
)


@given(st.lists(PARTS, max_size=12), st.data())
def test_it_is_the_same_however_the_text_is_cut(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert filtered(pieces) == filtered([text])


@given(st.text(alphabet=st.characters(exclude_characters="<[◁")))
def test_a_text_without_tags_is_left_as_it_is(text: str) -> None:
    assert filtered([text])[0] == text.lstrip()
