"""Labels as users type them, parsed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.matching.labels import EmptyLabel, LabelsError, NoLabels, TooManyLabels, parse_labels
from inference.errors import LabelTooLong
from inference.schema import MAX_LABEL_LENGTH, MAX_LABELS, Match, Picture

ANYTHING = st.text(st.characters(), max_size=300)  # surrogates and controls too


def test_commas_separate_labels_and_spaces_around_them_are_removed() -> None:
    assert parse_labels("a cat,  a dog ,\ta  red\n bus") == ("a cat", "a dog", "a red bus")


def test_commas_of_other_keyboards_separate_labels_too() -> None:
    assert parse_labels("\u732b\u3001\u72ac\uff0c\u9ce5") == ("\u732b", "\u72ac", "\u9ce5")
    assert parse_labels("\u0642\u0637\u0629\u060c \u0643\u0644\u0628") == (
        "\u0642\u0637\u0629",
        "\u0643\u0644\u0628",
    )


def test_duplicates_are_dropped_and_the_first_spelling_stays() -> None:
    assert parse_labels("A Cat, a dog, a  cat, A DOG") == ("A Cat", "a dog")


def test_25_labels_are_accepted_and_26_refused_with_both_numbers() -> None:
    labels = [f"label {number}" for number in range(MAX_LABELS + 1)]
    assert parse_labels(",".join(labels[:-1])) == tuple(labels[:-1])
    with pytest.raises(TooManyLabels) as refused:
        parse_labels(",".join(labels))
    assert refused.value.detail == {"limit": 25, "value": 26}


def test_the_limit_counts_duplicates_too() -> None:
    with pytest.raises(TooManyLabels):
        parse_labels(",".join(["a cat"] * 26))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a cat,,a dog", 2),
        ("a cat, \u200b ,a dog", 2),
        (",a cat", 1),
        ("a cat, a dog,", 3),
        ("a cat,\ufe0f", 2),
    ],
)
def test_an_empty_label_is_refused_with_its_number(text: str, number: int) -> None:
    with pytest.raises(EmptyLabel) as refused:
        parse_labels(text)
    assert refused.value.detail == {"label": number}


@pytest.mark.parametrize("text", ["", "   ", ",", ", ,\n,", "\u200b,\u2066"])
def test_a_list_without_labels_is_refused(text: str) -> None:
    with pytest.raises(NoLabels):
        parse_labels(text)


def test_a_label_of_200_characters_is_accepted_and_one_more_refused() -> None:
    assert parse_labels("x" * MAX_LABEL_LENGTH) == ("x" * MAX_LABEL_LENGTH,)
    with pytest.raises(LabelTooLong) as refused:
        parse_labels("a cat," + "x" * (MAX_LABEL_LENGTH + 1))
    assert refused.value.detail == {"label": 2, "limit": 200, "value": 201, "unit": "characters"}


@given(ANYTHING)
def test_any_text_is_refused_or_makes_a_valid_request(text: str) -> None:
    try:
        labels = parse_labels(text)
    except (LabelsError, LabelTooLong):
        return
    asked = Match(pictures=(Picture.of("guild:1", b"x"),), labels=labels)
    assert Match.model_validate_json(asked.model_dump_json()) == asked
    assert len({label.lower() for label in labels}) == len(labels)
