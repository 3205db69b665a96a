"""Pictures wherever a message has them: replies, forwards, links, stickers, and behind spoilers."""

import aiohttp
import pytest

from bot import replies
from bot.fetching import Fetcher
from tests.bot.playground.upload_files import png
from tests.bot.stage import PNG, Stage, picture
from tests.e2e.member import Member, Message

GIF, APNG, LOTTIE = b"GIF89a", PNG + b"....acTL", b'{"v": "5.5.2"}'


def shown(caption: str) -> bytes:
    """Make a picture with a size, so that Discord shows links to it, and words for the worker."""
    return picture(caption, png())


async def sticker(stage: Stage, data: bytes) -> str:
    """Have the admin make a sticker of a file; return its id."""
    form = aiohttp.FormData({"name": "dot", "description": "a dot", "tags": "dot"})
    form.add_field("file", data, filename="dot.png", content_type="image/png")
    path = f"/guilds/{stage.session['guild_id']}/stickers"
    return str((await stage.ada.request("POST", path, data=form))["id"])


async def linked(
    stage: Stage, channel: str, text: str, caption: str, member: Member | None = None
) -> Message:
    """Post a picture elsewhere, and a message with a link to it in `text`; wait until Discord shows it."""
    source = await stage.ada.post(stage.general, files=[("a.png", shown(caption))])
    poster = member or stage.ada
    posted = await poster.post(channel, text.format(link=source["attachments"][0]["url"]))
    await stage.ada.hear(
        lambda kind, data: kind == "MESSAGE_UPDATE" and data["id"] == posted["id"] and data["embeds"]
    )
    return posted


async def answer(stage: Stage, message: Message) -> str:
    return str((await stage.ada.reply_to(message))["content"])


async def ask_about(stage: Stage, message: Message) -> str:
    """Mention the bot in a reply to a message."""
    about = {"message_id": message["id"]}
    return await answer(stage, await stage.ada.post(stage.general, stage.me, message_reference=about))


@pytest.mark.parametrize("data", [picture("a dot"), picture("a dot", APNG), picture("a dot", GIF)])
async def test_a_sticker_is_captioned(stage: Stage, data: bytes) -> None:
    number = await sticker(stage, data)
    async with stage.worker(), stage.bot():
        assert await answer(stage, await stage.ada.post(stage.pictures, sticker_ids=[number])) == "a dot"
        posted = await stage.ada.post(stage.general, sticker_ids=[number])
        assert await ask_about(stage, posted) == "a dot"
        reference = {"type": 1, "message_id": posted["id"], "channel_id": stage.general}
        forward = await stage.ada.post(stage.pictures, message_reference=reference)
        assert await answer(stage, forward) == "a dot"


async def test_an_animation_in_json_is_no_picture(stage: Stage) -> None:
    number = await sticker(stage, LOTTIE)
    async with stage.worker() as worker, stage.bot():
        await stage.ada.post(stage.pictures, sticker_ids=[number])
        asked = await stage.ada.post(stage.pictures, stage.me, sticker_ids=[number])
        assert await answer(stage, asked) == replies.HELP
        assert worker.jobs == []


async def test_a_link_that_shows_a_picture_is_captioned_where_the_bot_is_asked(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        await linked(stage, stage.pictures, "look {link}", "unasked")
        asked = await linked(stage, stage.pictures, f"{stage.me} {{link}}", "a red circle")
        assert await answer(stage, asked) == "a red circle"
        assert len(worker.jobs) == 1


async def test_a_reply_to_a_link_that_shows_a_picture_is_captioned(stage: Stage) -> None:
    async with stage.worker(), stage.bot(), Member(stage.session, 1) as ben:
        theirs = await linked(stage, stage.general, "{link}", "a red circle", ben)
        assert await ask_about(stage, theirs) == "a red circle"


async def test_a_link_behind_a_spoiler_stays_behind_one(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        asked = await linked(stage, stage.general, f"{stage.me} ||{{link}}||", "a red circle")
        assert await answer(stage, asked) == "||a red circle||"
        asked = await linked(stage, stage.general, f"{stage.me} ||not this|| {{link}}", "a blue square")
        assert await answer(stage, asked) == "a blue square"


@pytest.mark.parametrize("place", ["image", "thumbnail"])
async def test_an_embeds_picture_is_fetched_from_discords_copy(
    stage: Stage, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    really = Fetcher.fetch

    async def note(self: Fetcher, url: str) -> bytes:
        fetched.append(url)
        return await really(self, url)

    monkeypatch.setattr(Fetcher, "fetch", note)
    source = await stage.ada.post(stage.general, files=[("a.png", shown("a red circle"))])
    url = source["attachments"][0]["url"]
    async with stage.worker(), stage.bot():
        posted = await stage.ada.post(stage.general, "see", embeds=[{"title": "x", place: {"url": url}}])
        assert await ask_about(stage, posted) == "a red circle"
    assert all("/media/" in each for each in fetched)


async def test_an_embeds_picture_that_discord_has_no_copy_of_is_not_fetched_from_elsewhere(
    stage: Stage,
) -> None:
    async with stage.worker() as worker, stage.bot():
        elsewhere = {"image": {"url": "http://127.0.0.1:1/secret.png"}}
        posted = await stage.ada.post(stage.general, "see", embeds=[elsewhere])
        assert "couldn't get this picture from Discord" in await ask_about(stage, posted)
        assert worker.jobs == []


async def test_a_forward_is_captioned_for_whoever_replies_to_it(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        source = await stage.ada.post(stage.general, files=[("a.png", picture("a red circle"))])
        reference = {"type": 1, "message_id": source["id"], "channel_id": stage.general}
        forward = await stage.ada.post(stage.general, message_reference=reference)
        assert await ask_about(stage, forward) == "a red circle"


async def test_spoilers_stay_spoilers_in_replies_and_forwards(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        files = [("SPOILER_a.png", picture("a red circle")), ("b.png", picture("a blue square"))]
        source = await stage.ada.post(stage.general, files=files)
        lines = "1. ||a red circle||\n2. a blue square"
        assert await ask_about(stage, source) == lines
        reference = {"type": 1, "message_id": source["id"], "channel_id": stage.general}
        forward = await stage.ada.post(stage.pictures, message_reference=reference)
        assert await answer(stage, forward) == lines


async def test_a_reply_without_a_mention_asks_for_nothing(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        source = await stage.ada.post(stage.general, files=[("a.png", picture("a red circle"))])
        await stage.ada.post(stage.general, "nice", message_reference={"message_id": source["id"]})
        assert await ask_about(stage, source) == "a red circle"
        assert len(worker.jobs) == 1


async def test_ones_own_picture_comes_before_the_one_replied_to(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        source = await stage.ada.post(stage.general, files=[("a.png", picture("a red circle"))])
        asked = await stage.ada.post(
            stage.general,
            stage.me,
            files=[("b.png", picture("a blue square"))],
            message_reference={"message_id": source["id"]},
        )
        assert await answer(stage, asked) == "a blue square"
