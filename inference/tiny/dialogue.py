"""Generates dialogues about a picture, in which later turns refer to earlier ones.

As in `inference.tiny.grammar`, a picture is known only by the names of what is in it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from inference.tiny.dialogue_wordings import (
    AGAIN,
    DESCRIBE,
    FIRST_ASKED,
    FIRST_NAMED,
    FIRST_SAID,
    ITS_COLOUR,
    ITS_SHAPE,
    NO_PICTURE,
    NOTHING_YET,
    SMALL_TALK,
    THEIR_COLOUR,
    THEIR_SHAPE,
)
from inference.tiny.grammar import Names, ask, caption_of, worded
from inference.tiny.scene import COLOURS, SHAPES


@dataclass(frozen=True)
class Exchange:
    """A question and its answer.

    Attributes:
        kind: one of `EXCHANGES`.
        asked: what the user says.
        answer: the one right answer.
        picture: the number of the picture that is posted with the question, if one is.
    """

    kind: str
    asked: str
    answer: str
    picture: int | None = None


@dataclass
class Talk:
    """A dialogue as it goes on.

    Attributes:
        names: what is in the newest picture; nothing while there is none.
        exchanges: what was said.
        meant: what `it` is: the (colour, shape) that was last spoken of, and of how many things.
        named: what the answers have named, in order.
    """

    names: Names
    exchanges: list[Exchange] = field(default_factory=list)
    meant: tuple[tuple[str, str], int] | None = None
    named: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with the thing in focus, where the picture has only one."""
        self.show(self.names)

    def show(self, names: Names) -> None:
        """Continue with another picture."""
        self.names = names
        self.meant = (names[0], 1) if len(names) == 1 else None

    def go_on(
        self, kind: str, rng: np.random.Generator, *, of: str | None = None, picture: int | None = None
    ) -> bool:
        """Add an exchange.

        Args:
            kind: one of `EXCHANGES`.
            rng: where chance comes from.
            of: for a question, which of `inference.tiny.grammar.KINDS`; by default any.
            picture: the number of the picture that comes with it, if one does.

        Returns:
            Whether there was something of that kind to say.
        """
        found = _question(self, rng, of) if kind == "question" else _SPEAKERS[kind](self, rng)
        if found is None:
            return False
        asked, answer = found
        if not self.names and kind not in (*DIALOGUE_ONLY, "small talk"):
            answer = NO_PICTURE
        self.exchanges.append(Exchange(kind, asked, answer, picture))
        return True


_Said = tuple[str, str]


def _describe(talk: Talk, rng: np.random.Generator) -> _Said:
    text = worded(DESCRIBE, {}, rng)
    if not talk.names:
        return text, NO_PICTURE
    answer = caption_of(talk.names)
    talk.named += re.split(", | and ", answer)
    talk.meant = _spoken_of("", talk.names)
    return text, answer


def _question(talk: Talk, rng: np.random.Generator, kind: str | None = None) -> _Said | None:
    names = talk.names or [(str(rng.choice(COLOURS)), str(rng.choice(SHAPES)))]
    try:
        question = ask(names, rng, kind or _question_kind(rng))
    except LookupError:
        return None
    if talk.names:
        talk.meant = _spoken_of(question.text, talk.names)
        if question.kind in ("shape", "caption"):
            talk.named += re.split(", | and ", question.answer)
    return question.text, question.answer


def _question_kind(rng: np.random.Generator) -> str | None:
    """Ask in half of the cases whether something is there, so that `it` can then refer to it."""
    chance = rng.random()
    return (
        "exists"
        if chance < 0.3
        else "exists colour"
        if chance < 0.4
        else "exists both"
        if chance < 0.5
        else None
    )


