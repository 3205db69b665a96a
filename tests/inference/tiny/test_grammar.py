"""Captions, labels and questions say what is there, in the words agreed on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.tiny.grammar import (
    KINDS,
    LABELS,
    Question,
    ask,
    caption,
    caption_of,
    label_of,
    names_of,
)
from inference.tiny.scene import COLOURS, SHAPES, sample

Names = list[tuple[str, str]]
NAMES = st.lists(st.tuples(st.sampled_from(COLOURS), st.sampled_from(SHAPES)), min_size=1, max_size=3)
SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([("red", "circle")], "a red circle"),
        (
            [("blue", "square"), ("green", "triangle"), ("blue", "square")],
            "a green triangle and two blue squares",
        ),
        (
            [("blue", "square"), ("green", "triangle"), ("red", "circle")],
            "a red circle, a green triangle and a blue square",
        ),
        (
            [("white", "triangle"), ("orange", "circle"), ("white", "triangle")],
            "an orange circle and two white triangles",
        ),
        ([("black", "square")] * 3, "three black squares"),
        ([("red", "triangle"), ("red", "circle")], "a red circle and a red triangle"),
    ],
)
def test_captions_read_as_agreed(names: Names, said: str) -> None:
    assert caption_of(names) == said


@settings(deadline=None)
@given(NAMES, st.randoms())
def test_a_caption_does_not_depend_on_the_order_of_things(names: Names, chance: object) -> None:
    shuffled = sorted(names, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert caption_of(shuffled) == caption_of(names)


@settings(deadline=None)
@given(NAMES)
def test_a_caption_tells_everything_and_nothing_else(names: Names) -> None:
    assert sorted(read_back(caption_of(names))) == sorted(names)


def read_back(said: str) -> Names:
    """What a caption says there is, read without the code that wrote it."""
    names: Names = []
    for part in said.replace(" and ", ", ").split(", "):
        number, colour, noun = part.split()
        count = {"a": 1, "an": 1, "two": 2, "three": 3}[number]
        assert (number == "an") == (colour == "orange" and count == 1)
        assert noun.endswith("s") == (count > 1)
        names += [(colour, noun.removesuffix("s") if count > 1 else noun)] * count
    return names


def test_there_are_24_labels_and_they_are_the_captions_of_single_things() -> None:
    assert len(set(LABELS)) == 24
    assert list(LABELS) == [label_of(colour, shape) for colour in COLOURS for shape in SHAPES]
    assert {caption_of([(colour, shape)]) for colour in COLOURS for shape in SHAPES} == set(LABELS)


@settings(deadline=None)
@given(SEEDS)
def test_a_scene_is_captioned_by_its_things(seed: int) -> None:
    scene = sample(np.random.default_rng(seed))
    assert caption(scene) == caption_of(names_of(scene))


@settings(deadline=None)
@given(NAMES, SEEDS)
def test_every_answer_is_right(names: Names, seed: int) -> None:
    question = ask(names, np.random.default_rng(seed))
    assert question.answer in possible(question, names)


def possible(question: Question, names: Names) -> set[str]:
    """The right answers, found from the question's words alone."""
    text = question.text.lower().rstrip("?")
    words = [word.removesuffix("s") for word in text.replace("'", " ").split()]
    meant = [
        (colour, shape)
        for colour, shape in names
        if all(word in (colour, shape) for word in words if word in (*COLOURS, *SHAPES))
    ]
    if question.kind == "caption":
        return {caption_of(names)}
    if question.kind.startswith("count"):
        return {str(len(meant))}
    if question.kind.startswith("exists"):
        return {"yes" if meant else "no"}
    answers = {name[0 if question.kind == "colour" else 1] for name in meant}
    assert len(answers) == 1, f"{question} has more than one answer"
    return answers


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_question_can_be_asked_in_several_wordings(kind: str) -> None:
    rng = np.random.default_rng(5)
    asked = [ask([("red", "circle"), ("blue", "square")], rng, kind) for _ in range(200)]
    assert {question.kind for question in asked} == {kind}
    assert len({question.text.lower().rstrip("?") for question in asked}) >= 8
    assert {question.text.endswith("?") for question in asked} == {True, False}


def test_the_agreed_wordings_are_among_those_asked() -> None:
    rng = np.random.default_rng(6)
    names = [("red", "square"), ("blue", "triangle")]
    asked = {ask(names, rng).text.lower() for _ in range(8000)}
    assert asked >= {
        "how many circles are there?",
        "how many circles?",
        "how many objects are there?",
        "what color is the square?",
        "what colour is the square?",
        "what shape is the red object?",
        "is there a triangle?",
        "is there a red circle?",
        "what is in the picture?",
    }


@pytest.mark.parametrize("kind", ["exists", "exists colour", "exists both"])
def test_no_is_the_answer_about_as_often_as_yes(kind: str) -> None:
    rng = np.random.default_rng(7)
    answers = [ask(names_of(sample(rng, 2)), rng, kind).answer for _ in range(600)]
    assert 0.42 < answers.count("no") / len(answers) < 0.58


def test_a_question_without_one_answer_is_refused() -> None:
    names = [("red", "square"), ("blue", "square")]
    with pytest.raises(LookupError, match="colour"):
        ask(names, np.random.default_rng(0), "colour")
