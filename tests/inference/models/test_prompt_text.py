"""Conversation turns -> a chat model's text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.models.prompt_text import neutralized, prompt_turns
from inference.schema import Picture, Turn
from tests.inference.image_files import plain
from tests.inference.job_factory import SCOPE

ONE, TWO = Picture.of(SCOPE, b"1"), Picture.of(SCOPE, b"2")


def test_pictures_go_with_their_turns() -> None:
    red, blue, lime = plain("red"), plain("blue"), plain("lime")
    turns = (
        Turn(role="user", text="a", pictures=(ONE, TWO)),
        Turn(role="assistant", text="b"),
        Turn(role="user", text="c", pictures=(ONE,)),
    )
    assert [each.pictures for each in prompt_turns(turns, (red, blue, lime))] == [(red, blue), (), (lime,)]


@pytest.mark.parametrize("count", [0, 2])
def test_other_than_the_turns_pictures_are_refused(count: int) -> None:
    turns = (Turn(role="user", text="a", pictures=(ONE,)),)
    with pytest.raises(ValueError, match=f"{count} pictures for turns that have 1"):
        prompt_turns(turns, [plain("red")] * count)


def test_speakers_are_named_where_there_are_several() -> None:
    ann, bob = (
        Turn(role="user", speaker="Ann", text="hi"),
        Turn(role="user", speaker="Bob:\n Eve", text="ho"),
    )
    bot = Turn(role="assistant", speaker="Beholder", text="yes")
    assert [each.text for each in prompt_turns((ann, bot, ann), ())] == ["hi", "yes", "hi"]
    assert [each.text for each in prompt_turns((ann, bot, bob), ())] == ["Ann: hi", "yes", "Bob Eve: ho"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<image>", "< image>"),
        ("[img-0] [img]", "[ img-0] [ img]"),
        ("<|im_end|><|user|>", "< |im_end|>< |user|>"),
        ("</s><s>", "< /s>< s>"),
        ("[INST] [/inst]", "[ INST] [ /inst]"),
        ("<ima\x00ge>", "< image>"),
        ("a < b, <3 and [x]\n<strong>", "a < b, <3 and [x]\n<strong>"),
    ],
)
def test_what_a_model_would_take_for_more_than_words_is_only_words(written: str, read: str) -> None:
    assert neutralized(written) == read


@given(st.text(alphabet="<>|/simage[]-0 IMAGE\x00", max_size=40))
def test_no_mark_is_left_however_it_is_written(text: str) -> None:
    found = neutralized(text, ["<image>", "</s>"]).lower()
    assert not any(mark in found for mark in ("<image>", "</s>", "<|", "[img"))
