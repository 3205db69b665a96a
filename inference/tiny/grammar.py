"""The tiny world's texts: captions, labels, and questions with their answers.

Everything here knows a scene only by its names: a sequence of (colour, shape), in any order.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inference.tiny.scene import COLOURS, SHAPES, Scene

Names = Sequence[tuple[str, str]]
"""The (colour, shape) of each thing of a scene."""

NUMBERS = ("no", "a", "two", "three")
"""Number words of captions; one is an article."""

PICTURE_WORDS = ("picture", "image", "photo", "drawing")
"""Words for a picture."""

LABELS = tuple(
    f"{'an' if colour == 'orange' else 'a'} {colour} {shape}" for colour in COLOURS for shape in SHAPES
)
"""The 24 single-object labels, `a red circle` and so on, in the order of captions."""

_HOW_MANY = (
    "how many {many} are there?",
    "how many {many} are there?",
    "how many {many}?",
    "how many {many} are in the {picture}?",
    "how many {many} are there in the {picture}?",
    "how many {many} do you see?",
    "how many {many} can you see?",
    "how many {many} does the {picture} show?",
    "what is the number of {many}?",
    "count the {many}",
)
_WHAT_COLOUR = (
    "what color is {it}?",
    "what color is {it}?",
    "which color is {it}?",
    "what is the color of {it}?",
    "what's the color of {it}?",
    "what color does {it} have?",
    "what color is {it} in the {picture}?",
    "what color has {it}?",
    "tell me the color of {it}",
)
_WHAT_COLOURS = (
    "what color are {it}?",
    "which color are {it}?",
    "what is the color of {it}?",
    "what color do {it} have?",
)
_WHAT_SHAPE = (
    "what shape is {it}?",
    "what shape is {it}?",
    "which shape is {it}?",
    "what is the shape of {it}?",
    "what's the shape of {it}?",
    "what shape does {it} have?",
    "what kind of shape is {it}?",
    "what shape has {it}?",
    "what is {it}?",
)
_WHAT_SHAPES = (
    "what shape are {it}?",
    "which shape are {it}?",
    "what is the shape of {it}?",
    "what are {it}?",
)
_IS_THERE = (
    "is there {one}?",
    "is there {one}?",
    "is there {one} in the {picture}?",
    "is there any {bare}?",
    "are there any {many}?",
    "are there {many}?",
    "do you see {one}?",
    "can you see {one}?",
    "does the {picture} show {one}?",
    "is {one} in the {picture}?",
)
_WHAT_IS_IN = (
    "what is in the {picture}?",
    "what is in the {picture}?",
    "what is in this {picture}?",
    "what's in the {picture}?",
    "what do you see?",
    "what can you see?",
    "what is this?",
    "what does the {picture} show?",
    "what is there?",
    "describe the {picture}",
    "what objects are there?",
    "what objects are in the {picture}?",
)
_THE_ONLY = ("it", "it", "the object", "the thing", "the shape")

TEMPLATES = (
    *_HOW_MANY,
    *_WHAT_COLOUR,
    *_WHAT_COLOURS,
    *_WHAT_SHAPE,
    *_WHAT_SHAPES,
    *_IS_THERE,
    *_WHAT_IS_IN,
    *_THE_ONLY,
)
"""All wordings of questions, with their blanks."""


@dataclass(frozen=True)
class Question:
    """A question about a scene.

    Attributes:
        kind: one of `KINDS`.
        text: the question.
        answer: the one right answer: a digit, a colour, a shape, yes, no, or the caption.
    """

    kind: str
    text: str
    answer: str


def names_of(scene: Scene) -> Names:
    """Return the (colour, shape) of each thing of a scene."""
    return [(thing.colour, thing.shape) for thing in scene.things]


def caption(scene: Scene) -> str:
    """Return a scene's caption, such as `a green triangle and two blue squares`."""
    return caption_of(names_of(scene))


def caption_of(names: Names) -> str:
    """Return the caption of these things: by the order of colours, then of shapes, equal ones together."""
    groups = Counter(sorted(names, key=_order))
    *firsts, last = [_group(colour, shape, count) for (colour, shape), count in groups.items()]
    return f"{', '.join(firsts)} and {last}" if firsts else last


def label_of(colour: str, shape: str) -> str:
    """Return the label of one thing, such as `an orange circle`."""
    return _group(colour, shape, 1)


def _order(name: tuple[str, str]) -> tuple[int, int]:
    return COLOURS.index(name[0]), SHAPES.index(name[1])


def _group(colour: str, shape: str, count: int) -> str:
    if count > 1:
        return f"{NUMBERS[count]} {colour} {shape}s"
    return f"{'an' if colour == 'orange' else 'a'} {colour} {shape}"


def ask(names: Names, rng: np.random.Generator, kind: str | None = None) -> Question:
    """Generate a question that has one right answer.

    Args:
        names: what is in the scene.
        rng: where chance comes from.
        kind: one of `KINDS`; by default any that this scene has an answer to.

    Returns:
        A question in one of its wordings.

    Raises:
        LookupError: the scene has no single answer to that kind of question.
    """
    for chosen in [kind] if kind else rng.choice(_KIND_NAMES, size=20, p=_KIND_SHARES).tolist():
        found = _ASKERS[chosen](names, rng)
        if found is not None:
            templates, noun, answer = found
            return Question(chosen, worded(templates, noun, rng), answer)
    raise LookupError(f"no question of kind {kind} has one answer for {caption_of(names)}")


_ALL_NAMES = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)

