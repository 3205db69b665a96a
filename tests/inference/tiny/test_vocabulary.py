"""Tokenizers know every word of the world, and survive all others."""

import numpy as np
import pytest
import torch

from inference.tiny.grammar import LABELS, ask, caption_of
from inference.tiny.optimiser import Muon, orthogonal
from inference.tiny.pool import SIDE
from inference.tiny.scene import sample
from inference.tiny.vocabulary import BEGIN, PAD, SEPARATOR, UNKNOWN, blip_processor, clip_processor
from inference.tiny.world import names_of


def test_blip_knows_every_word_that_can_be_asked_or_answered() -> None:
    tokenizer = blip_processor().tokenizer
    rng = np.random.default_rng(2)
    asked = [ask(names_of(sample(rng)), rng) for _ in range(1500)]
    tokens = tokenizer([text for question in asked for text in (question.text, question.answer)]).input_ids
    assert UNKNOWN not in {token for row in tokens for token in row}
    assert max(map(len, tokens)) < tokenizer.model_max_length


def test_blip_reads_back_captions_to_the_letter() -> None:
    tokenizer = blip_processor().tokenizer
    rng = np.random.default_rng(3)
    for _ in range(200):
        said = caption_of(names_of(sample(rng)))
        assert tokenizer.decode(tokenizer(said).input_ids, skip_special_tokens=True) == said


def test_the_special_tokens_have_the_numbers_that_the_models_are_told() -> None:
    tokenizer = blip_processor().tokenizer
    numbers = (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.sep_token_id, tokenizer.bos_token_id)
    assert numbers == (PAD, UNKNOWN, SEPARATOR, BEGIN)


def test_an_unknown_word_is_one_unknown_token() -> None:
    assert blip_processor().tokenizer("zebra").input_ids[1:-1] == [UNKNOWN]


def test_clip_reads_each_word_of_a_label_as_one_token_and_any_text_at_all() -> None:
    tokenizer = clip_processor().tokenizer
    assert all(len(row) == 5 for row in tokenizer(list(LABELS)).input_ids)
    assert tokenizer.unk_token_id not in tokenizer("ein Zebra, 3 €!").input_ids[1:-1]


@pytest.mark.parametrize("make", [blip_processor, clip_processor])
def test_wide_pictures_are_squeezed_and_not_cropped(make: type) -> None:
    pixels = make().image_processor(np.zeros((40, 200, 3), np.uint8), return_tensors="pt").pixel_values
    assert pixels.shape == (1, 3, SIDE, SIDE)


def test_muon_steps_are_nearly_orthogonal_whatever_the_shape() -> None:
    torch.manual_seed(1)
    for rows, columns in ((288, 96), (96, 256)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(2, rows, columns)))
        assert 0.5 < values.min() <= values.max() < 1.3


def test_muon_finds_a_minimum() -> None:
    torch.manual_seed(1)
    weight, goal = torch.nn.Parameter(torch.randn(8, 12)), torch.randn(8, 12)
    muon = Muon([weight], rate=0.05, decay=0.0)
    before = (weight - goal).norm().item()
    for _ in range(200):
        weight.grad = (weight - goal).detach()
        muon.step()
    assert (weight - goal).norm().item() < 0.2 * before
