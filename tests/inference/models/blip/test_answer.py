"""BLIP's answers: independent of the batch, cached, and within the token limit."""

import itertools
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import QuestionTooLong
from inference.models.blip.answer import BlipAnswerer, QuestionInput
from inference.models.blip.detokenize import join_word_pieces
from inference.schema import Answer, Answered, Caption
from tests.inference.models.conftest import LoadRandom, name_of, picture_of
from tests.inference.models.random_models import TEXT_LENGTH, WORDS

QUESTIONS = [
    "what is in the picture ?",
    "how many circles are there ?",
    "red ?",
    "can you please tell me what colour the square left of the two red triangles is ?",
    "is there a triangle ?",
    " ".join(WORDS[: TEXT_LENGTH - 2]),
    "shape",
]


@pytest.fixture
def answerer(load_random: LoadRandom) -> BlipAnswerer:
    return cast("BlipAnswerer", load_random("answer"))


def asked(answerer: BlipAnswerer, number: int, question: str, scope: str = "guild:1") -> QuestionInput:
    request = Answer(picture=name_of(number, scope), question=question)
    return answerer.prepare(request, [picture_of(number)])


@pytest.fixture
def alone(answerer: BlipAnswerer) -> Callable[[tuple[int, str]], Answered]:
    """The answer to a job in a batch of its own; each is computed once."""
    return cache(lambda job: answerer.forward([asked(answerer, *job)])[0])


def test_the_random_model_s_answers_depend_on_question_and_picture(answerer: BlipAnswerer) -> None:
    batch = [asked(answerer, number, question) for number in range(4) for question in QUESTIONS]
    assert len({answer.text for answer in answerer.forward(batch)}) > len(QUESTIONS)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(QUESTIONS)), min_size=1, max_size=9))
def test_no_answer_depends_on_who_else_is_in_the_batch(
    answerer: BlipAnswerer, alone: Callable[[tuple[int, str]], Answered], jobs: list[tuple[int, str]]
) -> None:
    together = answerer.forward([asked(answerer, *job) for job in jobs])
    assert together == [alone(job) for job in jobs]


def test_the_logits_do_not_move_with_the_neighbours(answerer: BlipAnswerer) -> None:
    jobs = list(itertools.product(range(3), QUESTIONS))
    together = logits_of(answerer, jobs)
    alone = [logits for job in jobs for logits in logits_of(answerer, [job])]
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def logits_of(answerer: BlipAnswerer, jobs: list[tuple[int, str]]) -> list[torch.Tensor]:
    """The logits of each answer's first word, in the order of the jobs."""
    seen: list[tuple[int, torch.Tensor]] = []
    batch = [asked(answerer, *job) for job in jobs]
    places = defaultdict(list)
    for place, one in enumerate(batch):
        places[len(one.question)].append(place)
    order = iter([place for group in places.values() for place in group])

    def note(_module: object, _given: object, output: Any) -> None:
        if output.past_key_values.get_seq_length() == 1:
            seen.extend((next(order), row[-1].clone()) for row in output.logits)

    hook = answerer._model.text_decoder.register_forward_hook(note)
    answerer.forward(batch)
    hook.remove()
    return [row for _, row in sorted(seen, key=lambda pair: pair[0])]


def test_transformers_own_generate_would_let_a_neighbour_move_the_answer(answerer: BlipAnswerer) -> None:
    """The tests above can fail; and once this one does, questions of any length may go together."""
    short, long = asked(answerer, 0, "red ?"), asked(answerer, 1, QUESTIONS[3])
    with torch.inference_mode():
        padded = torch.nn.functional.pad(short.question, (0, len(long.question) - len(short.question)))
        mask = (padded != 0).long()[None]
        encode, seen = answerer._model.text_encoder, answerer._vision_encoder.encode([short.image])[0]
        read = encode(input_ids=padded[None], attention_mask=mask, encoder_hidden_states=seen)[0]
        masked = first_logits(answerer, read, mask)
        alone = first_logits(answerer, read[:, : len(short.question)], None)
    assert (masked - alone).abs().max() > 0.01


