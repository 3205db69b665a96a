"""The tiny LLaVA's processor reads what people write, and training's text is what its template makes."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.llava.processing_llava import LlavaProcessor

from inference.tiny.dialogue import Exchange, converse
from inference.tiny.dialogue_batches import answer_weights, dialogue_text
from inference.tiny.dialogue_scores import messages
from inference.tiny.dialogue_tokens import (
    ASSISTANT,
    END,
    IMAGE,
    IMAGE_TOKENS,
    PAD,
    SPECIAL,
    UNKNOWN,
    USER,
    llava_processor,
)

TALK = [
    Exchange("describe", "What's in the picture?", "a red circle, a blue square and a green circle", 0),
    Exchange("question", "is there a square?", "yes"),
    Exchange("pronoun colour", "what colour is it", "blue"),
]
PICTURE = Image.new("RGB", (90, 50), "grey")


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("processor")
    llava_processor().save_pretrained(folder)
    return LlavaProcessor.from_pretrained(folder, backend="pil")


def tokens_of(processor: Any, text: str) -> list[int]:
    tokens: list[int] = processor.tokenizer(text, add_special_tokens=False).input_ids
    return tokens


def test_a_dialogue_is_the_tokens_that_training_reads(processor: Any) -> None:
    batch = processor.apply_chat_template(
        messages(TALK, [PICTURE]),
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    trained = tokens_of(processor, dialogue_text(TALK, ""))
    answer = tokens_of(processor, f"blue{SPECIAL[END]}")
    assert batch["input_ids"][0].tolist() + answer == trained
    assert trained[:3] == [USER, IMAGE, IMAGE]
    assert trained.count(IMAGE) == IMAGE_TOKENS
    assert tuple(batch["pixel_values"].shape) == (1, 3, 64, 64)


def test_no_word_of_dialogues_is_unknown(processor: Any) -> None:
    rng = np.random.default_rng(3)
    names = [("red", "circle"), ("orange", "square"), ("orange", "square")]
    for _ in range(60):
        assert UNKNOWN not in tokens_of(processor, dialogue_text(converse([names], rng, 5), ""))


def test_answers_come_back_as_they_were(processor: Any) -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        for exchange in converse([[("red", "circle"), ("white", "square")]], rng, 4):
            tokens = tokens_of(processor, exchange.answer + SPECIAL[END])
            assert processor.decode(tokens, skip_special_tokens=True) == exchange.answer


def test_other_words_are_unknown_and_an_asker_s_name_is_no_question(processor: Any) -> None:
    tokens = tokens_of(processor, "J\u00f6rg_7: WHAT color?")
    assert tokens[0] == UNKNOWN
    assert tokens.count(UNKNOWN) == 1
    assert tokens[1:] == tokens_of(processor, ": what color?")


def test_texts_of_other_roles_are_left_out(processor: Any) -> None:
    talk = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]
    text = processor.apply_chat_template(talk, add_generation_prompt=True)
    assert text == "<|user|>hi<|end|><|assistant|>"


def test_shorter_dialogues_are_padded_on_the_left(processor: Any) -> None:
    batch = processor(
        text=["<|user|>hi<|end|>", "<|user|>hello there<|end|>"], padding=True, return_tensors="pt"
    )
    assert batch["input_ids"][0, 0] == PAD
    assert batch["input_ids"][1, 0] == USER


def test_only_answers_count_and_of_a_picture_not_shown_only_the_dialogue() -> None:
    tokenizer = llava_processor().tokenizer
    tokenizer.padding_side = "right"
    talk = [TALK[0], Exchange("again", "say that again", TALK[0].answer)]
    texts = [dialogue_text(talk, "ann"), dialogue_text(TALK[1:2] * 2, "")]
    tokens = tokenizer(texts, return_tensors="pt", padding=True).input_ids
    weights = answer_weights(tokens, [talk, TALK[1:2] * 2], [True, False])
    counted = [tokenizer.decode(row[weight > 0]) for row, weight in zip(tokens, weights, strict=True)]
    assert counted == [f"{talk[1].answer} <|end|>", "yes <|end|> yes <|end|>"]
    assert torch.allclose(weights.sum(1), torch.tensor([12**0.5, 2 * 2**0.5]))
    assert (weights[tokens == ASSISTANT] == 0).all()
