"""What the bot itself says in a conversation: in small print, to tell it apart from the model's text."""

from bot.formatting.errors import error_sentence
from bot.formatting.markdown import SMALL_PRINT, cut, escaped_units, shorten, small_print
from bot.formatting.status import come_back
from handlers.text import tidy
from inference.errors import BeholderError, ChatBusy

DESCRIBE = "describe the image"
"""The question where a member wants to talk about a picture and has not asked anything."""
MAX_THREAD_NAME_LENGTH = 100
"""Discord's limit of a thread's name."""
MAX_SPEAKER_LENGTH, MAX_QUESTION_LENGTH = 80, 600
"""UTF-16 code units of the name and the question that are shown above an answer."""

CUT_OFF = (
    SMALL_PRINT + "My answer is cut off here: it reached the length that I may write at once. Press Continue."
)
STOPPED = SMALL_PRINT + "Stopped."
LEFT_OUT = SMALL_PRINT + "All of this is more than my model can take at once: it did not get {what}."
GONE = SMALL_PRINT + "A picture is gone, or can't be read: I go on without it."
CUT_OFF_FILES = SMALL_PRINT + "The file of a picture is cut off: my model looks at what is there."
INTERRUPTED = SMALL_PRINT + "I was interrupted here. Press Retry to have this answered again."
NOTHING_SAID = SMALL_PRINT + "I have nothing to say to that. Put it in other words, or press Regenerate."
STILL_THINKING = (
    SMALL_PRINT + "My model used up its answer with thinking, before it said anything. Press Regenerate, or "
    "ask for less at a time."
)
RESETS = (
    SMALL_PRINT + "{who} reset this conversation: what was said before is deleted.",
    SMALL_PRINT + "{who} reset this conversation: what was said before is deleted, but not the picture.",
    SMALL_PRINT + "{who} reset this conversation: what was said before is deleted, but not the pictures.",
)
"""By the number of pictures that the conversation is about: none, one, several."""
EARLIER_RESET = (
    SMALL_PRINT + "{who} began anew: I have forgotten what was said before this, but not the picture."
)
"""The notice of a reset before 2026-11-26: threads with it may still be read again."""
UNSEEN = (
    SMALL_PRINT
    + "I can't read what is written here: my operator has not turned on the Message Content intent. "
    "Mention me in your message, or reply to one of mine, and I'll answer."
)
NOTHING_THERE = (
    SMALL_PRINT + "I find neither text nor a picture in this. Write your question, or post a picture."
)
LOST = SMALL_PRINT + "This conversation has expired. Start it again from its picture."
THINKING = "My model is thinking. The answer will appear here."
RETRYING = "My model has too much to do right now: I try again. The answer will appear here."

ENDED = "This answer is finished already: there is nothing to stop."
COMPLETE = "This answer is complete: there is nothing to continue."
NOT_NEWEST = "There is a newer answer: use the buttons below that one."
STILL_ANSWERING = "I'm still answering here. Wait for that, or press Stop first."
FORGOTTEN = "That question has expired. Write it again, or start with another picture."
MAY_NOT = "You may not write here, so I may not write here for you either."
MAY_NOT_OPEN = "I'd open a thread for this, and you may not do that here. Ask somebody who may."
LOCKED = "This thread is locked: I can't change anything here. Ask a moderator to unlock it."
JUST_WRITE = "This is a conversation with me already: just write your question here."
IN_THREAD = "Let's talk about it in <#{thread}>."
BELOW = "I answer below the picture. Reply to my answer to go on."
HIDDEN = "About a hidden picture"
ABOUT = "About a picture"
NOT_SHOWN = "I couldn't keep a copy of your picture to show here. Try again, or post it as a message."
NO_PICTURE = "The picture is gone. Post it again, and start from there."
NO_PICTURE_HERE = (
    "This message has no picture that I can see. Choose one that has, or use `/chat` with an image."
)

_FAILED = {
    "chat_model_pulling": "My model is still being downloaded, which happens once. Retry in a few minutes.",
    "chat_interrupted": "My answer broke off in the middle. Press Retry.",
    "chat_not_begun": "My model has not begun to answer: it may be loading. Press Retry in a minute.",
    "expired": "I could not answer this in time. Press Retry to have me try again.",
    "model_failed": "My model failed at this. Press Retry, or put it in other words.",
    "worker_lost": "My model crashed on this several times. Put it in other words.",
}
"""Sentences that differ from those elsewhere, since a conversation has a Retry button."""


def failed(error: BeholderError) -> str:
    """Return what went wrong and what to do, in small print."""
    if isinstance(error, ChatBusy):
        seconds = error.detail.get("retry_after")
        when = come_back(float(seconds)) if seconds is not None else "in a few minutes"
        return small_print(f"My model has too much to do, and I tried several times. Press Retry {when}.")
    return small_print(_FAILED.get(error.code) or error_sentence(error))


def reset_notice(who: str, pictures: int) -> str:
    """Say who reset a conversation, and that its pictures were not deleted.

    Args:
        who: Their name, escaped.
        pictures: How many pictures the conversation is about.
    """
    return RESETS[min(pictures, 2)].format(who=who)


def left_out(*, asked: int = 0, seen: int = 0, unseen_earlier: int = 0, dropped: bool = False) -> str:
    """Say what of a conversation did not fit into the model's context window; empty where all of it did.

    Args:
        asked: How many pictures the turn is about.
        seen: How many of these fitted.
        unseen_earlier: How many earlier pictures were left out.
        dropped: Whether turns were left out.
    """
    unseen = asked - seen
    what = [f"the last {unseen if unseen > 1 else 'one'} of these {asked} pictures"] if unseen else []
    if unseen_earlier:
        what.append("an earlier picture" if unseen_earlier == 1 else f"{unseen_earlier} earlier pictures")
    if dropped:
        what.append("the oldest messages")
    if not what:
        return ""
    return LEFT_OUT.format(what=" and ".join(filter(None, (", ".join(what[:-1]), what[-1]))))


def is_small_print(text: str) -> bool:
    """Tell whether a message has no text of a model's: a placeholder, or only the question."""
    return all(line.startswith(SMALL_PRINT) for line in text.split("\n") if line)


def asked_line(speaker: str, question: str) -> str:
    """Write the line above an answer that shows the question, where no message of a member's does."""
    name = cut(escaped_units(tidy(speaker)), MAX_SPEAKER_LENGTH)
    return f"{SMALL_PRINT}{name} asked: {cut(escaped_units(tidy(question)), MAX_QUESTION_LENGTH)}"


def thread_name(words: str, otherwise: str) -> str:
    """Name a thread after a question or a caption.

    Returns:
        1 to 100 UTF-16 code units.
    """
    return shorten(tidy(words), MAX_THREAD_NAME_LENGTH) or otherwise


def pulling(done: float | None) -> str:
    """Say that the model is being fetched, and how much of it is there (0 to 1, None: not known)."""
    share = "" if done is None else f" {done:.0%} of it is done."
    return f"My model has to be downloaded first, which happens once.{share} The answer will appear here."
