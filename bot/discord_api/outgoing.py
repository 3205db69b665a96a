"""Messages that the bot is about to send, before discord.py's objects are made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class OutgoingFile:
    """A file of an outgoing message.

    Attributes:
        name: Its file name.
        data: Its bytes.
        alt: Alt text, at most 1024 characters.
        spoiler: Whether it is hidden until somebody clicks.
    """

    name: str
    data: bytes = field(repr=False)
    alt: str | None = None
    spoiler: bool = False


@dataclass(frozen=True)
class OutgoingMessage:
    """The outcome of a request.

    Attributes:
        text: At most 2000 characters, escaped.
        files: At most ten.
    """

    text: str
    files: Sequence[OutgoingFile] = ()
