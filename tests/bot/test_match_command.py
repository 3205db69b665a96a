"""`/match` as people call it: a real worker scores four colours against their names."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from PIL import Image

from bot.looking import NO_PICTURE
from bot.replies import MAX_MESSAGE_LENGTH
from bot.score_replies import IN_FILE, NOT_DRAWN
from handlers.matching.scores import RELATIVE
from inference.errors import LabelTooLong
from inference.schema import Answer, Caption, Match
from tests.bot.calling import EPHEMERAL, FILE, LOADING, TEXT, Caller, option
from tests.bot.stage import Stage
from tests.e2e.member import Message
from tests.inference.fake_engine import ColourEngine, Seen
from tests.inference.image_files import encode, near, plain
from tests.inference.worker_harness import BLUE, RED, settings, working

LIME = encode(plain("lime"), "PNG")
BROKEN = encode(plain("blue", (400, 400)), "JPEG")[:200]
ALEF = "\u05d0"
COLOURS = "red, blue, lime"


class TokenEngine(ColourEngine):
    """Refuses labels as CLIP does, at four words instead of 77 tokens."""

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> Seen:
        assert isinstance(request, Match)
        for number, label in enumerate(request.labels, 1):
            if (words := len(label.split())) > 4:
                raise LabelTooLong("", label=number, value=words, limit=4, unit="tokens")
        return super().prepare(request, pictures)


@asynccontextmanager
async def matching(stage: Stage) -> AsyncIterator[None]:
    async with working(settings(stage.redis_url), {"match": TokenEngine()}), stage.bot():
        yield


async def call(
    stage: Stage, labels: str, *files: tuple[str, bytes], channel: str = "", first: int = 1
) -> Caller:
    """Call the command with files as `image`, `image2` and so on."""
    caller = Caller(stage.ada)
    numbers = range(first, first + len(files))
    options = [
        option(FILE, "image" if number == 1 else f"image{number}", index)
        for index, number in enumerate(numbers)
    ]
    await caller.call(
        channel or stage.general, "match", option(TEXT, "labels", labels), *options, files=files
    )
    return caller


async def answered(stage: Stage, labels: str, *files: tuple[str, bytes], first: int = 1) -> Message:
    """Call the command and return its outcome."""
    start = len(stage.ada.heard)
    caller = await call(stage, labels, *files, first=first)
    return await caller.outcome(await caller.placeholder(stage.general, start=start))


async def fetched(url: str) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(url) as found:
        return await found.read()


def by_name(message: Message) -> dict[str, dict[str, Any]]:
    return {each["filename"]: each for each in message["attachments"]}


async def test_one_picture_has_its_labels_ranked(stage: Stage) -> None:
    async with matching(stage):
        done = await answered(stage, COLOURS, ("a.png", BLUE))
        [shown] = done["attachments"]
        jpeg = await fetched(shown["url"])
    lines = done["content"].splitlines()
    assert lines[0] == "1. **blue** — 100 % (cosine 1.00)"
    assert "█" in lines[1]
    assert lines[2:] == [
        "2. **red** — 0 % (cosine 0.00)",
        "3. **lime** — 0 % (cosine 0.00)",
        f"-# {RELATIVE}",
    ]
    assert done["flags"] == 0
    assert shown["description"] == "The picture that was scored. Its best label: blue (1.00)."
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (40, 20))
        assert near(picture.getpixel((20, 10)), (0, 0, 255))


async def test_several_pictures_have_a_matrix_with_alt_text_and_the_table(stage: Stage) -> None:
    async with matching(stage):
        done = await answered(stage, COLOURS, ("a.png", BLUE), ("b.png", LIME), ("c.png", RED))
        [matrix] = done["attachments"]
        png = await fetched(matrix["url"])
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
        f"-# {RELATIVE}",
    ]


async def test_pictures_count_in_their_order_wherever_they_were_put(stage: Stage) -> None:
    async with matching(stage):
        done = await answered(stage, COLOURS, ("a.png", BLUE), ("b.png", RED), first=4)
    assert "picture 1: blue (1.00); picture 2: red (1.00)" in by_name(done)["scores.png"]["description"]


async def test_nine_pictures_and_25_labels_come_with_a_file(stage: Stage) -> None:
    labels = ", ".join(["red", "blue", *(f"a colour called {'x' * 60}{number}" for number in range(23))])
    async with matching(stage):
        done = await answered(stage, labels, *[("a.png", BLUE), ("b.png", RED), ("c.png", LIME)] * 3)
        files = by_name(done)
        table = (await fetched(files["scores.csv"]["url"])).decode("utf-8-sig")
    assert list(files) == ["scores.png", "scores.csv"]
    assert done["content"] == f"{IN_FILE}\n-# {RELATIVE}"
    assert table.count("\r\n") == 26
    assert table.splitlines()[2].startswith('"blue",1.0000,0.0000,0.0000,1.0000')


async def test_a_matrix_that_cannot_be_drawn_is_a_table_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.heatmap.render.PROGRAM", ("-c", "raise SystemExit(1)"))
    async with matching(stage):
        done = await answered(stage, COLOURS, ("a.png", BLUE), ("b.png", RED))
    assert done["attachments"] == []
    assert done["content"].startswith(NOT_DRAWN)
    assert "  1.00  0.00  blue" in done["content"].splitlines()


async def test_a_hidden_pictures_scores_stay_hidden(stage: Stage) -> None:
    async with matching(stage):
        one = await answered(stage, COLOURS, ("SPOILER_a.png", BLUE))
        several = await answered(stage, COLOURS, ("a.png", RED), ("SPOILER_b.png", BLUE))
    assert one["content"].startswith("||1. **blue**")
    assert list(by_name(one)) == ["SPOILER_picture.jpg"]
    assert set(by_name(several)) == {"SPOILER_scores.png", "SPOILER_scores.csv"}
    assert "blue" not in several["content"]


async def test_labels_ping_nobody_and_are_shown_as_they_are(stage: Stage) -> None:
    async with matching(stage):
        done = await answered(stage, f"@everyone, <@{stage.ada.user['id']}>, **red**", ("a.png", RED))
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
async def test_what_the_call_shows_is_refused_at_once_and_to_the_caller_alone(
    stage: Stage, labels: str, file: tuple[str, bytes], sentence: str
) -> None:
    async with stage.bot(picture_bytes=2**16):
        caller = await call(stage, labels, file)
        told = await caller.refusal()
        assert told["content"].startswith(sentence)
        assert [each["id"] for each in await caller.messages(stage.general)] == [told["id"]]
        assert await stage.open_requests() == {}
    assert not any(kind == "MESSAGE_CREATE" and data["flags"] & LOADING for kind, data in stage.ada.heard)


async def test_of_several_files_the_one_that_is_no_picture_is_named(stage: Stage) -> None:
    async with stage.bot():
        caller = await call(stage, "a cat", ("a.png", RED), ("b.txt", b"no picture"))
        assert (await caller.refusal())["content"].startswith("Picture 2: This is no picture")


@pytest.mark.parametrize(
    ("labels", "files", "sentence"),
    [
        (
            "red, one two three four five",
            [("a.png", RED)],
            "Label 2 is too long (5 tokens): 4 tokens are the most. Shorten it.",
        ),
        ("red", [("a.jpg", BROKEN)], "This picture is damaged"),
        ("red", [("a.png", RED), ("b.jpg", BROKEN), ("c.png", RED)], "Picture 2: This picture is damaged"),
        ("red", [("a.png", RED), ("b.png", b"a text called b.png")], "Picture 2: This is no picture"),
    ],
)
async def test_what_shows_later_is_told_the_caller_alone_and_the_placeholder_goes(
    stage: Stage, labels: str, files: list[tuple[str, bytes]], sentence: str
) -> None:
    async with matching(stage):
        caller = await call(stage, labels, *files)
        await caller.gone(await caller.placeholder(stage.general))
        told = await caller.refusal()
        assert told["content"].startswith(sentence)
        assert told["flags"] == EPHEMERAL
        await stage.all_closed()
        assert [each["id"] for each in await caller.messages(stage.general)] == [told["id"]]


def link(stage: Stage, message: Message) -> str:
    return f"https://discord.com/channels/{stage.session['guild_id']}/{message['channel_id']}/{message['id']}"


async def test_without_an_image_the_newest_here_is_scored_and_named(stage: Stage) -> None:
    await stage.ada.post(stage.general, files=[("a.png", RED)])
    newest = await stage.ada.post(stage.general, files=[("b.png", BLUE)])
    await stage.ada.post(stage.general, "no picture")
    async with matching(stage):
        done = await answered(stage, COLOURS)
    lines = done["content"].splitlines()
    assert lines[0] == f"-# About [this picture]({link(stage, newest)})"
    assert lines[1].startswith("1. **blue**")
    assert done["attachments"] == []


async def test_a_message_with_several_pictures_is_scored_whole(stage: Stage) -> None:
    files = [("a.png", RED), ("SPOILER_b.png", BLUE)]
    post = await stage.ada.post(stage.general, files=files)
    async with matching(stage):
        done = await answered(stage, COLOURS)
    assert done["content"].startswith(f"-# About [these pictures]({link(stage, post)})\n")
    matrix = by_name(done)["SPOILER_scores.png"]
    assert "picture 1: red (1.00); picture 2: blue (1.00)" in matrix["description"]


async def test_where_there_is_no_picture_the_caller_is_told(stage: Stage) -> None:
    await stage.ada.post(stage.general, "no picture")
    async with matching(stage):
        caller = await call(stage, COLOURS)
        await caller.gone(await caller.placeholder(stage.general))
        assert (await caller.refusal())["content"] == NO_PICTURE


async def test_a_restart_scores_what_was_found_before(stage: Stage) -> None:
    meant = await stage.ada.post(stage.general, files=[("a.png", BLUE)])
    async with stage.bot():
        caller = await call(stage, COLOURS)
        placeholder = await caller.placeholder(stage.general)
        await found(stage)
    await stage.ada.post(stage.general, files=[("b.png", RED)])
    async with matching(stage):
        done = await caller.outcome(placeholder)
    assert done["content"].startswith(f"-# About [this picture]({link(stage, meant)})\n1. **blue**")


async def found(stage: Stage) -> None:
    """Wait until it is written down which picture is meant."""
    async with asyncio.timeout(60):
        while not any(each["arguments"]["source"] for each in (await stage.open_requests()).values()):
            pass


async def test_a_restart_goes_on_with_it(stage: Stage) -> None:
    async with stage.bot():
        caller = await call(stage, COLOURS, ("a.png", BLUE), ("b.png", RED))
        placeholder = await caller.placeholder(stage.general)
    async with matching(stage):
        done = await caller.outcome(placeholder)
        await stage.all_closed()
        assert len(await caller.messages(stage.general)) == 1
    assert list(by_name(done)) == ["scores.png"]


async def test_the_longest_call_that_discord_lets_through_is_answered(stage: Stage) -> None:
    labels = ",".join(f"{number} {ALEF * 190}" for number in range(25))
    async with matching(stage):
        done = await answered(stage, labels, ("a.png", RED))
    assert len(done["content"]) <= MAX_MESSAGE_LENGTH
    assert list(by_name(done)) == ["picture.jpg", "scores.csv"]
