"""The pictures of a message: attachments, replies, forwards, links, stickers and spoilers."""

from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest

from bot.formatting.errors import error_sentence
from bot.formatting.status import NO_IMAGE_HERE
from bot.images.extract import ImageRef, own_images
from bot.images.fetcher import Fetcher
from inference.errors import NotAPicture
from tests.bot.command_calls import FILE, CommandCaller, option
from tests.bot.harness import PNG, Harness, picture
from tests.bot.playground.upload_files import png
from tests.e2e.member import Member, Message

GIF, APNG, LOTTIE = b"GIF89a", PNG + b"....acTL", b'{"v": "5.5.2"}'


def sized_picture(caption: str) -> bytes:
    """Make a picture with a size, so that the pocket Discord embeds links to it, and a caption."""
    return picture(caption, png())


async def create_sticker(harness: Harness, data: bytes) -> str:
    """Create a sticker from a file as the admin; return its id."""
    form = aiohttp.FormData({"name": "dot", "description": "a dot", "tags": "dot"})
    form.add_field("file", data, filename="dot.png", content_type="image/png")
    path = f"/guilds/{harness.session['guild_id']}/stickers"
    return str((await harness.ada.request("POST", path, data=form))["id"])


async def post_link(
    harness: Harness, channel: str, text: str, caption: str, member: Member | None = None
) -> Message:
    """Post a picture, then a message with a link to it; wait until the link is embedded."""
    source = await harness.ada.post(harness.general, files=[("a.png", sized_picture(caption))])
    poster = member or harness.ada
    posted = await poster.post(channel, text.format(link=source["attachments"][0]["url"]))
    await harness.ada.hear(
        lambda kind, data: kind == "MESSAGE_UPDATE" and data["id"] == posted["id"] and data["embeds"]
    )
    return posted


async def reply_text(harness: Harness, message: Message) -> str:
    return str((await harness.ada.reply_to(message))["content"])


async def mention_in_reply(harness: Harness, message: Message) -> str:
    """Mention the bot in a reply to a message."""
    about = {"message_id": message["id"]}
    return await reply_text(
        harness, await harness.ada.post(harness.general, harness.mention, message_reference=about)
    )


@pytest.mark.parametrize("data", [picture("a dot"), picture("a dot", APNG), picture("a dot", GIF)])
async def test_a_sticker_is_captioned(harness: Harness, data: bytes) -> None:
    number = await create_sticker(harness, data)
    async with harness.worker(), harness.bot():
        assert (
            await reply_text(harness, await harness.ada.post(harness.pictures, sticker_ids=[number]))
            == "a dot"
        )
        posted = await harness.ada.post(harness.general, sticker_ids=[number])
        assert await mention_in_reply(harness, posted) == "a dot"
        reference = {"type": 1, "message_id": posted["id"], "channel_id": harness.general}
        forward = await harness.ada.post(harness.pictures, message_reference=reference)
        assert await reply_text(harness, forward) == "a dot"


async def test_a_lottie_sticker_is_no_picture(harness: Harness) -> None:
    number = await create_sticker(harness, LOTTIE)
    async with harness.worker() as worker, harness.bot():
        await harness.ada.post(harness.pictures, sticker_ids=[number])
        mentioned = await harness.ada.post(harness.pictures, harness.mention, sticker_ids=[number])
        assert (await reply_text(harness, mentioned)).startswith(NO_IMAGE_HERE)
        assert worker.jobs == []


