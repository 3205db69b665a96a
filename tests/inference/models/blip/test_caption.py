"""BLIP's captions: independent of the batch."""

from collections.abc import Callable
from functools import cache
from typing import cast

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.models.blip.caption import MAX_TOKENS, BlipCaptioner
from inference.models.blip.detokenize import clean_caption
from inference.models.vision_encoder import ImageInput
from inference.schema import Caption, Captioned
from tests.inference.models.conftest import LoadRandom, name_of, picture_of


@pytest.fixture
def captioner(load_random: LoadRandom) -> BlipCaptioner:
    return cast("BlipCaptioner", load_random("caption"))


def shown(captioner: BlipCaptioner, number: int) -> ImageInput:
    return captioner.prepare(Caption(picture=name_of(number)), [picture_of(number, (40 + number, 40))])


@pytest.fixture
def alone(captioner: BlipCaptioner) -> Callable[[int], Captioned]:
    """The caption of an image in a batch of its own; each is computed once."""
    return cache(lambda number: captioner.forward([shown(captioner, number)])[0])


def test_the_random_model_s_captions_depend_on_the_picture(captioner: BlipCaptioner) -> None:
    captions = captioner.forward([shown(captioner, number) for number in range(12)])
    assert len({caption.text for caption in captions}) > 6


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 11), min_size=1, max_size=8))
def test_no_caption_depends_on_who_else_is_in_the_batch(
    captioner: BlipCaptioner, alone: Callable[[int], Captioned], numbers: list[int]
) -> None:
    together = captioner.forward([shown(captioner, number) for number in numbers])
    assert together == [alone(number) for number in numbers]


def test_alone_it_says_what_transformers_own_generate_says(captioner: BlipCaptioner) -> None:
    for number in range(6):
        one = shown(captioner, number)
        assert one.pixels is not None
        tokens = captioner._model.generate(
            pixel_values=one.pixels, do_sample=False, num_beams=1, max_new_tokens=MAX_TOKENS
        )
        words = captioner._tokenizer.decode(tokens[0], skip_special_tokens=True)
        assert captioner.forward([one])[0].text == clean_caption(words)


def test_it_warms_up(captioner: BlipCaptioner) -> None:
    captioner.warm_up()


def test_broken_weights_are_told_at_warm_up(captioner: BlipCaptioner) -> None:
    with torch.no_grad():
        captioner._model.get_parameter("vision_model.encoder.layers.0.mlp.fc1.weight").fill_(float("inf"))
    with pytest.raises(FloatingPointError, match="weights are broken"):
        captioner.warm_up()
