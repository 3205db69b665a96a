"""Accuracy of the tiny models on held-out scenes.

`python -m inference.tiny.evaluate --seed 7` prints the table; the seed chooses the scenes.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from inference.tiny.dialogue import DIALOGUE_ONLY
from inference.tiny.dialogue_scores import (
    SCRIPTS,
    alone,
    describe_then,
    score_all,
    score_last,
    scripted,
    there_then_it,
)
from inference.tiny.drawing import draw
from inference.tiny.grammar import KINDS, LABELS, Names, ask, caption, label_of, names_of
from inference.tiny.readers import WEIGHTS, Answerer, Captioner, Converser, Matcher
from inference.tiny.scene import Scene, sample
from inference.tiny.score import Score
from inference.tiny.treatments import compressed, turned

Painter = Callable[[Scene, np.random.Generator], Image.Image]
"""Draws a scene."""

_HELD_OUT = 0xE7A1  # keeps these scenes' seeds apart from those of training


def paint_turned(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """Draw a scene at 256 px, turned as a whole by up to 8 degrees; free corners get the ground's colour."""
    return turned(draw(scene, 256), float(rng.uniform(-0.14, 0.14)), scene.ground.rgb, grow=True)[0]


PAINTERS: dict[str, tuple[Painter, float]] = {
    "256 px": (lambda scene, _: draw(scene, 256), 1.0),
    "48 px": (lambda scene, _: draw(scene, 48), 1.0),
    "1024 px": (lambda scene, _: draw(scene, 1024), 0.5),
    "4096 px": (lambda scene, _: draw(scene, 4096), 0.1),
    "turned by up to 8 degrees": (paint_turned, 1.0),
    "JPEG, quality 70": (lambda scene, _: compressed(draw(scene, 256), 70), 1.0),
}
"""Ways to draw a scene, and the share of the scenes that suffices for a score."""


def held_out(seed: int, count: int, things: int) -> list[Scene]:
    """Return scenes that training has not seen, each with that number of things."""
    rng = np.random.default_rng((_HELD_OUT, seed, things))
    return [sample(rng, things) for _ in range(count)]


def score_captions(captioner: Captioner, scenes: Sequence[Scene], pictures: Sequence[Image.Image]) -> Score:
    """Score captions; a right one matches exactly."""
    said = captioner(pictures)
    return Score(sum(text == caption(scene) for text, scene in zip(said, scenes, strict=True)), len(scenes))


def score_answers(
    answerer: Answerer, scenes: Sequence[Scene], pictures: Sequence[Image.Image], rng: np.random.Generator
) -> dict[str, Score]:
    """Score answers by kind of question: one question for each scene, of kinds as in training."""
    asked = [ask(names_of(scene), rng) for scene in scenes]
    answers = answerer(pictures, [question.text for question in asked])
    right = [answer == question.answer for answer, question in zip(answers, asked, strict=True)]
    by_kind = {
        kind: [ok for ok, question in zip(right, asked, strict=True) if question.kind == kind]
        for kind in KINDS
    }
    return {kind: Score(sum(found), len(found)) for kind, found in by_kind.items()}


def score_labels(matcher: Matcher, scenes: Sequence[Scene], pictures: Sequence[Image.Image]) -> Score:
    """Score labels for scenes of one thing: whether the best of the 24 is the right one."""
    best = matcher(pictures, LABELS).argmax(-1).tolist()
    right = [
        LABELS[place] == label_of(*names_of(scene)[0]) for place, scene in zip(best, scenes, strict=True)
    ]
    return Score(sum(right), len(right))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m inference.tiny.evaluate", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="chooses the scenes (default: %(default)s)")
    parser.add_argument("--scenes", type=int, default=600, help="of each size (default: %(default)s)")
    parser.add_argument("--dialogues", action="store_true", help="only the table of dialogues")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="checkpoints (default: %(default)s)")
    arguments = parser.parse_args()
    if not arguments.dialogues:
        print_pictures(arguments.weights, arguments.seed, arguments.scenes)
    print_dialogues(Converser(arguments.weights / "converse"), arguments.seed, arguments.scenes)


