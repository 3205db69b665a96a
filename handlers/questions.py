"""A question about pictures: what of it can be asked."""

from handlers.text import tidy
from inference.errors import QuestionTooLong, RequestError
from inference.schema import MAX_QUESTION_LENGTH


class NoQuestion(RequestError):
    """There is no question: nothing but spaces and what nobody sees."""

    code = "no_question"


def parse_question(text: str) -> str:
    """Read a question as it was typed.

    Args:
        text: Anything.

    Returns:
        One line of 1 to `MAX_QUESTION_LENGTH` characters, without what nobody sees.

    Raises:
        NoQuestion: There is none.
        QuestionTooLong: It has too many characters (detail: limit, value, unit).
    """
    question = tidy(text)
    if not question:
        raise NoQuestion("There is no question: write one, such as `What colour is the car?`.")
    if len(question) > MAX_QUESTION_LENGTH:
        raise QuestionTooLong(
            f"The question has {len(question)} characters, {MAX_QUESTION_LENGTH} are the most: shorten it.",
            value=len(question),
            limit=MAX_QUESTION_LENGTH,
            unit="characters",
        )
    return question
