"""The outcome of `/match`: its text, the matrix and the table."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord_api.outgoing import OutgoingMessage
from bot.formatting.captions import THUMBNAIL_NAME
from bot.formatting.markdown import MAX_MESSAGE_LENGTH, utf16_length
from bot.formatting.scores import (
    IN_FILE,
    MATRIX_NAME,
    NOT_DRAWN,
    SHARES_IN_FILE,
    TABLE_ALT_ONE_LABEL,
    TABLE_NAME,
    format_matrix,
    format_ranking,
)
from handlers.matching.labels import parse_labels
from handlers.matching.scores import COSINES, ONE_LABEL, RELATIVE
from handlers.matching.service import Scores
from inference.errors import RequestError
from inference.schema import Matched

PNG = b"\x89PNG"
HOSTILE = st.lists(
    st.text(st.one_of(st.characters(), st.sampled_from("|`*@<#\u202e\u05d0")), min_size=1, max_size=200),
    min_size=1,
    max_size=25,
)


LONG = tuple(f"a label that is quite long, for a label at least, number {number}" for number in range(25))


def make_scores(labels: tuple[str, ...], pictures: int) -> Scores:
    """Make random scores; picture n's best label is label n."""
    generator = random.Random(1)
    cosine = [[generator.uniform(0.1, 0.2) for _ in labels] for _ in range(pictures)]
    for number, row in enumerate(cosine):
        row[number % len(labels)] = 0.3
    share = [[value / sum(row) for value in row] for row in cosine]
    return Scores(labels, Matched(cosine=tuple(map(tuple, cosine)), share=tuple(map(tuple, share))))


def names(outcome: OutgoingMessage) -> list[str]:
    return [each.name for each in outcome.files]


@given(HOSTILE, st.integers(1, 9), st.booleans(), st.booleans())
def test_every_outcome_fits_into_a_message(
    given_labels: list[str], pictures: int, spoiler: bool, drawn: bool
) -> None:
    try:
        labels = parse_labels(",".join(given_labels)[:3000])
    except RequestError:
        return
    scores = make_scores(labels, pictures)
    about = "https://discord.com/channels/1/2/3"
    single = format_ranking(make_scores(labels, 1), about=about, thumbnail=PNG, spoiler=spoiler)
    several = format_matrix(scores, PNG if drawn else None, about=about, spoiler=spoiler)
    is_choice = len(labels) > 1
    assert single.text.endswith(RELATIVE if is_choice else ONE_LABEL)
    assert several.text.endswith((COSINES, SHARES_IN_FILE) if is_choice else ONE_LABEL)
    assert several.text.endswith(SHARES_IN_FILE) == (is_choice and TABLE_NAME in names(several))
    for outcome in (single, several):
        assert utf16_length(outcome.text) <= MAX_MESSAGE_LENGTH
        assert (
            is_choice or "%" not in re.sub("give .*", "", outcome.text) or any("%" in each for each in labels)
        )
        assert all(utf16_length(each.alt or "") <= 1024 for each in outcome.files)
        assert outcome.text.startswith(about)
    assert (MATRIX_NAME in names(several)) == drawn


def test_one_pictures_labels_are_ranked() -> None:
    outcome = format_ranking(make_scores(("a cat", "a dog"), 1))
    assert outcome.text.index("1. **a cat**") < outcome.text.index("2. **a dog**")
    assert outcome.files == []


