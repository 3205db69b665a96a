"""Accuracy of the tiny LLaVA in dialogues about held-out scenes, with and without the earlier turns.

Every question but a dialogue's last is followed by the right answer, except where it says *own answers*.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from inference.tiny.dialogue import DIALOGUE_ONLY, Exchange, Talk, converse
from inference.tiny.dialogue_wordings import NOTHING_YET
from inference.tiny.grammar import Names, caption_of
from inference.tiny.readers import Converser, Message
from inference.tiny.score import Score

Scripter = Callable[[Names, np.random.Generator], list[Exchange] | None]
"""Generates a dialogue about a picture; None where the picture does not fit."""

_TRIES = 400


def messages(dialogue: Sequence[Exchange], pictures: Sequence[Image.Image]) -> list[Message]:
    """Return a dialogue in the chat template's form, up to its last question."""
    turns: list[Message] = []
    for exchange in dialogue:
        shown = [] if exchange.picture is None else [{"type": "image", "image": pictures[exchange.picture]}]
        turns.append({"role": "user", "content": [*shown, {"type": "text", "text": exchange.asked}]})
        turns.append({"role": "assistant", "content": [{"type": "text", "text": exchange.answer}]})
    return turns[:-1]


def alone(dialogue: Sequence[Exchange]) -> list[Exchange]:
    """Return a dialogue's last question by itself, with the picture."""
    last = dialogue[-1]
    return [Exchange(last.kind, last.asked, last.answer, 0)]


def score_last(
    converser: Converser, dialogues: Sequence[Sequence[Exchange]], pictures: Sequence[Image.Image]
) -> Score:
    """Score the dialogues' last answers."""
    said = converser(
        [messages(dialogue, [shown]) for dialogue, shown in zip(dialogues, pictures, strict=True)]
    )
    return Score.of([text == dialogue[-1].answer for text, dialogue in zip(said, dialogues, strict=True)])


def score_all(
    converser: Converser, dialogues: Sequence[Sequence[Exchange]], pictures: Sequence[Image.Image]
) -> Score:
    """Score dialogues of equal length by whether all answers are right, each given after the model's own."""
    own: list[list[Exchange]] = [[] for _ in dialogues]
    for turn in range(len(dialogues[0])):
        asked = [[*past, dialogue[turn]] for past, dialogue in zip(own, dialogues, strict=True)]
        said = converser([messages(talk, [shown]) for talk, shown in zip(asked, pictures, strict=True)])
        for past, dialogue, text in zip(own, dialogues, said, strict=True):
            now = dialogue[turn]
            past.append(Exchange(now.kind, now.asked, text, now.picture))
    return Score.of([past == list(dialogue) for past, dialogue in zip(own, dialogues, strict=True)])


def describe_then(names: Names, rng: np.random.Generator) -> list[Exchange]:
    """`describe the image`, then something about it."""
    talk = Talk(names)
    talk.go_on("describe", rng, picture=0)
    kind = str(rng.choice(("question", "pronoun colour", "pronoun shape")))
    while not talk.go_on(kind, rng):
        kind = "question"
    return talk.exchanges


def there_then_it(names: Names, rng: np.random.Generator) -> list[Exchange] | None:
    """`is there a circle?`, `yes`, `what color is it?`; of two things that differ in shape and colour."""
    if len(names) > 1 and any(len(set(part)) < len(names) for part in zip(*names, strict=True)):
        return None
    of, kind = (("exists", "pronoun colour"), ("exists colour", "pronoun shape"))[int(rng.integers(2))]
    return _there(names, rng, of, kind)


def _there(names: Names, rng: np.random.Generator, of: str, kind: str) -> list[Exchange]:
    while True:
        talk = Talk(names)
        if talk.go_on("question", rng, of=of, picture=0) and talk.exchanges[0].answer == "yes":
            talk.go_on(kind, rng)
            return talk.exchanges


def described_there_then_it(names: Names, rng: np.random.Generator) -> list[Exchange] | None:
    """The same after `describe the image`."""
    dialogue = there_then_it(names, rng)
    if dialogue is None:
        return None
    first, *others = dialogue
    return [
        Exchange("describe", "describe the image", caption_of(names), 0),
        Exchange(first.kind, first.asked, first.answer),
        *others,
    ]


def ending_with(kind: str) -> Scripter:
    """Dialogues of two to five turns whose last is of one kind and refers to an earlier one."""

    def scripter(names: Names, rng: np.random.Generator) -> list[Exchange] | None:
        for _ in range(_TRIES):
            dialogue = converse([names], rng, int(rng.integers(2, 6)))
            if dialogue[-1].kind == kind and dialogue[-1].answer != NOTHING_YET:
                return dialogue
        return None

    return scripter


SCRIPTS: dict[str, Scripter] = {
    **{f"any dialogue, last turn: {kind}": ending_with(kind) for kind in DIALOGUE_ONLY},
    "any dialogue, last turn: question": ending_with("question"),
    "is there ...? yes; what color or shape is it?": there_then_it,
    "describe; is there ...? yes; what color or shape is it?": described_there_then_it,
}
"""Dialogues whose last answer is scored, with and without what was said before."""


def scripted(
    scripter: Scripter, names: Sequence[Names], pictures: Sequence[Image.Image], rng: np.random.Generator
) -> tuple[list[list[Exchange]], list[Image.Image]]:
    """Return dialogues about the pictures that a script fits, with the pictures."""
    found = [(scripter(name, rng), picture) for name, picture in zip(names, pictures, strict=True)]
    return [talk for talk, _ in found if talk is not None], [
        shown for talk, shown in found if talk is not None
    ]
