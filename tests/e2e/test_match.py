"""`/match` in the whole house: a real worker with the tiny CLIP, called as Discord's clients call it."""

import io
from collections.abc import Sequence

import aiohttp
from PIL import Image

from tests.bot.command_calls import FILE, TEXT, CommandCaller, option
from tests.e2e.member import Member, Message
from tests.e2e.scenes import COLORS, Thing, caption, draw
from tests.inference.image_files import near

RED = [Thing("red", "circle", 0.5, 0.5, 0.25)]
BLUE = [Thing("blue", "square", 0.5, 0.5, 0.25)]
GREEN = [Thing("green", "triangle", 0.5, 0.5, 0.25)]
SCENES = (BLUE, RED, GREEN)
LABELS = (*map(caption, SCENES), "a yellow circle", "a purple square")


async def matched(ada: Member, labels: Sequence[str], pictures: Sequence[bytes]) -> Message:
    """Call the command; return its outcome."""
    channel = ada.session["channel_id"]
    files = [(f"scene{number}.png", data) for number, data in enumerate(pictures, 1)]
    images = [
        option(FILE, "image" if index == 0 else f"image{index + 1}", index) for index in range(len(files))
    ]
    caller = CommandCaller(ada)
    await caller.call(channel, "match", option(TEXT, "labels", ", ".join(labels)), *images, files=files)
    return await caller.outcome(await caller.placeholder(channel))


async def fetched(url: str) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(url) as found:
        return await found.read()


async def test_three_pictures_by_five_labels(ada: Member) -> None:
    done = await matched(ada, LABELS, [draw(scene) for scene in SCENES])
    [matrix] = done["attachments"]
    best = matrix["description"].partition("Best label of ")[2].rstrip(".").split("; ")
    assert [each.partition(" (")[0] for each in best] == [
        f"picture {number}: {caption(scene)}" for number, scene in enumerate(SCENES, 1)
    ]
    with Image.open(io.BytesIO(await fetched(matrix["url"]))) as picture:
        assert picture.format == "PNG"
        seen = [colour for count, colour in picture.convert("RGB").getcolors(2**24) or [] if count > 300]
    for scene in SCENES:
        assert any(near(colour, COLORS[scene[0].color], 16) for colour in seen)
    assert [line.split("  ")[-1] for line in done["content"].splitlines()[2:7]] == list(LABELS)
    assert done["content"].endswith("It does not depend on the other labels.")


async def test_one_picture_by_five_labels(ada: Member) -> None:
    done = await matched(ada, LABELS, [draw(RED)])
    assert done["content"].startswith("1. **a red circle** — ")
    assert [each["filename"] for each in done["attachments"]] == ["picture.jpg"]


async def test_a_label_with_more_tokens_than_the_model_reads_is_refused_by_its_number(ada: Member) -> None:
    caller = CommandCaller(ada)
    labels = ", ".join([LABELS[0], " ".join(["a"] * 90)])
    files = [("scene.png", draw(RED))]
    await caller.call(
        ada.session["channel_id"],
        "match",
        option(TEXT, "labels", labels),
        option(FILE, "image", 0),
        files=files,
    )
    await caller.wait_deleted(await caller.placeholder(ada.session["channel_id"]))
    told = await caller.refusal()
    assert told["content"] == "Label 2 is too long (92 tokens): 64 tokens are the most. Shorten it."