@pytest.mark.parametrize(
    "label",
    [
        "**bold**",
        "||spoiler||",
        "@everyone",
        "<@123>",
        "[x](http://evil.example)",
        "`code`",
        "~~s~~",
        "\\",
        "a_b_c",
    ],
)
def test_markdown_in_a_label_is_escaped(label: str) -> None:
    text = format_ranking(make_scores((label,), 1)).text.splitlines()[0]
    written = text.removeprefix("1. **").rsplit("** \u2014", 1)[0]
    assert re.sub(r"\\(.)", r"\1", written).replace("@\u200b", "@") == label
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_~`|<>\[]", written)
    assert "@everyone" not in written
    assert "http://" not in written


def test_a_picture_that_is_in_no_message_is_attached() -> None:
    [shown] = format_ranking(make_scores(("a cat", "a dog"), 1), thumbnail=b"JPEG", spoiler=True).files
    assert (shown.name, shown.data, shown.spoiler) == (THUMBNAIL_NAME, b"JPEG", True)
    assert shown.alt == "The picture that was scored. Its best label: a cat (0.30)."


def test_labels_that_do_not_fit_are_in_a_file() -> None:
    outcome = format_ranking(make_scores(LONG, 1))
    assert names(outcome) == [TABLE_NAME]
    assert re.search(rf"… and \d+ more\n{re.escape(IN_FILE)}\n", outcome.text)
    assert outcome.files[0].data.decode("utf-8-sig").count("\r\n") == 26


def test_several_pictures_have_a_matrix_and_a_table_that_fits() -> None:
    outcome = format_matrix(make_scores(("a cat", "a dog", "a cow"), 3), PNG)
    assert names(outcome) == [MATRIX_NAME]
    assert outcome.files[0].data == PNG
    assert outcome.files[0].alt is not None
    assert "picture 2: a dog (0.30)" in outcome.files[0].alt
    assert re.search(r"```\n.*label\n.*0\.30.*a cat\n", outcome.text)


def test_a_table_that_does_not_fit_is_a_file() -> None:
    outcome = format_matrix(make_scores(LONG, 9), PNG)
    assert names(outcome) == [MATRIX_NAME, TABLE_NAME]
    assert IN_FILE in outcome.text
    assert outcome.files[1].data.decode("utf-8-sig").count("\r\n") == 26


@pytest.mark.parametrize(("labels", "files"), [(("a", "b"), []), (LONG, [TABLE_NAME])])
def test_without_a_matrix_the_scores_are_shown_with_a_notice(
    labels: tuple[str, ...], files: list[str]
) -> None:
    outcome = format_matrix(make_scores(labels, 9), None)
    assert outcome.text.startswith(NOT_DRAWN)
    assert names(outcome) == files


def test_scores_of_a_spoiler_are_behind_a_spoiler() -> None:
    one = format_ranking(make_scores(("a|| cat", "b||"), 1), spoiler=True).text
    hidden, note = one.rsplit("\n", 1)
    assert hidden.startswith("||")
    assert hidden.endswith("||")
    assert "||" not in re.sub(r"\\.", "", hidden[2:-2])
    assert RELATIVE in note
    several = format_matrix(make_scores(("a cat", "a dog"), 2), PNG, spoiler=True)
    assert [each.spoiler for each in several.files] == [True, True]
    assert "cat" not in several.text


@pytest.mark.parametrize("cosine", [-0.47, 0.31])
@pytest.mark.parametrize("spoiler", [False, True])
def test_one_label_has_a_similarity_in_words_and_no_share(cosine: float, spoiler: bool) -> None:
    scores = Scores(("a cat",), Matched(cosine=((cosine,),), share=((1.0,),)))
    outcome = format_ranking(scores, thumbnail=PNG, spoiler=spoiler)
    line = f"1. **a cat** \u2014 cosine {cosine:.2f}"
    assert outcome.text == (f"||{line}||" if spoiler else line) + f"\n-# {ONE_LABEL}"
    assert outcome.files[0].alt == (
        f"The picture that was scored. The cosine similarity of its label: a cat ({cosine:.2f})."
    )
    several = format_matrix(
        Scores(("a cat",), Matched(cosine=((cosine,),) * 2, share=((1.0,),) * 2)), PNG, spoiler=spoiler
    )
    assert several.text.endswith(f"\n-# {ONE_LABEL}")
    assert [each.alt for each in several.files[1:]] == [TABLE_ALT_ONE_LABEL] * spoiler


def test_what_is_below_cosines_is_true_of_them() -> None:
    assert format_matrix(make_scores(("a", "b"), 3), PNG).text.endswith(f"\n-# {COSINES}")
    in_a_file = format_matrix(make_scores(LONG, 9), PNG).text
    assert in_a_file == f"{IN_FILE}\n-# {COSINES} {SHARES_IN_FILE}"


def test_25_labels_fill_few_lines() -> None:
    text = format_ranking(make_scores(tuple(f"a label {number}" for number in range(25)), 1)).text
    assert len(text.splitlines()) == 7
    assert len([line for line in text.splitlines() if re.search("[\u2588-\u258f]", line)]) == 5
    assert TABLE_NAME not in text
