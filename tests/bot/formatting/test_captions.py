"""The text of captions and of errors: length, escapes, spoilers, numbers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cogs.chat import strings
from bot.formatting.captions import CaptionResult, format_captions
from bot.formatting.errors import error_sentence
from bot.formatting.markdown import MAX_MESSAGE_LENGTH, SMALL_PRINT, utf16_length
from bot.formatting.status import INTERNAL_ERROR
from handlers.heatmap.render import MatrixNotDrawn
from handlers.matching.labels import parse_labels
from inference.errors import (
    BeholderError,
    BrokenPicture,
    LabelTooLong,
    PictureTooLarge,
    QueueFull,
    RequestError,
    TooManyInFlight,
    from_code,
)

CODES = [
    "not_a_picture",
    "broken_picture",
    "picture_too_large",
    "picture_too_slow",
    "picture_gone",
    "no_picture_usable",
    "not_served",
    "queue_full",
    "too_many_in_flight",
    "expired",
    "model_failed",
    "worker_lost",
    "queue_unavailable",
    "no_labels",
    "empty_label",
    "too_many_labels",
    "label_too_long",
    "matrix_not_drawn",
]
assert MatrixNotDrawn.code in CODES
HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from("@<>!&#:*_`|~\\-.)1 \n\u202e\u200bevryonh")), max_size=3000
)
ERRORS = st.sampled_from(CODES).map(lambda code: from_code(code, {}))
RESULTS = st.builds(CaptionResult, st.one_of(HOSTILE, ERRORS), st.booleans(), st.booleans())


@given(st.lists(RESULTS, min_size=1, max_size=10))
def test_a_reply_fits_into_a_message_and_has_no_mention(results: list[CaptionResult]) -> None:
    text = format_captions(results)
    assert text.strip()
    assert utf16_length(text) <= MAX_MESSAGE_LENGTH
    # The bot's own marks say when to come back.
    text = re.sub(r", at <t:\d+:t> \(<t:\d+:R>\)", "", text)
    assert not re.search(r"@(everyone|here)|(?<!\\)<[@#:/t]", text)


@given(st.lists(HOSTILE, min_size=2, max_size=10))
def test_each_caption_is_one_numbered_line(captions: list[str]) -> None:
    lines = format_captions([CaptionResult(caption) for caption in captions]).split("\n")
    assert [line.partition(".")[0] for line in lines] == [str(n + 1) for n in range(len(captions))]


@given(HOSTILE)
def test_a_caption_cannot_end_its_spoiler(caption: str) -> None:
    text = format_captions([CaptionResult(caption, spoiler=True)])
    assert text.startswith("||")
    assert text.endswith("||")
    assert "||" not in re.sub(r"\\.", "", text[2:-2])


@pytest.mark.parametrize("caption", ["a red circle", "a dog, a cat and 2 birds", "it's 5 - 3"])
def test_a_caption_without_markup_is_unchanged(caption: str) -> None:
    assert format_captions([CaptionResult(caption)]) == caption


@pytest.mark.parametrize(
    ("caption", "escaped"),
    [
        ("**bold**", r"\*\*bold\*\*"),
        ("# heading", r"\# heading"),
        ("1. first", r"1\. first"),
        ("- item", r"\- item"),
        ("https://example.com", r"https\://example.com"),
        ("two\nlines", "two lines"),
        ("turned\u202earound", "turnedaround"),
        ("hi @everyone", "hi @\u200beveryone"),
    ],
)
def test_markup_is_escaped(caption: str, escaped: str) -> None:
    assert format_captions([CaptionResult(caption)]) == escaped


def test_long_captions_are_cut_to_equal_lengths_beside_a_whole_short_one() -> None:
    lines = format_captions([CaptionResult("x" * 1000)] * 9 + [CaptionResult("a red circle")]).split("\n")
    assert lines[-1] == "10. a red circle"
    assert all(line.endswith("…") for line in lines[:9])
    sizes = [len(line) for line in lines[:9]]
    assert max(sizes) - min(sizes) <= 1
    assert len("\n".join(lines)) > MAX_MESSAGE_LENGTH - 20


@pytest.mark.parametrize("code", CODES)
def test_every_error_has_a_sentence_of_its_own(code: str) -> None:
    sentence = error_sentence(from_code(code, {}))
    assert sentence != INTERNAL_ERROR
    assert sentence.endswith(".")
    in_a_conversation = strings.failed(from_code(code, {}))
    assert in_a_conversation.startswith(SMALL_PRINT)
    assert in_a_conversation.endswith(".")


def test_an_unknown_error_has_the_general_sentence() -> None:
    assert error_sentence(BeholderError()) == INTERNAL_ERROR


def test_sentences_contain_values_and_limits() -> None:
    large = PictureTooLarge("", value=33554433 * 2, limit=33554432, unit="bytes")
    assert "64 MiB; I take up to 32 MiB" in error_sentence(large)
    pixels = PictureTooLarge("", value=80e6, limit=64e6, unit="pixels")
    assert "80 megapixels; I take up to 64 megapixels" in error_sentence(pixels)
    assert "about 12 seconds" in error_sentence(QueueFull("", retry_after=12.3))
    assert "20 requests open" in error_sentence(TooManyInFlight("", limit=20, open=20))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("a cat,, a dog", "Label 2 is empty. Take out a comma or put a word there."),
        (" , ", "I see no labels. Give me some with commas between them, such as: a cat, a dog."),
        (",".join("abcdefghijklmnopqrstuvwxyz"), "26 labels are too many: I take up to 25 at a time."),
        ("a," + "b" * 201, "Label 2 is too long (201 characters): 200 characters are the most. Shorten it."),
    ],
)
def test_each_error_in_labels_has_a_sentence_with_label_and_limit(labels: str, sentence: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_labels(labels)
    assert sentence in error_sentence(caught.value)


def test_a_label_with_too_many_tokens_is_named_by_its_number() -> None:
    error = LabelTooLong("", label=3.0, value=90.0, limit=77.0, unit="tokens")
    assert error_sentence(error).startswith("Label 3 is too long (90 tokens): 77 tokens are the most.")


def test_a_bad_picture_of_several_is_named_by_its_number() -> None:
    bad = error_sentence(BrokenPicture("", picture=2.0))
    assert bad == f"Picture 2: {error_sentence(BrokenPicture())}"


def test_a_shared_error_that_is_not_about_the_pictures_is_one_sentence() -> None:
    full = QueueFull("", retry_after=3)
    assert format_captions([CaptionResult(full)] * 3) == error_sentence(full)
    assert format_captions([CaptionResult(BrokenPicture())] * 2).count("\n") == 1


def test_a_file_that_is_cut_off_is_said_to_be() -> None:
    one = format_captions([CaptionResult("a cat", cut_off=True)])
    assert one == "a cat\n-# This file is cut off: I looked at what is there."
    several = [CaptionResult(str(n), cut_off=n in {1, 3}) for n in range(1, 4)]
    assert format_captions(several).split("\n") == [
        *("1. 1", "2. 2", "3. 3"),
        "-# The files of pictures 1 and 3 are cut off: I looked at what is there.",
    ]
    assert "The file of picture 3 is cut off" in format_captions([*several[1:2], *several[1:]])
