"""The cases of the rule which picture is meant, and the page that shows them.

`python -m tests.bot.images.which_picture docs/which-picture.md` writes the page. `test_which_picture` runs
each case, and fails where the page is out of date.
"""

import sys
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "which-picture.md"

MENTION, ASK, DESCRIBE, MATCH, CHAT, TURN = "a mention", "/ask", "/describe", "/match", "/chat", "a chat turn"
GIVEN, TO_PICTURE, TO_ANSWER = "picture given", "reply to a picture", "reply to an answer"
THREAD, DIRECT, ALBUM, NOTHING = "thread", "DM", "album", "nothing"
PLACES = (GIVEN, TO_PICTURE, TO_ANSWER, THREAD, DIRECT, ALBUM, NOTHING)
PEOPLE, BOT, OTHER, GONE = "people's", "the bot's", "another bot's", "gone"
NEWEST = (PEOPLE, BOT, OTHER, GONE)

THE_GIVEN, THE_REPLIED = "the one given", "that of the reply"
THE_THREADS, THE_TALKS = "the thread's", "the conversation's"
THE_NEWEST, THE_OLDER, THE_ALBUM = "the newest", "people's before it", "the whole album"
NONE = "none, and says so"
IMPOSSIBLE = "-"

Row = tuple[str, str, str, str]
_NEWEST: Row = (THE_NEWEST, THE_OLDER, THE_OLDER, THE_OLDER)
_DIRECT: Row = (THE_NEWEST, THE_OLDER, IMPOSSIBLE, THE_OLDER)
_ALBUM: Row = (THE_ALBUM, THE_OLDER, THE_OLDER, THE_OLDER)
_NOTHING: Row = (THE_NEWEST, NONE, NONE, NONE)
_COMMAND: dict[str, Row] = {
    GIVEN: (THE_GIVEN,) * 4,
    TO_PICTURE: (IMPOSSIBLE,) * 4,
    TO_ANSWER: (IMPOSSIBLE,) * 4,
    THREAD: (THE_THREADS,) * 4,
    DIRECT: _DIRECT,
    ALBUM: _ALBUM,
    NOTHING: _NOTHING,
}
TABLE: dict[str, dict[str, Row]] = {
    MENTION: {**_COMMAND, TO_PICTURE: (THE_REPLIED,) * 4, TO_ANSWER: (THE_REPLIED,) * 4},
    ASK: _COMMAND,
    DESCRIBE: _COMMAND,
    MATCH: _COMMAND,
    CHAT: _COMMAND,
    TURN: {
        GIVEN: (THE_GIVEN,) * 4,
        TO_PICTURE: (THE_REPLIED,) * 4,
        TO_ANSWER: (THE_REPLIED,) * 4,
        THREAD: (THE_TALKS,) * 4,
        DIRECT: (THE_NEWEST, THE_TALKS, IMPOSSIBLE, THE_OLDER),
        ALBUM: (THE_TALKS,) * 4,
        NOTHING: (IMPOSSIBLE,) * 4,
    },
}
"""The picture that is meant: by who asks, where, and whose picture is the newest there."""

_INTRODUCTION = """\
# Which picture is meant

One rule, in `bot/images/lookup`: the picture given; else that of the message replied to, where an answer of
the bot's is followed to the picture that it is about, through at most five replies; else the thread's; else
the newest that people posted in the last 50 messages. People are members, and webhooks that speak for them,
such as PluralKit's. Another bot's picture is meant only where somebody replies to it or chooses it in its
menu; what the bot has drawn never is.

The tables are written by `python -m tests.bot.images.which_picture docs/which-picture.md`, from the cases
that `tests/bot/images/test_which_picture.py` runs on a pocket Discord. The columns say whose the newest
picture is that was posted there before the question. Where it is not the one that is meant, a member's was
posted before it, except in the rows *nothing*. *Gone*: it was deleted. *Album*: the newest message has two
pictures. A dash: there is no such case.
"""
_NOTES = {
    MENTION: """\
In a DM, words without a mention. The message that is replied to may be anyone's, another bot's too. Where
its picture was deleted, no other one takes its place: the answer says so.""",
    CHAT: """\
It opens a thread from the picture's message, or goes on in place. In a thread of the bot's own it is a turn
of that conversation.""",
    TURN: """\
In a thread of the bot's, or in a conversation in place. The model is sent those
given with the turn, and those that it replies to, with the turn's words, and the conversation's other
pictures before, as many as it can take. In a DM a new picture ends the conversation about the one before,
and words are a question again.""",
}


def page() -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for asker, places in TABLE.items():
        lines = [f"## {asker[0].upper() + asker[1:]}" if asker[0] != "/" else f"## `{asker}`", ""]
        lines += [f"| | {' | '.join(NEWEST)} |", "|---" * (len(NEWEST) + 1) + "|"]
        lines += [f"| {place} | {' | '.join(places[place])} |" for place in PLACES]
        if asker in _NOTES:
            lines += ["", _NOTES[asker]]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