def print_pictures(weights: Path, seed: int, count: int) -> None:
    """Print the tables of captions, answers and labels.

    Args:
        weights: where the checkpoints are.
        seed: chooses the scenes.
        count: how many scenes of each size.
    """
    captioner, answerer, matcher = (
        Captioner(weights / "caption"),
        Answerer(weights / "answer"),
        Matcher(weights / "match"),
    )
    print("| pictures | caption, 1 thing | 2 | 3 | answers | CLIP top-1 of 24 |\n|---|---|---|---|---|---|")  # noqa: T201
    kinds = dict.fromkeys(KINDS, Score(0, 0))
    for name, (painter, share) in PAINTERS.items():
        captions: list[Score] = []
        answers = labels = Score(0, 0)
        for things in (1, 2, 3):
            scenes = held_out(seed, max(1, int(count * share)), things)
            rng = np.random.default_rng((seed, things))
            pictures = [painter(scene, rng) for scene in scenes]
            captions.append(score_captions(captioner, scenes, pictures))
            for kind, score in score_answers(answerer, scenes, pictures, rng).items():
                answers += score
                kinds[kind] += score
            if things == 1:
                labels = score_labels(matcher, scenes, pictures)
        print(f"| {name} | {' | '.join(map(str, (*captions, answers, labels)))} |", flush=True)  # noqa: T201
    print("\n| question | answers |\n|---|---|")  # noqa: T201
    for kind, score in kinds.items():
        print(f"| {kind} | {score} |")  # noqa: T201


def print_dialogues(converser: Converser, seed: int, count: int) -> None:
    """Print the table of dialogues.

    Args:
        converser: who is asked.
        seed: chooses the scenes.
        count: how many scenes of each size; those that a script doesn't fit are left out.
    """
    print("\n| dialogue | right | asked without what was said | with another picture |\n|---|---|---|---|")  # noqa: T201
    for name, script in SCRIPTS.items():
        for sizes in ((1,), (2,), (3,)) if "color" in name else ((1, 2, 3),):
            scenes = [scene for things in sizes for scene in held_out(seed, count // len(sizes), things)]
            rng = np.random.default_rng((seed, *sizes))
            talks, pictures = scripted(script, *_shown(scenes), rng)
            if not talks:
                continue
            right = score_last(converser, talks, pictures)
            bare = score_last(converser, [alone(talk) for talk in talks], pictures)
            swapped = (
                score_last(converser, talks, [*pictures[1:], pictures[0]])
                if talks[0][-1].kind in DIALOGUE_ONLY
                else ""
            )
            print(f"| {name}, {_things(sizes)} | {right} | {bare} | {swapped} |", flush=True)  # noqa: T201
    print("\n| two turns, own answers | both right |\n|---|---|")  # noqa: T201
    for name, script in {
        "describe; then a question": describe_then,
        "is there ...? yes; what color or shape is it?": there_then_it,
    }.items():
        for things in (1, 2, 3):
            rng = np.random.default_rng((seed, things, 2))
            talks, pictures = scripted(script, *_shown(held_out(seed, count, things)), rng)
            if talks:
                score = score_all(converser, talks, pictures)
                print(f"| {name}, {_things((things,))} | {score} |", flush=True)  # noqa: T201


def _things(sizes: Sequence[int]) -> str:
    return "1 to 3 things" if len(sizes) > 1 else "1 thing" if sizes[0] == 1 else f"{sizes[0]} things"


def _shown(scenes: Sequence[Scene]) -> tuple[list[Names], list[Image.Image]]:
    return [names_of(scene) for scene in scenes], [draw(scene, 256) for scene in scenes]


if __name__ == "__main__":
    main()