def first_logits(answerer: BlipAnswerer, read: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    decoder = answerer._model.text_decoder
    start = torch.full((len(read), 1), answerer._model.decoder_start_token_id or 0)
    made = decoder(input_ids=start, encoder_hidden_states=read, encoder_attention_mask=mask)
    logits: torch.Tensor = made.logits[:, -1]
    return logits


def test_alone_it_answers_what_transformers_own_generate_answers(answerer: BlipAnswerer) -> None:
    for number, question in enumerate(QUESTIONS):
        one = asked(answerer, number, question)
        assert one.image.pixels is not None
        tokens = answerer._model.generate(
            input_ids=cast("torch.LongTensor", one.question[None]),
            pixel_values=one.image.pixels,
            do_sample=False,
            num_beams=1,
            max_new_tokens=24,
        )
        words = answerer._tokenizer.decode(tokens[0], skip_special_tokens=True)
        assert answerer.forward([one])[0].text.split() == join_word_pieces(words).split()


def test_a_question_at_the_limit_is_answered_and_one_token_more_refused(answerer: BlipAnswerer) -> None:
    at_limit = " ".join(["red"] * (TEXT_LENGTH - 2))
    assert isinstance(answerer.forward([asked(answerer, 0, at_limit)])[0], Answered)
    with pytest.raises(QuestionTooLong) as refusal:
        asked(answerer, 0, at_limit + " red")
    assert refusal.value.detail == {"limit": TEXT_LENGTH, "value": TEXT_LENGTH + 1, "unit": "tokens"}
    assert "red" not in str(refusal.value)


@pytest.mark.parametrize("typed", ["[SEP]", "[DEC]", "[ENC]", "[PAD]", "[CLS]"])
def test_a_typed_token_that_steers_the_model_is_only_characters(answerer: BlipAnswerer, typed: str) -> None:
    special = set(answerer._tokenizer.all_special_ids) - {answerer._tokenizer.unk_token_id}
    tokens = asked(answerer, 0, f"what is {typed} red ?").question.tolist()
    assert not special & set(tokens[1:-1])
    assert tokens[0] == answerer._tokenizer.cls_token_id
    assert tokens[-1] == answerer._tokenizer.sep_token_id


def test_a_kept_encoding_gives_the_same_answer_and_spares_the_tower(answerer: BlipAnswerer) -> None:
    passes = count_passes(answerer)
    first = answerer.forward([asked(answerer, 0, QUESTIONS[0])])
    again = asked(answerer, 0, QUESTIONS[0])
    assert again.image.pixels is None
    assert answerer.forward([again]) == first
    assert passes == [1]


def test_a_picture_asked_about_twice_in_a_batch_goes_through_the_tower_once(answerer: BlipAnswerer) -> None:
    passes = count_passes(answerer)
    answerer.forward([asked(answerer, 0, question) for question in QUESTIONS] + [asked(answerer, 1, "red ?")])
    assert passes == [2]


def test_nothing_is_found_across_servers(answerer: BlipAnswerer) -> None:
    answerer.forward([asked(answerer, 0, "red ?", "guild:1")])
    assert asked(answerer, 0, "red ?", "guild:2").image.pixels is not None
    assert asked(answerer, 0, "red ?", "guild:1").image.pixels is None


def test_an_encoding_dropped_between_prepare_and_forward_is_still_used(answerer: BlipAnswerer) -> None:
    expected = answerer.forward([asked(answerer, 0, "red ?")])
    prepared = asked(answerer, 0, "red ?")
    answerer._cache._drop(("guild:1", name_of(0).digest))
    assert asked(answerer, 0, "red ?").image.encoding is None
    assert answerer.forward([prepared]) == expected


def count_passes(answerer: BlipAnswerer) -> list[int]:
    """Note how many pictures each pass of the vision tower has."""
    passes: list[int] = []
    answerer._model.vision_model.register_forward_hook(
        lambda _module, _given, output: passes.append(len(output.last_hidden_state))
    )
    return passes


def test_another_request_is_refused(answerer: BlipAnswerer) -> None:
    with pytest.raises(TypeError, match="caption"):
        answerer.prepare(Caption(picture=name_of(0)), [picture_of(0)])


def test_it_warms_up(answerer: BlipAnswerer) -> None:
    answerer.warm_up()


def test_broken_weights_are_told_at_warm_up(answerer: BlipAnswerer) -> None:
    with torch.no_grad():
        answerer._model.get_parameter("vision_model.encoder.layers.0.mlp.fc1.weight").fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="weights are broken"):
        answerer.warm_up()
