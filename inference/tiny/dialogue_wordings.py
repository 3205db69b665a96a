"""Wordings of the exchanges that only dialogues have; blanks are as in `inference.tiny.grammar`."""

NOTHING_YET = "nothing yet"
"""The answer to a question about earlier turns when there are none."""

NO_PICTURE = "i see no picture"
"""The answer to a question about a picture when there is none."""

DESCRIBE = (
    "describe the {picture}",
    "describe the {picture}",
    "describe the {picture}",
    "describe it",
    "describe this {picture}",
    "please describe the {picture}",
    "can you describe the {picture}?",
    "tell me about the {picture}",
    "what is in the {picture}?",
    "what is this?",
    "what is that?",
    "what do you see?",
    "what is shown here?",
)
"""Asking what there is."""

ITS_COLOUR = (
    "what color is it?",
    "what color is it?",
    "what color is it?",
    "which color is it?",
    "what color does it have?",
    "what is its color?",
    "what's its color?",
    "and its color?",
    "and what color is it?",
    "tell me its color",
    "what color is that?",
)
"""Asking the colour of the one thing spoken of."""

ITS_SHAPE = (
    "what shape is it?",
    "what shape is it?",
    "what shape is it?",
    "which shape is it?",
    "what shape does it have?",
    "what is its shape?",
    "what's its shape?",
    "and its shape?",
    "and what shape is it?",
    "tell me its shape",
    "what shape is that?",
)
"""Asking the shape of the one thing spoken of."""

THEIR_COLOUR = (
    "what color are they?",
    "which color are they?",
    "what color do they have?",
    "and their color?",
)
"""Asking the colour of several things spoken of."""

THEIR_SHAPE = (
    "what shape are they?",
    "which shape are they?",
    "what shape do they have?",
    "and their shape?",
)
"""Asking the shape of several things spoken of."""

AGAIN = (
    "say that again",
    "say that again",
    "say that again",
    "say it again",
    "again please",
    "repeat that",
    "please repeat that",
    "can you say that again?",
    "can you repeat that?",
    "what did you say?",
    "what did you just say?",
)
"""Asking for the last answer."""

FIRST_NAMED = (
    "what was the first thing you named?",
    "what was the first thing you named?",
    "what was the first object you named?",
    "which thing did you name first?",
    "which object did you name first?",
    "what did you name first?",
)
"""Asking what an answer first named."""

FIRST_ASKED = (
    "what did I ask first?",
    "what did I ask first?",
    "what did I ask you first?",
    "what was my first question?",
    "what was the first question?",
    "what was the first thing I asked?",
)
"""Asking for the first question."""

FIRST_SAID = (
    "what did you say first?",
    "what did you answer first?",
    "what was your first answer?",
    "what was the first answer?",
)
"""Asking for the first answer."""

SMALL_TALK = {
    ("hi", "hello", "hey", "hello there"): "hello",
    ("thanks", "thank you", "thank you very much", "thanks a lot"): "you are welcome",
}
"""Courtesies and their answers."""


TEMPLATES = (
    *DESCRIBE,
    *ITS_COLOUR,
    *ITS_SHAPE,
    *THEIR_COLOUR,
    *THEIR_SHAPE,
    *AGAIN,
    *FIRST_NAMED,
    *FIRST_ASKED,
    *FIRST_SAID,
    *(text for texts in SMALL_TALK for text in texts),
    *SMALL_TALK.values(),
    NOTHING_YET,
    NO_PICTURE,
)
"""All wordings of these exchanges, with their blanks."""
