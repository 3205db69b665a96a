"""Word pieces -> readable text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.models.blip.detokenize import clean_caption, join_word_pieces


@pytest.mark.parametrize(
    ("parted", "whole"),
    [
        (
            "a red circle , a green triangle and a blue square",
            "a red circle, a green triangle and a blue square",
        ),
        ("a man ' s t - shirt", "a man's t-shirt"),
        ("it ' s 3 . 5 or 10 : 30", "it's 3.5 or 10:30"),
        ("a sign ( in red ) that says stop !", "a sign (in red) that says stop!"),
        ("  two \n lines ", "two lines"),
        ("", ""),
    ],
)
def test_what_the_tokenizer_parts_is_joined(parted: str, whole: str) -> None:
    assert join_word_pieces(parted) == whole


@pytest.mark.parametrize(
    ("said", "caption"),
    [
        ("a dog and a dog and a dog and a dog", "a dog and a dog"),
        ("a a a a cat", "a cat"),
        ("the word the word the word is red", "the word is red"),
        ("arafed view of a street", "view of a street"),
        ("a red circle and two red circles", "a red circle and two red circles"),
        ("a red square and a red square", "a red square and a red square"),
        ("", "a picture"),
        (" , ", "a picture"),
    ],
)
def test_a_caption_is_usable_as_alt_text(said: str, caption: str) -> None:
    assert clean_caption(said) == caption


@given(st.text(max_size=200))
def test_a_caption_is_one_line_and_never_empty(said: str) -> None:
    caption = clean_caption(said)
    assert caption
    assert len(caption.splitlines()) == 1
    assert caption == caption.strip()
