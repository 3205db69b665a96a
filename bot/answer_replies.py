"""Answers and captions -> what stands in a command's response."""

from collections.abc import Sequence

from bot.original import Attached, Outcome
from bot.replies import MOST, Said, captions, clean, escaped, length
from inference.errors import BeholderError
from inference.formats import sniff

MOST_ALT = 1024
"""Discord's limit of an attachment's description, in characters."""
ENDINGS = {"image/jpeg": "jpg", "image/tiff": "tiff", "image/apng": "png"}
"""Ends of file names that are not simply the second half of the media type."""


def answered(
    said: Sequence[Said], *, question: str | None, about: str | None, shown: Attached | None = None
) -> Outcome:
    """Write what a command came to: the question, what there is to say of each picture, and which they are.

    Args:
        said: One for each picture, in their order; at least one.
        question: What was asked; None where captions were wanted.
        about: A line of markdown that names the pictures, where they stand elsewhere.
        shown: The picture, where it stands nowhere else.

    Returns:
        At most `MOST` characters.
    """
    above = "" if question is None else f"> {''.join(escaped(clean(question)))}\n"
    below = "" if about is None else f"\n{about}"
    text = above + captions(said, MOST - length(above) - length(below)) + below
    return Outcome(text, () if shown is None else (shown,))


def picture(data: bytes, said: Said, question: str | None) -> Attached:
    """Make the file that shows which picture is meant, with a name of ours and alt text.

    Args:
        data: A picture's bytes as they were given.
        said: What was said of it.
        question: What was asked.
    """
    kind = sniff(data) or "image/png"
    ending = ENDINGS.get(kind, kind.partition("/")[2])
    words = "" if isinstance(said.outcome, BeholderError) else clean(said.outcome)
    alt = words if question is None else f"The picture that was asked about. {clean(question)} {words}"
    return Attached(f"picture.{ending}", data, alt[:MOST_ALT].strip(), spoiler=said.spoiler)
