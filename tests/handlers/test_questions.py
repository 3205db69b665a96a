import pytest

from handlers.questions import NoQuestion, parse_question
from inference.errors import QuestionTooLong
from inference.schema import MAX_QUESTION_LENGTH


def test_a_question_becomes_one_clean_line() -> None:
    assert parse_question("  What\u200b colour\n is it? \u202e") == "What colour is it?"


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u2800"])
def test_a_question_without_visible_characters_is_refused(text: str) -> None:
    with pytest.raises(NoQuestion):
        parse_question(text)


def test_a_question_of_500_characters_is_accepted_and_one_more_refused() -> None:
    assert len(parse_question("x" * MAX_QUESTION_LENGTH)) == MAX_QUESTION_LENGTH
    with pytest.raises(QuestionTooLong) as raised:
        parse_question("x" * (MAX_QUESTION_LENGTH + 1))
    assert raised.value.detail == {"value": 501, "limit": 500, "unit": "characters"}