async def test_the_picture_of_a_link_is_captioned_if_the_bot_is_mentioned(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        await post_link(harness, harness.pictures, "look {link}", "unasked")
        mentioned = await post_link(harness, harness.pictures, f"{harness.mention} {{link}}", "a red circle")
        assert await reply_text(harness, mentioned) == "a red circle"
        assert len(worker.jobs) == 1


async def test_a_mention_in_a_reply_captions_the_picture_of_a_link(harness: Harness) -> None:
    async with harness.worker(), harness.bot(), Member(harness.session, 1) as ben:
        posted = await post_link(harness, harness.general, "{link}", "a red circle", ben)
        assert await mention_in_reply(harness, posted) == "a red circle"


async def test_the_picture_of_a_link_behind_a_spoiler_is_captioned_behind_one(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        mentioned = await post_link(
            harness, harness.general, f"{harness.mention} ||{{link}}||", "a red circle"
        )
        assert await reply_text(harness, mentioned) == "||a red circle||"
        mentioned = await post_link(
            harness, harness.general, f"{harness.mention} ||https://example.com/|| {{link}}", "a blue square"
        )
        assert await reply_text(harness, mentioned) == "a blue square"


@pytest.mark.parametrize("embed_field", ["image", "thumbnail"])
async def test_the_picture_of_an_embed_is_fetched_from_discords_proxy(
    harness: Harness, embed_field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    fetch = Fetcher.fetch

    async def record(self: Fetcher, url: str) -> bytes:
        fetched.append(url)
        return await fetch(self, url)

    monkeypatch.setattr(Fetcher, "fetch", record)
    source = await harness.ada.post(harness.general, files=[("a.png", sized_picture("a red circle"))])
    url = source["attachments"][0]["url"]
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(
            harness.general, "see", embeds=[{"title": "x", embed_field: {"url": url}}]
        )
        assert await mention_in_reply(harness, posted) == "a red circle"
    assert all("/media/" in each for each in fetched)


async def test_the_picture_of_an_embed_is_not_fetched_from_its_own_host(
    harness: Harness,
) -> None:
    async with harness.worker() as worker, harness.bot():
        elsewhere = {"image": {"url": "http://127.0.0.1:1/secret.png"}}
        posted = await harness.ada.post(harness.general, "see", embeds=[elsewhere])
        assert "couldn't get this picture from Discord" in await mention_in_reply(harness, posted)
        assert worker.jobs == []


async def test_a_mention_in_a_reply_captions_the_picture_of_a_forward(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        source = await harness.ada.post(harness.general, files=[("a.png", picture("a red circle"))])
        reference = {"type": 1, "message_id": source["id"], "channel_id": harness.general}
        forward = await harness.ada.post(harness.general, message_reference=reference)
        assert await mention_in_reply(harness, forward) == "a red circle"


async def test_spoilers_are_kept_in_replies_and_forwards(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        files = [("SPOILER_a.png", picture("a red circle")), ("b.png", picture("a blue square"))]
        source = await harness.ada.post(harness.general, files=files)
        lines = "1. ||a red circle||\n2. a blue square"
        assert await mention_in_reply(harness, source) == lines
        reference = {"type": 1, "message_id": source["id"], "channel_id": harness.general}
        forward = await harness.ada.post(harness.pictures, message_reference=reference)
        assert await reply_text(harness, forward) == lines


async def test_a_reply_without_a_mention_is_not_captioned(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        source = await harness.ada.post(harness.general, files=[("a.png", picture("a red circle"))])
        await harness.ada.post(harness.general, "nice", message_reference={"message_id": source["id"]})
        assert await mention_in_reply(harness, source) == "a red circle"
        assert len(worker.jobs) == 1


async def test_the_picture_of_a_message_is_captioned_instead_of_the_one_replied_to(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        source = await harness.ada.post(harness.general, files=[("a.png", picture("a red circle"))])
        mentioned = await harness.ada.post(
            harness.general,
            harness.mention,
            files=[("b.png", picture("a blue square"))],
            message_reference={"message_id": source["id"]},
        )
        assert await reply_text(harness, mentioned) == "a blue square"


async def test_a_file_with_neither_ending_nor_type_is_looked_at_by_its_bytes(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        files = [
            ("IMG_0001", picture("a red circle")),
            ("SPOILER_x", b"only text"),
            ("b.png", picture("a dot")),
        ]
        posted = await harness.ada.post(harness.pictures, files=files)
        assert "content_type" not in posted["attachments"][0]
        first, second, third = (await reply_text(harness, posted)).split("\n")
        assert (first, third) == ("1. a red circle", "3. a dot")
        assert error_sentence(NotAPicture()) in second
        worker.jobs.clear()
        other = await harness.ada.post(harness.general, harness.mention, files=[("LICENSE", b"only text")])
        assert await reply_text(harness, other) == error_sentence(NotAPicture())
        assert worker.jobs == []


async def test_nothing_is_said_of_such_a_file_that_nobody_asked_about(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        other = await harness.ada.post(harness.pictures, files=[("LICENSE", b"only text")])
        shown = await harness.ada.post(harness.pictures, files=[("IMG_0001", picture("a red circle"))])
        assert await reply_text(harness, shown) == "a red circle"
        await harness.all_closed()
        assert await harness.replies(harness.pictures, other) == []


async def test_so_is_one_in_a_command_and_in_a_reply(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        caller, files = CommandCaller(harness.ada), [("IMG_0001", picture("a red circle"))]
        await caller.call(harness.general, "describe", option(FILE, "image", "0"), files=files)
        done = await caller.outcome(await caller.placeholder(harness.general))
        assert done["content"] == "a red circle"
        posted = await harness.ada.post(harness.general, files=[("IMG_0002", picture("a blue square"))])
        assert await mention_in_reply(harness, posted) == "a blue square"


@pytest.mark.parametrize("name", ["notes.txt", "a.zip", "message.txt"])
async def test_a_file_with_another_ending_is_not(harness: Harness, name: str) -> None:
    async with harness.worker() as worker, harness.bot():
        mentioned = await harness.ada.post(
            harness.general, harness.mention, files=[(name, picture("a red circle"))]
        )
        assert name in (await reply_text(harness, mentioned)).replace("\\", "")
        assert worker.jobs == []


MP4, WEBM = b"\0\0\0\x18ftypmp42" + bytes(99), b"\x1aE\xdf\xa3" + bytes(99)


async def test_a_video_is_said_to_be_one(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        bare = await harness.ada.post(harness.general, harness.mention, files=[("clip.mp4", MP4)])
        assert "clip.mp4 is a video: I can look at pictures only." in await reply_text(harness, bare)
        files = [("a.png", picture("a red circle")), ("notes.txt", b"text"), ("clip.webm", WEBM)]
        mixed = await harness.ada.post(harness.general, harness.mention, files=files)
        note = "-# I did not look at notes.txt and clip.webm (a video): I can look at pictures only."
        assert await reply_text(harness, mixed) == f"a red circle\n{note}"
        two = await harness.ada.post(
            harness.general, harness.mention, files=[("a.mov", MP4), ("b.mkv", WEBM)]
        )
        assert "a.mov and b.mkv are videos: I can look at pictures only." in await reply_text(harness, two)
        assert len(worker.jobs) == 1


@pytest.mark.parametrize("data", [MP4, WEBM])
@pytest.mark.parametrize("name", ["IMG_0001", "clip.png"])
async def test_so_is_one_that_its_bytes_betray(harness: Harness, name: str, data: bytes) -> None:
    async with harness.worker() as worker, harness.bot():
        posted = await harness.ada.post(harness.pictures, files=[(name, data)])
        assert (await reply_text(harness, posted)).startswith("This is a video: I can look at pictures only.")
        assert worker.jobs == []


async def test_so_is_one_that_is_given_with_a_command(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        caller = CommandCaller(harness.ada)
        await caller.call(harness.general, "describe", option(FILE, "image", "0"), files=[("clip.mp4", MP4)])
        refusal = await caller.refusal()
        assert refusal["content"].startswith("This is a video: I can look at pictures only.")


@pytest.mark.parametrize("kind", ["gifv", "video", "link", "article", "image", "rich"])
@pytest.mark.parametrize("place", ["thumbnail", "image"])
async def test_of_an_embed_discord_s_own_copy_of_the_picture_is_taken(kind: str, place: str) -> None:
    proxied = "https://images-ext-1.discordapp.net/external/sig/https/media.tenor.com/a/b.png"
    video = {"url": "https://media.tenor.com/a/b.mp4", "proxy_url": proxied.replace(".png", ".mp4")}
    foreign = {"url": "https://media.tenor.com/a/b.png"}
    with_copy = {"type": kind, "url": "https://tenor.com/view/b", "video": video}
    assert [
        each.url for each in images_of_embeds({**with_copy, place: {**foreign, "proxy_url": proxied}})
    ] == [proxied]
    assert images_of_embeds({**with_copy, place: foreign}) == ()


def images_of_embeds(*embeds: Any) -> tuple[ImageRef, ...]:
    """Return the pictures of a message that has these embeds, as discord.py reads them."""
    read = [discord.Embed.from_dict(each) for each in embeds]
    message: Any = SimpleNamespace(message_snapshots=[], attachments=[], stickers=[], embeds=read, content="")
    return own_images(message)
