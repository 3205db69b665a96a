"""Answers and captions -> what stands in a command's response."""

from collections.abc import Sequence

from bot.original import Attached, Outcome
from bot.replies import MOST, PICTURE_NAME, Said, captions, clean, escaped, length
from inference.errors import BeholderError

MOST_ALT = 1024
"""Discord's limit of an attachment's description, in characters."""


def answered(
    said: Sequence[Said], *, question: str | None, about: str = "", thumbnail: bytes = b""
) -> Outcome:
    """Write what a command came to: the question, what there is to say of each picture, and which they are.

    Args:
        said: One for each picture, in their order; at least one.
        question: What was asked; None where captions were wanted.
        about: A line of markdown that names the pictures, where they stand elsewhere.
        thumbnail: The picture as a small JPEG file, where it stands nowhere else.

    Returns:
        At most `MOST` characters.
    """
    above = "" if question is None else f"> {''.join(escaped(clean(question)))}\n"
    below = f"\n{about}" if about else ""
    text = above + captions(said, MOST - length(above) - length(below)) + below
    return Outcome(text, [picture(thumbnail, said[0], question)] if thumbnail else ())


def picture(thumbnail: bytes, said: Said, question: str | None) -> Attached:
    """Make the file that shows which picture is meant, with alt text."""
    words = "" if isinstance(said.outcome, BeholderError) else clean(said.outcome)
    alt = words if question is None else f"The picture that was asked about. {clean(question)} {words}"
    return Attached(PICTURE_NAME, thumbnail, alt[:MOST_ALT].strip(), spoiler=said.spoiler)
