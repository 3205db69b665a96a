"""The checkpoints in the repository load as the big ones do, and are right as often as README.md says.

Seeds are fixed and the scenes few, so the floors lie a little under those of README.md.
"""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from inference.tiny.evaluate import PAINTERS, held_out, score_answers, score_captions, score_labels
from inference.tiny.grammar import LABELS, ask, caption_of, label_of
from inference.tiny.readers import WEIGHTS, Answerer, Captioner, Matcher
from tests.inference.tiny.independent_drawings import HANDS, Names

CAPTIONS = {1: 0.93, 2: 0.86, 3: 0.72}
ANSWERS = 0.92
LABELLED = 0.94


@pytest.fixture(scope="module")
def captioner() -> Captioner:
    return Captioner()


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    return Answerer()


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher()


@pytest.mark.parametrize("task", ["caption", "answer", "match", "converse"])
def test_a_checkpoint_is_small_and_in_half_precision_and_names_no_machine(task: str) -> None:
    files = list((WEIGHTS / task).iterdir())
    assert sum(file.stat().st_size for file in files) < 3_000_000
    assert {file.suffix for file in files} - {".jinja"} == {".json", ".safetensors"}
    with safe_open(WEIGHTS / task / "model.safetensors", "numpy") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"F16"}  # noqa: SIM118
    for file in files:
        if file.suffix == ".json":
            assert "_name_or_path" not in json.loads(file.read_text())


@pytest.mark.parametrize("things", [1, 2, 3])
@pytest.mark.parametrize("way", ["256 px", "48 px"])
def test_captions_of_our_drawings(captioner: Captioner, way: str, things: int) -> None:
    scenes = held_out(11, 80, things)
    painter, _ = PAINTERS[way]
    pictures = [painter(scene, np.random.default_rng(1)) for scene in scenes]
    assert score_captions(captioner, scenes, pictures).share >= CAPTIONS[things]


@pytest.mark.parametrize("things", [1, 2, 3])
@pytest.mark.parametrize("hand", HANDS)
def test_captions_of_others_drawings(captioner: Captioner, hand: str, things: int) -> None:
    names, pictures = painted(hand, things, 30)
    said = captioner(pictures)
    right = sum(text == caption_of(name) for text, name in zip(said, names, strict=True))
    assert right / 30 >= CAPTIONS[things]


def test_answers_about_our_drawings(answerer: Answerer) -> None:
    right = asked = 0
    for things in (1, 2, 3):
        scenes = held_out(12, 50, things)
        pictures = [PAINTERS["256 px"][0](scene, np.random.default_rng(1)) for scene in scenes]
        for score in score_answers(answerer, scenes, pictures, np.random.default_rng(2)).values():
            right, asked = right + score.right, asked + score.asked
    assert asked == 150
    assert right / asked >= ANSWERS


@pytest.mark.parametrize("hand", HANDS)
def test_answers_about_others_drawings(answerer: Answerer, hand: str) -> None:
    rng = np.random.default_rng(4)
    names, pictures = zip(*(HANDS[hand](seed, 1 + seed % 3) for seed in range(40)), strict=True)
    asked = [ask(name, rng) for name in names]
    said = answerer(pictures, [question.text for question in asked])
    right = sum(answer == question.answer for answer, question in zip(said, asked, strict=True))
    assert right / 40 >= ANSWERS


def test_an_answer_does_not_depend_on_what_else_is_asked(answerer: Answerer) -> None:
    _, pictures = painted("plain", 2, 8)
    questions = ["how many circles?", "What is in the picture?"] * 4
    together = answerer(pictures, questions)
    alone = [
        answerer([picture], [question])[0] for picture, question in zip(pictures, questions, strict=True)
    ]
    assert together == alone


@pytest.mark.parametrize("way", ["256 px", "48 px", "turned by up to 8 degrees", "JPEG, quality 70"])
def test_labels_of_our_drawings(matcher: Matcher, way: str) -> None:
    scenes = held_out(13, 100, 1)
    pictures = [PAINTERS[way][0](scene, np.random.default_rng(place)) for place, scene in enumerate(scenes)]
    assert score_labels(matcher, scenes, pictures).share >= LABELLED


@pytest.mark.parametrize("hand", HANDS)
def test_labels_of_others_drawings(matcher: Matcher, hand: str) -> None:
    names, pictures = painted(hand, 1, 50)
    best = matcher(pictures, LABELS).argmax(-1).tolist()
    right = sum(LABELS[place] == label_of(*name[0]) for place, name in zip(best, names, strict=True))
    assert right / 50 >= LABELLED


def test_a_large_picture_is_read_too(captioner: Captioner, matcher: Matcher) -> None:
    scenes = held_out(14, 6, 1)
    pictures = [PAINTERS["4096 px"][0](scene, np.random.default_rng(1)) for scene in scenes]
    assert score_captions(captioner, scenes, pictures).right >= 5
    assert score_labels(matcher, scenes, pictures).right >= 5


def painted(hand: str, things: int, count: int) -> tuple[Sequence[Names], Sequence[Image.Image]]:
    names, pictures = zip(*(HANDS[hand](seed, things) for seed in range(count)), strict=True)
    return names, pictures