_Noun = dict[str, str]
_Asked = tuple[tuple[str, ...], _Noun, str]


def worded(templates: tuple[str, ...], noun: _Noun, rng: np.random.Generator) -> str:
    """Put a question in one of its wordings, with or without capitals and question mark.

    Args:
        templates: the wordings.
        noun: what fills their blanks, beside `{picture}`.
        rng: where chance comes from.
    """
    text = templates[rng.integers(len(templates))]
    picture = PICTURE_WORDS[0 if rng.random() < 0.5 else rng.integers(len(PICTURE_WORDS))]
    text = text.format(picture=picture, **noun)
    if rng.random() < 0.4:
        text = text.replace("color", "colour")
    if rng.random() < 0.3:
        text = text.removesuffix("?")
    manner = rng.random()
    return text if manner < 0.5 else text.upper() if manner > 0.95 else text.capitalize()


def _noun(colour: str, shape: str, rng: np.random.Generator) -> _Noun:
    """Name things of a colour, of a shape, of both, or (both empty) all."""
    thing = shape or ("object", "object", "thing", "shape")[rng.integers(4)]
    bare = f"{colour} {thing}".strip()
    return {"bare": bare, "one": f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}", "many": f"{bare}s"}


def _matching(names: Names, colour: str, shape: str) -> list[tuple[str, str]]:
    return [name for name in names if colour in ("", name[0]) and shape in ("", name[1])]


def _pick(names: Names, rng: np.random.Generator, present: float) -> tuple[str, str]:
    """Return a name from the scene with that probability, else one of which half may be."""
    colour, shape = names[int(rng.integers(len(names)))]
    if rng.random() >= present:
        side = rng.random()
        colour = COLOURS[rng.integers(len(COLOURS))] if side < 0.7 else colour
        shape = SHAPES[rng.integers(len(SHAPES))] if side > 0.3 else shape
    return colour, shape


def _how_many(by: str) -> Callable[[Names, np.random.Generator], _Asked | None]:
    def asker(names: Names, rng: np.random.Generator) -> _Asked:
        colour, shape = _masked(_pick(names, rng, 0.7), by)
        return _HOW_MANY, _noun(colour, shape, rng), str(len(_matching(names, colour, shape)))

    return asker


def _is_there(by: str) -> Callable[[Names, np.random.Generator], _Asked | None]:
    def asker(names: Names, rng: np.random.Generator) -> _Asked | None:
        if rng.random() < 0.5:
            colour, shape = _masked(names[int(rng.integers(len(names)))], by)
            return _IS_THERE, _noun(colour, shape, rng), "yes"
        absent = [name for name in _ALL_NAMES if not _matching(names, *_masked(name, by))]
        akin = [name for name in absent if any(set(name) & set(other) for other in names)]
        # Half the time what is missed differs from something there in one respect only.
        chosen = akin if akin and rng.random() < 0.5 else absent
        if not chosen:
            return None
        colour, shape = _masked(chosen[int(rng.integers(len(chosen)))], by)
        return _IS_THERE, _noun(colour, shape, rng), "no"

    return asker


def _masked(name: tuple[str, str], by: str) -> tuple[str, str]:
    """Return a name without the parts that the question does not ask by."""
    return name[0] if "colour" in by else "", name[1] if "shape" in by else ""


def _what_colour(names: Names, rng: np.random.Generator) -> _Asked | None:
    colour, shape = names[int(rng.integers(len(names)))]
    alike = _matching(names, "", shape)
    if len(set(alike)) > 1:
        return None
    if len(names) == 1 and rng.random() < 0.4:
        return _WHAT_COLOUR, {"it": _the_only(rng)}, colour
    if len(alike) > 1 and rng.random() < 0.7:
        return _WHAT_COLOURS, {"it": f"the {shape}s"}, colour
    return _WHAT_COLOUR, {"it": f"the {shape}"}, colour


def _what_shape(names: Names, rng: np.random.Generator) -> _Asked | None:
    colour, shape = names[int(rng.integers(len(names)))]
    alike = _matching(names, colour, "")
    if len(set(alike)) > 1:
        return None
    if len(names) == 1 and rng.random() < 0.4:
        return _WHAT_SHAPE[:-1], {"it": _the_only(rng)}, shape
    noun = _noun(colour, "", rng)
    if len(alike) > 1 and rng.random() < 0.7:
        return _WHAT_SHAPES, {"it": f"the {noun['many']}"}, shape
    return _WHAT_SHAPE, {"it": f"the {noun['bare']}"}, shape


def _the_only(rng: np.random.Generator) -> str:
    return _THE_ONLY[rng.integers(len(_THE_ONLY))]


def _what_is_in(names: Names, _rng: np.random.Generator) -> _Asked:
    return _WHAT_IS_IN, {}, caption_of(names)


_ASKERS: dict[str, Callable[[Names, np.random.Generator], _Asked | None]] = {
    "count": _how_many("shape"),
    "count all": _how_many(""),
    "count colour": _how_many("colour"),
    "count both": _how_many("colour shape"),
    "colour": _what_colour,
    "shape": _what_shape,
    "exists": _is_there("shape"),
    "exists colour": _is_there("colour"),
    "exists both": _is_there("colour shape"),
    "caption": _what_is_in,
}
KINDS = tuple(_ASKERS)
"""The kinds of questions."""

_KIND_SHARES = np.array((15, 8, 5, 5, 15, 13, 11, 5, 8, 15)) / 100
_KIND_NAMES = list(KINDS)
