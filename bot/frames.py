"""What is to be seen of an answer, and what stands there."""

from collections.abc import Callable
from dataclasses import dataclass

import discord

View = discord.ui.View
Buttons = Callable[[], View]
"""Makes the buttons below the newest page; one for each attempt, since sending binds it."""


@dataclass(frozen=True)
class StreamTarget:
    """Where an answer goes.

    Attributes:
        channel: The channel.
        channel_id: Its id.
        reply_to: The message that is answered; None where none is.
        request: The request's id: nonces are made from it.
        above: Markdown before the answer.
        spoiler: Whether every page is hidden until somebody clicks.
    """

    channel: discord.abc.Messageable
    channel_id: int
    reply_to: int | None
    request: str
    above: str = ""
    spoiler: bool = False


@dataclass(frozen=True)
class DesiredState:
    """What is to be seen.

    Attributes:
        pages: A message each.
        buttons: Those below the last page.
        look: Tells one set of buttons from another.
        last: Nothing comes after it.
    """

    pages: tuple[str, ...] = ()
    buttons: Buttons | None = None
    look: str = ""
    last: bool = False


@dataclass
class PostedPage:
    """A message of the answer, as it stands in Discord.

    Attributes:
        message: Which it is.
        content: What it says; None where that is not known.
        look: The buttons that it has.
    """

    message: discord.PartialMessage
    content: str | None = None
    look: str | None = None
