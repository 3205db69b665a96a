"""What dialogues say is right by what was said and shown before, and nothing else."""

import numpy as np
import pytest

from inference.tiny.dialogue import DIALOGUE_ONLY, EXCHANGES, Exchange, Talk, converse
from inference.tiny.dialogue_scores import alone, describe_then, ending_with, there_then_it
from inference.tiny.dialogue_wordings import NO_PICTURE, NOTHING_YET
from inference.tiny.grammar import KINDS, Names

ONE = [("red", "circle")]
TWO = [("red", "circle"), ("blue", "square")]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def asked(talk: Talk, kind: str, rng: np.random.Generator) -> str:
    assert talk.go_on(kind, rng)
    return talk.exchanges[-1].answer


def test_each_kind_is_said_in_several_wordings(rng: np.random.Generator) -> None:
    said: dict[str, set[str]] = {kind: set() for kind in EXCHANGES}
    for _ in range(400):
        for exchange in converse([ONE], rng, 4):
            said[exchange.kind].add(exchange.asked.lower().rstrip("?"))
    assert all(len(texts) >= 4 for texts in said.values())


def test_it_is_what_was_last_found(rng: np.random.Generator) -> None:
    for _ in range(50):
        talk = Talk(TWO)
        talk.go_on("question", rng, of="exists both")
        found = talk.exchanges[0]
        assert talk.go_on("pronoun colour", rng) == (found.answer == "yes")
        if found.answer == "yes":
            assert talk.exchanges[1].answer == ("red" if "circle" in found.asked.lower() else "blue")


def test_it_is_the_only_thing_there(rng: np.random.Generator) -> None:
    talk = Talk(ONE)
    talk.go_on("question", rng, of="exists")
    assert asked(talk, "pronoun colour", rng) == "red"
    assert asked(talk, "pronoun shape", rng) == "circle"


def test_nobody_asks_what_it_is_when_two_things_were_described(rng: np.random.Generator) -> None:
    talk = Talk(TWO)
    assert asked(talk, "describe", rng) == "a red circle and a blue square"
    assert not talk.go_on("pronoun colour", rng)
    assert len(talk.exchanges) == 1


def test_two_alike_are_they(rng: np.random.Generator) -> None:
    talk = Talk([("red", "circle"), ("red", "circle")])
    asked(talk, "describe", rng)
    assert asked(talk, "pronoun colour", rng) == "red"
    assert any(word in talk.exchanges[-1].asked.lower() for word in ("they", "their"))


def test_what_was_said_is_said_again(rng: np.random.Generator) -> None:
    talk = Talk(TWO)
    talk.go_on("question", rng, of="count all")
    asked(talk, "describe", rng)
    assert asked(talk, "again", rng) == "a red circle and a blue square"
    assert asked(talk, "first named", rng) == "a red circle"
    assert asked(talk, "first said", rng) == "2"
    assert asked(talk, "first asked", rng) == talk.exchanges[0].asked.lower()
    assert asked(talk, "again", rng) == talk.exchanges[0].asked.lower()


def test_a_shape_counts_as_a_thing_named(rng: np.random.Generator) -> None:
    talk = Talk(TWO)
    talk.go_on("question", rng, of="shape")
    asked(talk, "describe", rng)
    assert asked(talk, "first named", rng) == talk.exchanges[0].answer
    assert talk.exchanges[0].answer in ("circle", "square")


@pytest.mark.parametrize("kind", DIALOGUE_ONLY)
def test_before_anything_is_said_there_is_nothing_to_tell(kind: str, rng: np.random.Generator) -> None:
    assert asked(Talk(TWO), kind, rng) == NOTHING_YET


def test_without_a_picture_nothing_is_seen(rng: np.random.Generator) -> None:
    kinds = {
        exchange.kind: exchange.answer for exchange in converse([], rng, 200) if exchange.picture is None
    }
    assert {kinds[kind] for kind in ("describe", "question", "pronoun colour", "pronoun shape")} == {
        NO_PICTURE
    }


def test_a_new_picture_is_talked_about_from_where_it_is_shown(rng: np.random.Generator) -> None:
    for _ in range(100):
        talk = converse([ONE, [("green", "triangle")]], rng, 4)
        shown = [exchange.picture for exchange in talk]
        assert shown[0] == 0
        assert shown.count(1) == 1
        for exchange in talk[shown.index(1) :]:
            if exchange.kind == "pronoun colour":
                assert exchange.answer == "green"


def test_no_is_as_frequent_as_yes(rng: np.random.Generator) -> None:
    answers = []
    for _ in range(1000):
        talk = Talk(TWO)
        talk.go_on("question", rng, of="exists")
        answers.append(talk.exchanges[0].answer)
    assert 440 <= answers.count("no") <= 560
    assert set(answers) == {"yes", "no"}


def test_questions_are_of_every_kind(rng: np.random.Generator) -> None:
    talk = Talk(TWO)
    assert all(talk.go_on("question", rng, of=kind) for kind in KINDS)
    assert not Talk(TWO).exchanges


@pytest.mark.parametrize("names", [ONE, TWO, [*TWO, ("green", "triangle")]])
def test_scripts_end_as_they_say(names: Names, rng: np.random.Generator) -> None:
    for kind in DIALOGUE_ONLY:
        talk = ending_with(kind)(names, rng)
        assert talk is not None
        assert (talk[-1].kind, talk[0].picture) == (kind, 0)
        assert talk[-1].answer != NOTHING_YET
        assert alone(talk) == [Exchange(kind, talk[-1].asked, talk[-1].answer, 0)]
    assert describe_then(names, rng)[0].kind == "describe"
    it = there_then_it(names, rng)
    assert it is not None
    assert it[0].answer == "yes"
    assert it[1].kind.startswith("pronoun")
    assert there_then_it([("red", "circle"), ("red", "square")], rng) is None
