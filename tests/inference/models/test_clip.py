"""CLIP's scores: independent of the batch, cached, and of whole images."""

import math
from typing import cast

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.errors import LabelTooLong
from inference.models.clip import ClipMatcher, MatchInput
from inference.schema import Caption, Match, Matched
from tests.inference.models.conftest import LoadRandom, name_of, picture_of

LABELS = (
    "a red circle",
    "circle",
    "how many blue squares are there in the picture",
    "a green triangle",
    "something-else, that is in no vocabulary",
    "two yellow squares",
)
TOLERANCE = 1e-5


@pytest.fixture
def matcher(load_random: LoadRandom) -> ClipMatcher:
    return cast("ClipMatcher", load_random("match"))


def asked(
    matcher: ClipMatcher, numbers: tuple[int, ...], labels: tuple[str, ...], scope: str = "guild:1"
) -> MatchInput:
    request = Match(pictures=tuple(name_of(number, scope) for number in numbers), labels=labels)
    return matcher.prepare(request, [picture_of(number) for number in numbers])


def assert_same(one: Matched, other: Matched) -> None:
    for ours, theirs in ((one.cosine, other.cosine), (one.share, other.share)):
        torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), atol=TOLERANCE, rtol=0)


def test_scores_have_a_row_a_picture_and_a_column_a_label(matcher: ClipMatcher) -> None:
    (matched,) = matcher.forward([asked(matcher, (0, 1, 2), LABELS)])
    for table in (matched.cosine, matched.share):
        assert [len(row) for row in table] == [len(LABELS)] * 3
    assert all(-1 <= score <= 1 for row in matched.cosine for score in row)
    assert all(math.isclose(sum(row), 1, abs_tol=1e-9) for row in matched.share)
    assert len({score for row in matched.cosine for score in row}) == 3 * len(LABELS)


def test_scores_are_what_transformers_own_forward_gives(matcher: ClipMatcher) -> None:
    job = asked(matcher, (0, 1), LABELS)
    (matched,) = matcher.forward([job])
    texts = matcher._tokenizer(list(LABELS), padding=True, return_tensors="pt")
    pixels = torch.cat([seen.pixels for seen in job.images if seen.pixels is not None])
    with torch.inference_mode():
        theirs = matcher._model(**texts, pixel_values=pixels)
    share = theirs.logits_per_image.softmax(dim=-1)
    torch.testing.assert_close(torch.tensor(matched.share), share, atol=1e-4, rtol=0)
    cosine = theirs.image_embeds @ theirs.text_embeds.T
    torch.testing.assert_close(torch.tensor(matched.cosine), cosine, atol=TOLERANCE, rtol=0)


JOBS = st.tuples(
    st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple),
    st.lists(st.sampled_from(LABELS), min_size=1, max_size=4).map(tuple),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(JOBS, min_size=1, max_size=5))
def test_no_score_depends_on_what_else_is_in_the_batch(
    matcher: ClipMatcher, jobs: list[tuple[tuple[int, ...], tuple[str, ...]]]
) -> None:
    together = matcher.forward([asked(matcher, *job) for job in jobs])
    for job, ours in zip(jobs, together, strict=True):
        assert_same(ours, matcher.forward([asked(matcher, *job)])[0])


def test_kept_embeddings_give_the_same_scores_and_spare_both_towers(matcher: ClipMatcher) -> None:
    passes: list[str] = []
    for name in ("vision_model", "text_model"):
        getattr(matcher._model, name).register_forward_hook(lambda *_, name=name: passes.append(name))
    (first,) = matcher.forward([asked(matcher, (0,), LABELS[:2])])
    assert sorted(passes) == ["text_model", "text_model", "vision_model"]  # two labels of different lengths
    (again,) = matcher.forward([asked(matcher, (0,), LABELS[:2])])
    assert len(passes) == 3
    assert_same(first, again)


def test_nothing_is_found_across_servers(matcher: ClipMatcher) -> None:
    matcher.forward([asked(matcher, (0,), LABELS[:1], "guild:1")])
    ours, theirs = (asked(matcher, (0,), LABELS[:1], f"guild:{number}") for number in (1, 2))
    assert ours.labels[0].embedding is not None
    assert ours.images[0].encoding is not None
    assert theirs.labels[0].embedding is None
    assert theirs.images[0].encoding is None


def test_a_label_at_the_limit_is_scored_and_one_token_more_refused(matcher: ClipMatcher) -> None:
    at_limit = "," * 75  # each comma is a token of its own, and two go around them
    assert len(asked(matcher, (0,), (at_limit,)).labels[0].tokens) == 77
    matcher.forward([asked(matcher, (0,), (at_limit,))])
    with pytest.raises(LabelTooLong) as refusal:
        asked(matcher, (0,), ("fine", at_limit + ","))
    assert refusal.value.detail == {"label": 2, "limit": 77, "value": 78, "unit": "tokens"}
    assert ",," not in str(refusal.value)


def test_a_typed_end_of_text_does_not_end_the_label(matcher: ClipMatcher) -> None:
    label = "red <|endoftext|> circle"
    tokens = asked(matcher, (0,), (label,)).labels[0].tokens
    assert tokens.count(matcher._tokenizer.eos_token_id) == 1
    assert tokens[-1] == matcher._tokenizer.eos_token_id


@pytest.mark.parametrize("size", [(300, 100), (100, 300)])
def test_a_wide_picture_s_ends_are_looked_at(matcher: ClipMatcher, size: tuple[int, int]) -> None:
    grey = Image.new("RGB", size, (128, 128, 128))
    marked = grey.copy()
    marked.paste((255, 0, 0), (0, 0, 40, 40))
    scores = []
    for number, picture in enumerate((grey, marked)):
        request = Match(pictures=(name_of(number),), labels=LABELS)
        scores.append(matcher.forward([matcher.prepare(request, [picture])])[0].cosine[0])
    assert max(abs(one - other) for one, other in zip(*scores, strict=True)) > 0.01


def test_pictures_of_different_shapes_share_a_batch_and_stay_apart(matcher: ClipMatcher) -> None:
    sizes = [(40, 40), (200, 40), (40, 90), (60, 40)]
    pictures = [picture_of(number, size) for number, size in enumerate(sizes)]
    names = tuple(name_of(number) for number in range(len(sizes)))
    together = matcher.forward([matcher.prepare(Match(pictures=names, labels=LABELS), pictures)])[0]
    for place, (name, picture) in enumerate(zip(names, pictures, strict=True)):
        request = Match(pictures=(name.model_copy(update={"scope": "guild:9"}),), labels=LABELS)
        alone = matcher.forward([matcher.prepare(request, [picture])])[0]
        ours = Matched(cosine=together.cosine[place : place + 1], share=together.share[place : place + 1])
        assert_same(ours, alone)


def test_another_request_is_refused(matcher: ClipMatcher) -> None:
    with pytest.raises(TypeError, match="caption"):
        matcher.prepare(Caption(picture=name_of(0)), [picture_of(0)])


def test_it_warms_up(matcher: ClipMatcher) -> None:
    matcher.warm_up()


def test_broken_weights_are_told_at_warm_up(matcher: ClipMatcher) -> None:
    with torch.no_grad():
        matcher._model.visual_projection.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="weights are broken"):
        matcher.warm_up()