def _spoken_of(text: str, names: Names) -> tuple[tuple[str, str], int] | None:
    """Return the things that a question's words fit, where all of them have the same name."""
    said = text.lower()
    colour = next((colour for colour in COLOURS if colour in said), None)
    shape = next((shape for shape in SHAPES if shape in said), None)
    fitting = [name for name in names if colour in (None, name[0]) and shape in (None, name[1])]
    if colour is None and shape is None and len(set(names)) > 1:
        return None
    if not fitting and len(names) == 1:
        return names[0], 1
    return (fitting[0], len(fitting)) if len(set(fitting)) == 1 else None


def _pronoun(part: int) -> Callable[[Talk, np.random.Generator], _Said | None]:
    singular, plural = ((ITS_COLOUR, THEIR_COLOUR), (ITS_SHAPE, THEIR_SHAPE))[part]

    def speaker(talk: Talk, rng: np.random.Generator) -> _Said | None:
        if not talk.names:
            return worded(singular, {}, rng), NO_PICTURE
        if talk.meant is None:
            return None
        name, count = talk.meant
        if part == 1:
            talk.named.append(name[1])
        return worded(singular if count == 1 else plural, {}, rng), name[part]

    return speaker


def _again(talk: Talk, rng: np.random.Generator) -> _Said:
    return worded(AGAIN, {}, rng), talk.exchanges[-1].answer if talk.exchanges else NOTHING_YET


def _first_named(talk: Talk, rng: np.random.Generator) -> _Said:
    return worded(FIRST_NAMED, {}, rng), talk.named[0] if talk.named else NOTHING_YET


def _first_asked(talk: Talk, rng: np.random.Generator) -> _Said:
    return worded(FIRST_ASKED, {}, rng), talk.exchanges[0].asked.lower() if talk.exchanges else NOTHING_YET


def _first_said(talk: Talk, rng: np.random.Generator) -> _Said:
    return worded(FIRST_SAID, {}, rng), talk.exchanges[0].answer if talk.exchanges else NOTHING_YET


def _small_talk(_talk: Talk, rng: np.random.Generator) -> _Said:
    texts, answer = list(SMALL_TALK.items())[rng.integers(len(SMALL_TALK))]
    return worded(texts, {}, rng), answer


_SPEAKERS: dict[str, Callable[[Talk, np.random.Generator], _Said | None]] = {
    "describe": _describe,
    "question": _question,
    "pronoun colour": _pronoun(0),
    "pronoun shape": _pronoun(1),
    "again": _again,
    "first named": _first_named,
    "first asked": _first_asked,
    "first said": _first_said,
    "small talk": _small_talk,
}
EXCHANGES = tuple(_SPEAKERS)
"""The kinds of exchanges."""

DIALOGUE_ONLY = ("again", "first named", "first asked", "first said")
"""The kinds whose answers follow from the dialogue, whatever the picture shows."""

_OPENING = np.array((0.40, 0.42, 0.04, 0.03, 0.025, 0.025, 0.01, 0.01, 0.04))
_LATER = np.array((0.09, 0.24, 0.22, 0.13, 0.10, 0.08, 0.06, 0.06, 0.02))


def converse(pictures: Sequence[Names], rng: np.random.Generator, turns: int) -> list[Exchange]:
    """Generate a dialogue about pictures, one after the other; the turns are divided among them.

    Args:
        pictures: what is in each; none makes a dialogue without a picture.
        rng: where chance comes from.
        turns: how many exchanges, at least as many as pictures.
    """
    talk = Talk(pictures[0] if pictures else [])
    starts = (
        [0, *sorted(rng.choice(np.arange(1, turns), size=len(pictures) - 1, replace=False))]
        if pictures
        else []
    )
    for turn in range(turns):
        picture = starts.index(turn) if turn in starts else None
        if picture:
            talk.show(pictures[picture])
        shares = _LATER if turn and picture is None else _OPENING
        while not talk.go_on(str(rng.choice(EXCHANGES, p=shares)), rng, picture=picture):
            pass
    return talk.exchanges
