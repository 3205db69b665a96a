"""`/match`, with a real worker whose engine scores colours against their names."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from PIL import Image

from bot.formatting.markdown import MAX_MESSAGE_LENGTH
from bot.formatting.scores import IN_FILE, NOT_DRAWN
from bot.images.lookup import NO_PICTURE
from handlers.heatmap.render import MatrixNotDrawn
from handlers.matching.scores import RELATIVE
from handlers.matching.service import Matcher
from inference.errors import LabelTooLong
from inference.schema import Answer, Caption, Match
from tests.bot.command_calls import EPHEMERAL, FILE, LOADING, TEXT, CommandCaller, option
from tests.bot.harness import Harness
from tests.e2e.member import Message
from tests.inference.fake_engine import ColourEngine, Seen
from tests.inference.image_files import encode, near, plain
from tests.inference.worker_harness import BLUE, RED, settings, working

LIME = encode(plain("lime"), "PNG")
BROKEN = encode(plain("blue", (400, 400)), "JPEG")[:200]
ALEF = "\u05d0"
COLOURS = "red, blue, lime"
COSINES = (
    "Each number is the cosine similarity of one picture and one label, from -1 to 1: the higher, the "
    "closer. It does not depend on the other labels."
)
ONE_LABEL = (
    "This is the cosine similarity of picture and label, from -1 to 1: the higher, the closer. "
    "For a share in percent, give two labels or more."
)


class TokenEngine(ColourEngine):
    """Refuses labels of more than four words, as CLIP does those of more than 77 tokens."""

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> Seen:
        assert isinstance(request, Match)
        for number, label in enumerate(request.labels, 1):
            if (words := len(label.split())) > 4:
                raise LabelTooLong("", label=number, value=words, limit=4, unit="tokens")
        return super().prepare(request, pictures)


@asynccontextmanager
async def running_matcher(harness: Harness) -> AsyncIterator[None]:
    async with working(settings(harness.redis_url), {"match": TokenEngine()}), harness.bot():
        yield


async def call_match(
    harness: Harness, labels: str, *files: tuple[str, bytes], channel: str = "", first: int = 1
) -> CommandCaller:
    """Call the command with files as `image`, `image2` and so on."""
    caller = CommandCaller(harness.ada)
    numbers = range(first, first + len(files))
    options = [
        option(FILE, "image" if number == 1 else f"image{number}", index)
        for index, number in enumerate(numbers)
    ]
    await caller.call(
        channel or harness.general, "match", option(TEXT, "labels", labels), *options, files=files
    )
    return caller


async def match_outcome(harness: Harness, labels: str, *files: tuple[str, bytes], first: int = 1) -> Message:
    """Call the command and return its outcome."""
    start = len(harness.ada.heard)
    caller = await call_match(harness, labels, *files, first=first)
    return await caller.outcome(await caller.placeholder(harness.general, start=start))


async def download(url: str) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(url) as found:
        return await found.read()


def files_by_name(message: Message) -> dict[str, dict[str, Any]]:
    return {each["filename"]: each for each in message["attachments"]}


async def test_one_picture_has_its_labels_ranked(harness: Harness) -> None:
    async with running_matcher(harness):
        done = await match_outcome(harness, COLOURS, ("a.png", BLUE))
        [shown] = done["attachments"]
        jpeg = await download(shown["url"])
    lines = done["content"].splitlines()
    assert lines == [
        "1. **blue** — 100 % (cosine 1.00) " + "█" * 10,
        "2. **red** — 0 % (cosine 0.00)",
        "3. **lime** — 0 % (cosine 0.00)",
        f"-# {RELATIVE}",
    ]
    assert done["flags"] == 0
    assert shown["description"] == "The picture that was scored. Its best label: blue (1.00)."
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (40, 20))
        assert near(picture.getpixel((20, 10)), (0, 0, 255))


async def test_scores_of_files_that_are_cut_off_say_so(harness: Harness) -> None:
    noise = encode(Image.effect_noise((64, 64), 80).convert("RGB"), "PNG")
    cut = noise[: len(noise) * 3 // 4]
    async with running_matcher(harness):
        one = await match_outcome(harness, COLOURS, ("a.png", cut))
        several = await match_outcome(harness, COLOURS, ("a.png", BLUE), ("b.png", cut))
    assert "-# This file is cut off: I looked at what is there." in one["content"].splitlines()
    assert (
        "-# The file of picture 2 is cut off: I looked at what is there." in several["content"].splitlines()
    )


async def test_one_label_has_no_share_and_no_bar(harness: Harness) -> None:
    async with running_matcher(harness):
        one = await match_outcome(harness, "blue", ("a.png", BLUE))
        several = await match_outcome(harness, "blue", ("a.png", BLUE), ("b.png", RED))
    assert one["content"].splitlines() == ["1. **blue** — cosine 1.00", f"-# {ONE_LABEL}"]
    [shown] = one["attachments"]
    assert (
        shown["description"]
        == "The picture that was scored. The cosine similarity of its label: blue (1.00)."
    )
    assert several["content"].splitlines()[2:] == ["  1.00  0.00  blue", "```", f"-# {ONE_LABEL}"]
    [matrix] = several["attachments"]
    assert matrix["description"] == (
        "Cosine similarity of 2 pictures to the label blue: picture 1: 1.00; picture 2: 0.00."
    )


async def test_25_labels_are_five_lines_and_a_paragraph(harness: Harness) -> None:
    labels = ["red", "blue", *(f"colour {number}" for number in range(23))]
    async with running_matcher(harness):
        done = await match_outcome(harness, ", ".join(labels), ("a.png", BLUE))
    lines = done["content"].splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("1. **blue** — ")
    assert all(f"**{label}**" in done["content"] for label in labels)
    assert [each["filename"] for each in done["attachments"]] == ["picture.jpg"]


async def test_several_pictures_have_a_matrix_with_alt_text_and_the_table(harness: Harness) -> None:
    async with running_matcher(harness):
        done = await match_outcome(harness, COLOURS, ("a.png", BLUE), ("b.png", LIME), ("c.png", RED))
        [matrix] = done["attachments"]
        png = await download(matrix["url"])
    assert matrix["filename"] == "scores.png"
    assert matrix["description"].endswith(
        "Best label of picture 1: blue (1.00); picture 2: lime (1.00); picture 3: red (1.00)."
    )
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        many = [colour for count, colour in picture.convert("RGB").getcolors(2**24) or [] if count > 500]
    for wanted in ((0, 0, 255), (0, 255, 0), (255, 0, 0)):
        assert any(near(colour, wanted, 12) for colour in many)
    assert done["content"].splitlines() == [
        "```",
        "     1     2     3  label",
        "  0.00  0.00  1.00  red",
        "  1.00  0.00  0.00  blue",
        "  0.00  1.00  0.00  lime",
        "```",
        f"-# {COSINES}",
    ]


async def test_pictures_are_numbered_in_the_order_of_their_options(harness: Harness) -> None:
    async with running_matcher(harness):
        done = await match_outcome(harness, COLOURS, ("a.png", BLUE), ("b.png", RED), first=4)
    assert "picture 1: blue (1.00); picture 2: red (1.00)" in files_by_name(done)["scores.png"]["description"]


async def test_nine_pictures_and_25_labels_have_the_table_in_a_file(harness: Harness) -> None:
    labels = ", ".join(["red", "blue", *(f"a colour called {'x' * 60}{number}" for number in range(23))])
    async with running_matcher(harness):
        done = await match_outcome(harness, labels, *[("a.png", BLUE), ("b.png", RED), ("c.png", LIME)] * 3)
        files = files_by_name(done)
        table = (await download(files["scores.csv"]["url"])).decode("utf-8-sig")
    assert list(files) == ["scores.png", "scores.csv"]
    assert done["content"] == f"{IN_FILE}\n-# {COSINES} The shares in scores.csv do."
    assert table.count("\r\n") == 26
    assert table.splitlines()[2].startswith('"blue",1.0000,0.0000,0.0000,1.0000')


async def test_a_matrix_that_cannot_be_drawn_leaves_the_table(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> bytes:
        raise MatrixNotDrawn

    monkeypatch.setattr(Matcher, "matrix", fails)
    async with running_matcher(harness):
        done = await match_outcome(harness, COLOURS, ("a.png", BLUE), ("b.png", RED))
    assert done["attachments"] == []
    assert done["content"].startswith(NOT_DRAWN)
    assert "  1.00  0.00  blue" in done["content"].splitlines()


async def test_scores_of_a_spoiler_are_behind_a_spoiler(harness: Harness) -> None:
    async with running_matcher(harness):
        one = await match_outcome(harness, COLOURS, ("SPOILER_a.png", BLUE))
        several = await match_outcome(harness, COLOURS, ("a.png", RED), ("SPOILER_b.png", BLUE))
    assert one["content"].startswith("||1. **blue**")
    assert list(files_by_name(one)) == ["SPOILER_picture.jpg"]
    assert set(files_by_name(several)) == {"SPOILER_scores.png", "SPOILER_scores.csv"}
    assert "blue" not in several["content"]


async def test_mentions_and_markup_in_labels_are_escaped(harness: Harness) -> None:
    async with running_matcher(harness):
        done = await match_outcome(
            harness, f"@everyone, <@{harness.ada.user['id']}>, **red**", ("a.png", RED)
        )
    assert (done["mention_everyone"], done["mentions"]) == (False, [])
    assert r"\*\*red\*\*" in done["content"]


@pytest.mark.parametrize(
    ("labels", "file", "sentence"),
    [
        (
            ",".join(f"label {number}" for number in range(26)),
            ("a.png", RED),
            "26 labels are too many: I take up to 25 at a time. Leave some out.",
        ),
        ("a cat,,a dog", ("a.png", RED), "Label 2 is empty. Take out a comma or put a word there."),
        (" , ,", ("a.png", RED), "I see no labels."),
        ("a" * 201, ("a.png", RED), "Label 1 is too long (201 characters): 200 characters are the most."),
        ("a cat", ("a.txt", b"no picture"), "This is no picture that I can read."),
        ("a cat", ("a.png", RED + bytes(2**16)), "This picture is too large"),
    ],
)
async def test_an_error_in_the_payload_is_refused_before_deferring(
    harness: Harness, labels: str, file: tuple[str, bytes], sentence: str
) -> None:
    async with harness.bot(picture_bytes=2**16):
        caller = await call_match(harness, labels, file)
        refusal = await caller.refusal()
        assert refusal["content"].startswith(sentence)
        assert [each["id"] for each in await caller.messages(harness.general)] == [refusal["id"]]
        assert await harness.open_requests() == {}
    assert not any(kind == "MESSAGE_CREATE" and data["flags"] & LOADING for kind, data in harness.ada.heard)


async def test_options_none_of_which_is_a_picture_are_refused_with_a_line_for_each(harness: Harness) -> None:
    async with harness.bot(picture_bytes=2**16):
        files = [("a.txt", b"no picture"), ("b.png", RED + bytes(2**16))]
        caller = await call_match(harness, "a cat", *files)
        lines = (await caller.refusal())["content"].splitlines()
    assert [line[:35] for line in lines] == [
        "Picture 1: This is no picture that ",
        "Picture 2: This picture is too larg",
    ]


UNUSABLE = {
    "damaged": ("b.jpg", BROKEN, "This picture is damaged: "),
    "too large": ("b.png", RED + bytes(2**16), "This picture is too large ("),
    "gone": ("gone.png", BLUE + b"gone", "I couldn't get this picture from Discord"),
    "a text with a picture's name": ("b.png", b"a text called b.png", "This is no picture that I can read"),
    "a text": ("b.txt", b"a text", "This is no picture that I can read"),
}
"""For each kind of file that cannot be used: one of it, and how the sentence about it begins."""


@asynccontextmanager
async def matching_without(harness: Harness, *gone: Message) -> AsyncIterator[None]:
    """Run a matcher; of these messages, Discord has lost the files whose name begins with `gone`."""
    pocket = harness.pocket.pocket
    for message in gone:
        for each in message["attachments"]:
            if each["filename"].startswith("gone"):
                channel, attachment = int(message["channel_id"]), int(each["id"])
                pocket.files.path(channel, attachment, each["filename"]).unlink()
    async with (
        working(settings(harness.redis_url), {"match": TokenEngine()}),
        harness.bot(picture_bytes=2**16),
    ):
        yield


@pytest.mark.parametrize("kind", [kind for kind in UNUSABLE if kind != "a text"])
@pytest.mark.parametrize("place", [1, 2, 3])
async def test_of_an_album_with_one_broken_file_the_others_are_scored(
    harness: Harness, kind: str, place: int
) -> None:
    name, data, sentence = UNUSABLE[kind]
    files = [("a.png", RED), ("c.png", BLUE)]
    files.insert(place - 1, (name, data))
    post = await harness.ada.post(harness.general, files=files)
    async with matching_without(harness, post):
        done = await match_outcome(harness, COLOURS)
        await harness.all_closed()
    left, right = (number for number in (1, 2, 3) if number != place)
    lines = done["content"].splitlines()
    assert lines[0] == f"-# About [these pictures]({link(harness, post)})"
    assert lines[2:6] == [
        f"     {left}     {right}  label",
        "  1.00  0.00  red",
        "  0.00  1.00  blue",
        "  0.00  0.00  lime",
    ]
    assert lines[7].startswith(f"Picture {place}: {sentence}")
    assert len(lines) == 9
    matrix = files_by_name(done)["scores.png"]
    assert f"picture {left}: red (1.00); picture {right}: blue (1.00)" in matrix["description"]
    assert await drawn_colours(matrix["url"]) == {"red", "blue"}


async def drawn_colours(url: str) -> set[str]:
    """Return which of red and blue cover more than 500 pixels of a drawing."""
    with Image.open(io.BytesIO(await download(url))) as drawing:
        counted = drawing.convert("RGB").getcolors(2**24) or []
    wanted = {"red": (255, 0, 0), "blue": (0, 0, 255)}
    return {
        name
        for name, colour in wanted.items()
        if sum(count for count, each in counted if near(each, colour, 12)) > 500
    }


@pytest.mark.parametrize("kind", [kind for kind in UNUSABLE if kind != "gone"])
async def test_of_several_options_the_broken_one_is_named(harness: Harness, kind: str) -> None:
    name, data, sentence = UNUSABLE[kind]
    async with matching_without(harness):
        done = await match_outcome(harness, COLOURS, ("a.png", RED), (name, data), ("c.png", BLUE))
    lines = done["content"].splitlines()
    assert lines[1] == "     1     3  label"
    assert lines[6].startswith(f"Picture 2: {sentence}")


async def test_one_usable_picture_of_many_keeps_its_number_in_the_file_too(harness: Harness) -> None:
    files = [UNUSABLE[kind][:2] for kind in ("damaged", "too large", "gone", "damaged")]
    files += [("SPOILER_e.png", BLUE), UNUSABLE["a text with a picture's name"][:2]]
    post = await harness.ada.post(harness.general, files=files)
    async with matching_without(harness, post):
        done = await match_outcome(harness, COLOURS)
    named = [line for line in done["content"].splitlines() if line.startswith("Picture ")]
    assert [line.partition(":")[0] for line in named] == [f"Picture {number}" for number in (1, 2, 3, 4, 6)]
    found = files_by_name(done)
    assert "picture 5: blue (1.00)" in found["SPOILER_scores.png"]["description"]
    csv = (await download(found["SPOILER_scores.csv"]["url"])).decode("utf-8-sig").splitlines()
    assert csv[0] == '"label","picture 5 cosine","picture 5 share"'
    assert csv[2] == '"blue",1.0000,1.0000'


@pytest.mark.parametrize("kinds", [("damaged", "damaged"), ("too large", "gone"), ("damaged", "gone")])
async def test_an_album_of_broken_files_is_refused_with_a_line_for_each(
    harness: Harness, kinds: tuple[str, ...]
) -> None:
    post = await harness.ada.post(harness.general, files=[UNUSABLE[kind][:2] for kind in kinds])
    async with matching_without(harness, post):
        caller = await call_match(harness, COLOURS)
        await caller.wait_deleted(await caller.placeholder(harness.general))
        lines = (await caller.refusal())["content"].splitlines()
    assert len(lines) == 2
    for number, (line, kind) in enumerate(zip(lines, kinds, strict=True), 1):
        assert line.startswith(f"Picture {number}: {UNUSABLE[kind][2]}")


@pytest.mark.parametrize(
    ("labels", "files", "sentence"),
    [
        (
            "red, one two three four five",
            [("a.png", RED)],
            "Label 2 is too long (5 tokens): 4 tokens are the most. Shorten it.",
        ),
        ("red", [("a.jpg", BROKEN)], "This picture is damaged"),
        ("red", [("a.png", BROKEN), ("b.png", b"a text called b.png")], "Picture 1: This picture is damaged"),
    ],
)
async def test_a_later_error_is_ephemeral_and_deletes_the_placeholder(
    harness: Harness, labels: str, files: list[tuple[str, bytes]], sentence: str
) -> None:
    async with running_matcher(harness):
        caller = await call_match(harness, labels, *files)
        await caller.wait_deleted(await caller.placeholder(harness.general))
        refusal = await caller.refusal()
        assert refusal["content"].startswith(sentence)
        assert refusal["flags"] == EPHEMERAL
        await harness.all_closed()
        assert [each["id"] for each in await caller.messages(harness.general)] == [refusal["id"]]


def link(harness: Harness, message: Message) -> str:
    return (
        f"https://discord.com/channels/{harness.session['guild_id']}/{message['channel_id']}/{message['id']}"
    )


async def test_without_an_image_the_newest_of_the_channel_is_used_and_linked(harness: Harness) -> None:
    await harness.ada.post(harness.general, files=[("a.png", RED)])
    newest = await harness.ada.post(harness.general, files=[("b.png", BLUE)])
    await harness.ada.post(harness.general, "no picture")
    async with running_matcher(harness):
        done = await match_outcome(harness, COLOURS)
    lines = done["content"].splitlines()
    assert lines[0] == f"-# About [this picture]({link(harness, newest)})"
    assert lines[1].startswith("1. **blue**")
    assert done["attachments"] == []


async def test_all_pictures_of_a_found_message_are_scored(harness: Harness) -> None:
    files = [("a.png", RED), ("SPOILER_b.png", BLUE)]
    post = await harness.ada.post(harness.general, files=files)
    async with running_matcher(harness):
        done = await match_outcome(harness, COLOURS)
    assert done["content"].startswith(f"-# About [these pictures]({link(harness, post)})\n")
    matrix = files_by_name(done)["SPOILER_scores.png"]
    assert "picture 1: red (1.00); picture 2: blue (1.00)" in matrix["description"]


async def test_a_channel_without_a_picture_is_refused_after_deferring(harness: Harness) -> None:
    await harness.ada.post(harness.general, "no picture")
    async with running_matcher(harness):
        caller = await call_match(harness, COLOURS)
        await caller.wait_deleted(await caller.placeholder(harness.general))
        assert (await caller.refusal())["content"] == NO_PICTURE


async def test_a_restarted_bot_scores_the_picture_that_was_found_before(harness: Harness) -> None:
    found = await harness.ada.post(harness.general, files=[("a.png", BLUE)])
    async with harness.bot():
        caller = await call_match(harness, COLOURS)
        placeholder = await caller.placeholder(harness.general)
        await wait_until_picture_is_stored(harness)
    await harness.ada.post(harness.general, files=[("b.png", RED)])
    async with running_matcher(harness):
        done = await caller.outcome(placeholder)
    assert done["content"].startswith(f"-# About [this picture]({link(harness, found)})\n1. **blue**")


async def wait_until_picture_is_stored(harness: Harness) -> None:
    """Wait until the picture that was found is stored with the request."""
    async with asyncio.timeout(60):
        while not any(each["arguments"]["source"] for each in (await harness.open_requests()).values()):
            pass


async def test_a_restarted_bot_finishes_the_call(harness: Harness) -> None:
    async with harness.bot():
        caller = await call_match(harness, COLOURS, ("a.png", BLUE), ("b.png", RED))
        placeholder = await caller.placeholder(harness.general)
    async with running_matcher(harness):
        done = await caller.outcome(placeholder)
        await harness.all_closed()
        assert len(await caller.messages(harness.general)) == 1
    assert list(files_by_name(done)) == ["scores.png"]


async def test_the_longest_possible_labels_are_answered(harness: Harness) -> None:
    labels = ",".join(f"{number} {ALEF * 190}" for number in range(25))
    async with running_matcher(harness):
        done = await match_outcome(harness, labels, ("a.png", RED))
    assert len(done["content"]) <= MAX_MESSAGE_LENGTH
    assert list(files_by_name(done)) == ["picture.jpg", "scores.csv"]


async def test_marks_in_labels_are_written_as_names(harness: Harness) -> None:
    me = harness.session["bot_user_id"]
    async with running_matcher(harness):
        done = await match_outcome(harness, f"<:red:1>, <@{me}>, <t:0:D>", ("a.png", BLUE))
    for words in ("\\:red\\:", "@\u200bBeholder", "1 January 1970"):
        assert f"**{words}**" in done["content"]
