"""Parses the question that a user asks about images."""

from handlers.text import tidy
from inference.errors import QuestionTooLong, RequestError
from inference.schema import MAX_QUESTION_LENGTH


class NoQuestion(RequestError):
    """The question has no visible character."""

    code = "no_question"


def parse_question(text: str) -> str:
    """Tidy a question and check its length.

    Args:
        text: As the user typed it.

    Returns:
        One line of 1 to `MAX_QUESTION_LENGTH` characters.

    Raises:
        NoQuestion: It is empty.
        QuestionTooLong: It has too many characters (detail: `limit`, `value`, `unit`).
    """
    question = tidy(text)
    if not question:
        raise NoQuestion("There is no question: write one, such as `What colour is the car?`.")
    if len(question) > MAX_QUESTION_LENGTH:
        raise QuestionTooLong(
            f"The question has {len(question)} characters, the limit is {MAX_QUESTION_LENGTH}: shorten it.",
            value=len(question),
            limit=MAX_QUESTION_LENGTH,
            unit="characters",
        )
    return question
