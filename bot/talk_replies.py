"""What the bot itself says in a conversation: in small print, so that nobody takes it for the model's."""

from bot import replies
from bot.replies import clean, escaped, length
from inference.errors import BeholderError

DESCRIBE = "describe the image"
"""What is asked where somebody wants to talk about a picture and has not said what about."""
MAX_THREAD_NAME_LENGTH = 100
"""Discord's limit of a thread's name."""
MAX_QUOTED_QUESTION = 600
"""UTF-16 units of a question that is shown above its answer."""

SMALL = "-# "
"""Markdown for small print. No line of a model's can begin with it: its `-` is escaped there."""
STOPPED = SMALL + "Stopped."
TRIMMED = SMALL + "It got long: I no longer have the oldest part of this conversation in mind."
UNSEEN_ONES = SMALL + "These are more pictures than I can keep in mind: I look at the first {seen}."
GONE = SMALL + "A picture is gone, or can't be read: I go on without it."
INTERRUPTED = SMALL + "I was interrupted here. Press Retry to have this answered anew."
NOTHING_SAID = SMALL + "I have nothing to say to that. Put it in other words, or press Regenerate."
RESET = SMALL + "{who} began anew: I have forgotten what was said before this, but not the picture."
UNSEEN = (
    SMALL + "I can't read what is written here: my operator has not turned on the Message Content intent. "
    "Mention me in your message, or reply to one of mine, and I'll answer."
)
NOTHING_THERE = SMALL + "I find neither words nor a picture in this. Write your question, or post a picture."
LOST = SMALL + "I no longer have this conversation in mind. Start it again from its picture."

ENDED = "This answer is finished already: there is nothing to stop."
NOT_NEWEST = "There is a newer answer: use the buttons below that one."
STILL_AT_IT = "I'm still answering here. Wait for that, or press Stop first."
FORGOTTEN = "I no longer have that turn in mind. Write it again, or start with another picture."
MAY_NOT = "You may not write here, so I don't write here for you either."
MAY_NOT_OPEN = "I'd open a thread for this, and you may not do that here. Ask somebody who may."
LOCKED = "This thread is locked: I can't change anything here. Ask a moderator to unlock it."
JUST_WRITE = "This is a conversation with me already: just write your question here."
IN_THREAD = "Let's talk about it in <#{thread}>."
BELOW = "I answer below the picture. Reply to my answer to go on."
HIDDEN = "About a hidden picture"
ABOUT = "About a picture"
NOT_SHOWN = "I couldn't keep a copy of your picture to show here. Try again, or post it as a message."
NO_PICTURE = "The picture is gone. Post it again, and start from there."

_FAILED = {
    "chat_model_pulling": "My model is still being fetched, which happens once. Retry in a few minutes.",
    "chat_interrupted": "I lost the thread in the middle of my answer. Press Retry.",
    "expired": "I didn't get to this in time. Press Retry to have me try again.",
    "model_failed": "My model failed at this. Press Retry, or put it in other words.",
    "worker_lost": "My model went down over this several times. Put it in other words.",
}
"""What is said otherwise in a conversation, where Retry is a button."""


def failed(error: BeholderError) -> str:
    """Say what went wrong and what to do, in small print."""
    return small(_FAILED.get(error.code) or replies.sentence(error))


def small(text: str) -> str:
    """Put a sentence of ours into small print."""
    return SMALL + text


def is_small(text: str) -> bool:
    """Tell whether a text has no words of a model's: a placeholder, or nothing but what was asked."""
    return all(line.startswith(SMALL) for line in text.split("\n") if line)


def asked(speaker: str, question: str) -> str:
    """Write the line above an answer that shows who asked what, where no message of theirs does."""
    return f"{SMALL}{_cut(clean(speaker), 80)} asked: {_cut(clean(question), MAX_QUOTED_QUESTION)}"


def _cut(text: str, most: int) -> str:
    units: list[str] = []
    used = 0
    for unit in escaped(text):
        used += length(unit)
        if used > most - 1:
            return "".join(units) + "…"
        units.append(unit)
    return "".join(units)


def thread_name(words: str, otherwise: str) -> str:
    """Name a thread after a question or a caption; of 1 to 100 UTF-16 units."""
    name = clean(words) or otherwise
    if length(name) <= MAX_THREAD_NAME_LENGTH:
        return name
    while length(name) > MAX_THREAD_NAME_LENGTH - 1:
        name = name[:-1]
    return name.rstrip() + "…"


def pulling(done: float | None) -> str:
    """Say that the model is being fetched, and how far that is."""
    share = "" if done is None else f" {done:.0%} of it is here."
    return f"My model has to be fetched first, which happens once.{share} The answer will appear here."
