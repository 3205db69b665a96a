"""Answers and captions -> what stands in a command's response."""

from collections.abc import Sequence

from bot.original import OutgoingFile, OutgoingMessage
from bot.replies import MAX_MESSAGE_LENGTH, PICTURE_NAME, CaptionResult, captions, clean, escaped, length
from inference.errors import BeholderError

MOST_ALT = 1024
"""Discord's limit of an attachment's description, in characters."""


def answered(
    said: Sequence[CaptionResult], *, question: str | None, about: str = "", thumbnail: bytes = b""
) -> OutgoingMessage:
    """Write what a command came to: the question, what there is to say of each picture, and which they are.

    Args:
        said: One for each picture, in their order; at least one.
        question: What was asked; None where captions were wanted.
        about: A line of markdown that names the pictures, where they stand elsewhere.
        thumbnail: The picture as a small JPEG file, where it stands nowhere else.

    Returns:
        At most `MAX_MESSAGE_LENGTH` characters.
    """
    above = "" if question is None else f"> {''.join(escaped(clean(question)))}\n"
    below = f"\n{about}" if about else ""
    text = above + captions(said, MAX_MESSAGE_LENGTH - length(above) - length(below)) + below
    return OutgoingMessage(text, [picture(thumbnail, said[0], question)] if thumbnail else ())


def picture(thumbnail: bytes, said: CaptionResult, question: str | None) -> OutgoingFile:
    """Make the file that shows which picture is meant, with alt text."""
    words = "" if isinstance(said.outcome, BeholderError) else clean(said.outcome)
    alt = words if question is None else f"The picture that was asked about. {clean(question)} {words}"
    return OutgoingFile(PICTURE_NAME, thumbnail, alt[:MOST_ALT].strip(), spoiler=said.spoiler)
