"""The LLaVA in the repository converses as often right as README.md says, and because of what was said.

Seeds are fixed and the dialogues few, so the floors lie a little under those of README.md.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.auto.processing_auto import AutoProcessor

from inference.tiny.dialogue import DIALOGUE_ONLY, Exchange
from inference.tiny.dialogue_scores import (
    Scripter,
    alone,
    describe_then,
    described_there_then_it,
    ending_with,
    messages,
    score_all,
    score_last,
    scripted,
    there_then_it,
)
from inference.tiny.dialogue_wordings import NO_PICTURE, NOTHING_YET
from inference.tiny.drawing import draw
from inference.tiny.evaluate import held_out
from inference.tiny.grammar import caption_of, names_of
from inference.tiny.readers import WEIGHTS, Converser
from tests.inference.tiny.independent_drawings import HANDS

BOTH_TURNS = 0.95
DIALOGUE = 0.9
PRONOUNS = 0.9


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads wait for each other longer than such small products take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def converser() -> Converser:
    return Converser()


def talks(script: Scripter, things: int, count: int) -> tuple[list[list[Exchange]], list[Image.Image]]:
    scenes = held_out(21, count, things)
    names, pictures = [names_of(scene) for scene in scenes], [draw(scene, 256) for scene in scenes]
    return scripted(script, names, pictures, np.random.default_rng(things))


@pytest.mark.parametrize("script", [describe_then, there_then_it])
def test_both_turns_about_one_thing(converser: Converser, script: Scripter) -> None:
    dialogues, pictures = talks(script, 1, 60)
    assert len(dialogues) == 60
    assert score_all(converser, dialogues, pictures).share >= BOTH_TURNS


@pytest.mark.parametrize("script", [there_then_it, described_there_then_it])
def test_what_it_is_depends_on_what_was_asked(converser: Converser, script: Scripter) -> None:
    dialogues, pictures = talks(script, 2, 90)
    assert len(dialogues) >= 40
    assert score_last(converser, dialogues, pictures).share >= PRONOUNS
    assert score_last(converser, [alone(talk) for talk in dialogues], pictures).share < PRONOUNS


@pytest.mark.parametrize("kind", DIALOGUE_ONLY)
def test_what_only_the_dialogue_can_answer(converser: Converser, kind: str) -> None:
    dialogues, pictures = talks(ending_with(kind), 2, 40)
    assert score_last(converser, dialogues, pictures).share >= DIALOGUE
    assert score_last(converser, [alone(talk) for talk in dialogues], pictures).right == 0


def test_what_was_said_is_not_read_from_the_picture(converser: Converser) -> None:
    dialogues, pictures = talks(ending_with("again"), 2, 40)
    assert score_last(converser, dialogues, [*pictures[1:], pictures[0]]).share >= DIALOGUE


def test_before_anything_is_said_there_is_nothing_to_say_again(converser: Converser) -> None:
    assert converser([said("say that again")]) == [NOTHING_YET]


def test_without_a_picture_there_is_none_to_describe(converser: Converser) -> None:
    asked = {"role": "user", "content": [{"type": "text", "text": "describe the image"}]}
    assert converser([[asked]]) == [NO_PICTURE]


def test_an_asker_s_name_changes_no_answer(converser: Converser) -> None:
    texts = ("describe the image", "Ann: describe the image", "Zo\u00eb B.: describe the image")
    assert set(converser([said(text) for text in texts])) == {"a red circle"}


def test_a_question_after_a_new_picture_is_about_that(converser: Converser) -> None:
    names, pictures = zip(*(HANDS["plain"](seed, 1) for seed in range(30)), strict=True)
    right = 0
    for first in range(0, 30, 2):
        dialogue = [
            Exchange("describe", "describe the image", caption_of(names[first]), 0),
            Exchange("describe", "describe the image", caption_of(names[first + 1]), 1),
        ]
        answers = converser([messages(dialogue, pictures[first : first + 2])])
        right += answers == [dialogue[1].answer]
    assert right >= 12


def test_an_answer_does_not_depend_on_what_else_is_asked(converser: Converser) -> None:
    dialogues, pictures = talks(ending_with("question"), 2, 8)
    turns = [messages(talk, [shown]) for talk, shown in zip(dialogues, pictures, strict=True)]
    assert converser(turns) == [converser([turn])[0] for turn in turns]


def test_auto_classes_find_the_processor(converser: Converser) -> None:
    auto: Any = AutoProcessor
    processor = auto.from_pretrained(WEIGHTS / "converse", backend="pil")
    assert type(processor).__name__ == "LlavaProcessor"
    assert processor.tokenizer.padding_side == "left"
    assert (processor.num_additional_image_tokens, processor.vision_feature_select_strategy) == (1, "default")
    assert converser([said("how many objects are there?")]) == ["1"]


def said(text: str) -> Sequence[dict[str, Any]]:
    """A first question about a red circle."""
    picture = next(
        picture
        for names, picture in (HANDS["plain"](seed, 1) for seed in range(1000))
        if list(names) == [("red", "circle")]
    )
    return messages([Exchange("question", text, "", 0)], [picture])
