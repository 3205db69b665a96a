"""The engines with the shipped tiny models: right answers, alone and in any batch."""

from typing import cast

import numpy as np
import pytest

from inference.engines import Engine
from inference.models.catalogue import CATALOGUE, TASKS
from inference.models.loading import load
from inference.schema import Answer, Answered, Caption, Captioned, Match, Matched, Picture, Task
from inference.settings import WorkerSettings
from inference.tiny.world import LABELS, Scene, caption, draw, label_of, sample

QUESTIONS = (
    "what is in the picture?",
    "how many objects are there?",
    "is there a red circle?",
    "how many circles?",
)


@pytest.fixture(scope="module")
def engines() -> dict[Task, Engine]:
    settings = WorkerSettings(_env_file=None, models="tiny", device="cpu")
    return {task: load(task, settings) for task in TASKS}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = np.random.default_rng(2026)
    return [sample(rng, 1) for _ in range(40)]


def name_of(place: int) -> Picture:
    return Picture.of("guild:1", f"scene {place}".encode())


def test_captions_are_right(engines: dict[Task, Engine], scenes: list[Scene]) -> None:
    engine = engines["caption"]
    batch = [
        engine.prepare(Caption(picture=name_of(place)), [draw(scene, 256)])
        for place, scene in enumerate(scenes)
    ]
    said = [cast("Captioned", one).text for one in engine.forward(batch)]
    # The floor for one object is 95 %; 40 scenes leave room for chance.
    assert sum(text == caption(scene) for text, scene in zip(said, scenes, strict=True)) >= 34


def test_labels_are_right(engines: dict[Task, Engine], scenes: list[Scene]) -> None:
    engine = engines["match"]
    names = tuple(name_of(place) for place in range(10))
    (matched,) = engine.forward(
        [engine.prepare(Match(pictures=names, labels=LABELS), [draw(scene, 256) for scene in scenes[:10]])]
    )
    best = [LABELS[int(np.argmax(row))] for row in cast("Matched", matched).share]
    right = [label_of(scene.things[0].colour, scene.things[0].shape) for scene in scenes[:10]]
    assert sum(one == other for one, other in zip(best, right, strict=True)) >= 8


def test_answers_are_the_same_in_any_company(engines: dict[Task, Engine], scenes: list[Scene]) -> None:
    engine = engines["answer"]
    jobs = [(place, question) for place in range(6) for question in QUESTIONS]

    def ask(place: int, question: str) -> object:
        request = Answer(picture=name_of(place), question=question)
        return engine.prepare(request, [draw(scenes[place], 256)])

    together = engine.forward([ask(*job) for job in jobs])
    assert together == [engine.forward([ask(*job)])[0] for job in jobs]
    counted = [
        cast("Answered", one).text for one, job in zip(together, jobs, strict=True) if job[1] == QUESTIONS[1]
    ]
    assert counted.count("1") >= 5


def test_every_engine_warms_up_and_has_a_name_without_a_path(engines: dict[Task, Engine]) -> None:
    for task, engine in engines.items():
        engine.warm_up()
        assert engine.name == f"tiny {task}" == CATALOGUE["tiny"][task].label
