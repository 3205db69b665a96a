"""A question about pictures: what of it can be asked."""

from handlers.text import tidy
from inference.errors import QuestionTooLong, RequestError
from inference.schema import LONGEST_QUESTION


class NoQuestion(RequestError):
    """There is no question: nothing but spaces and what nobody sees."""

    code = "no_question"


def parse_question(text: str) -> str:
    """Read a question as it was typed.

    Args:
        text: Anything.

    Returns:
        One line of 1 to `LONGEST_QUESTION` characters, without what nobody sees.

    Raises:
        NoQuestion: There is none.
        QuestionTooLong: It has too many characters (detail: limit, value, unit).
    """
    question = tidy(text)
    if not question:
        raise NoQuestion("There is no question: write one, such as `What colour is the car?`.")
    if len(question) > LONGEST_QUESTION:
        raise QuestionTooLong(
            f"The question has {len(question)} characters, {LONGEST_QUESTION} are the most: shorten it.",
            value=len(question),
            limit=LONGEST_QUESTION,
            unit="characters",
        )
    return question
