"""What starts a conversation: what is written down of it, and the words made from it."""

from bot import replies, talk_replies
from bot.given import ImageArguments


class ChatArguments(ImageArguments):
    """What is written down of a call.

    Attributes:
        question: What is asked first; None: the picture is to be described.
        speaker: Who asks.
        title: What the picture shows, where that is known.
    """

    question: str | None = None
    speaker: str = ""
    title: str = ""

    @property
    def hidden(self) -> bool:
        """Whether the pictures are behind a spoiler."""
        return any(each.spoiler for each in self.images)


def quoted(opening: ChatArguments) -> str:
    """Show what was asked."""
    return f"> {''.join(replies.escaped(opening.question or talk_replies.DESCRIBE))}"


def named(opening: ChatArguments) -> str:
    """Name a thread after the question, else the picture."""
    if opening.question:
        return talk_replies.thread_name(opening.question, talk_replies.ABOUT)
    if opening.hidden:
        return talk_replies.HIDDEN
    return talk_replies.thread_name(opening.title, talk_replies.ABOUT)
