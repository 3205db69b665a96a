"""`/ask`, `/describe` and the message menu, as people call them."""

from typing import Any

import aiohttp
import pytest

from bot import replies
from bot.attachments import ImageRef
from bot.cogs.ask import MENU, NONE_HERE
from bot.looking import NO_PICTURE, YOU_MAY_NOT, FoundImages
from tests.bot.calling import EPHEMERAL, FILE, SWITCH, TEXT, Caller, option
from tests.bot.stage import Stage, picture, read
from tests.e2e.member import Member, Message

QUESTION = option(TEXT, "question", "What *colour* is it?")
IMAGE = option(FILE, "image", 0)
RED = ("red.png", picture("a red circle"))
BLUE = ("blue.png", picture("a blue square"))
ANSWER = "a red circle, if you ask\\: What \\*colour\\* is it?"
QUOTE = "> What \\*colour\\* is it?"
READ_HISTORY = 1 << 16


async def outcome(
    stage: Stage, name: str, *options: dict[str, Any], channel: str = "", **more: Any
) -> Message:
    """Call a command and return what its placeholder becomes."""
    caller, start, channel = Caller(stage.ada), len(stage.ada.heard), channel or stage.general
    await caller.call(channel, name, *options, **more)
    return await caller.outcome(await caller.placeholder(channel, start=start))


async def refused_later(stage: Stage, name: str, *options: dict[str, Any], **more: Any) -> str:
    """Call a command and return what its asker is told once its placeholder is gone."""
    caller, start = Caller(stage.ada), len(stage.ada.heard)
    await caller.call(stage.general, name, *options, **more)
    await caller.gone(await caller.placeholder(stage.general, start=start))
    told = await caller.refusal(start=start)
    await stage.all_closed()
    return str(told["content"])


def jump(stage: Stage, message: Message) -> str:
    """Return the line that names a message's picture."""
    guild = int(stage.session["guild_id"])
    return FoundImages(int(message["channel_id"]), int(message["id"]), guild, (ImageRef("", ""),)).line


async def test_a_question_is_answered_below_the_picture_that_was_given(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        done = await outcome(stage, "ask", QUESTION, IMAGE, files=[RED])
        assert done["content"].splitlines() == [QUOTE, ANSWER]
        (shown,) = done["attachments"]
        assert shown["filename"] == "picture.jpg"
        assert shown["description"] == (
            "The picture that was asked about. What *colour* is it? "
            "a red circle, if you ask: What *colour* is it?"
        )
        async with aiohttp.ClientSession() as http, http.get(shown["url"]) as found:
            assert read(await found.read()) == "a red circle"
        await stage.all_closed()
    assert [job.request.task for job in worker.jobs] == ["answer"]
    assert [job.priority for job in worker.jobs] == ["waiting"]


async def test_a_description_is_the_alt_text_of_the_picture_that_was_given(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        done = await outcome(stage, "describe", IMAGE, files=[RED])
    assert done["content"] == "a red circle"
    assert [each["description"] for each in done["attachments"]] == ["a red circle"]


async def test_a_spoilered_picture_has_a_spoilered_answer(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        done = await outcome(stage, "describe", IMAGE, files=[("SPOILER_a.png", RED[1])])
    assert done["content"] == "||a red circle||"
    assert [each["filename"] for each in done["attachments"]] == ["SPOILER_picture.jpg"]


async def test_a_private_answer_is_its_askers_alone(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        private = option(SWITCH, "private", True)
        done = await outcome(stage, "ask", QUESTION, IMAGE, private, files=[RED])
    assert (done["flags"], done["content"].splitlines()) == (EPHEMERAL, [QUOTE, ANSWER])


async def test_without_an_image_the_newest_in_the_channel_is_named(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        await stage.ada.post(stage.general, files=[BLUE])
        newest = await stage.ada.post(stage.general, files=[("notes.txt", b"words"), RED])
        await stage.ada.post(stage.general, "words alone")
        done = await outcome(stage, "ask", QUESTION)
        assert done["content"].splitlines() == [QUOTE, ANSWER, jump(stage, newest)]
        assert done["attachments"] == []


async def test_every_picture_of_the_message_is_described(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        await stage.ada.post(stage.general, files=[BLUE, RED])
        done = await outcome(stage, "describe")
    assert done["content"].splitlines()[:2] == ["1. a blue square", "2. a red circle"]


async def test_fifty_messages_back_and_no_further(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        old = await stage.ada.post(stage.general, files=[RED])
        for number in range(48):
            await stage.ada.post(stage.general, str(number))
        # The placeholder is the fiftieth.
        assert (await outcome(stage, "describe"))["content"].splitlines()[1] == jump(stage, old)
        assert await refused_later(stage, "describe") == NO_PICTURE


async def test_a_thread_is_about_the_picture_that_it_was_made_from(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        start = await stage.ada.post(stage.general, files=[RED])
        path = f"/channels/{stage.general}/messages/{start['id']}/threads"
        thread = await stage.ada.request("POST", path, json={"name": "About it"})
        await stage.ada.post(thread["id"], files=[BLUE])
        done = await outcome(stage, "describe", channel=thread["id"])
        assert done["content"].splitlines() == ["a red circle", jump(stage, start)]


async def test_in_a_thread_about_no_picture_the_newest_is_taken(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        start = await stage.ada.post(stage.general, "words alone")
        path = f"/channels/{stage.general}/messages/{start['id']}/threads"
        thread = await stage.ada.request("POST", path, json={"name": "About it"})
        newest = await stage.ada.post(thread["id"], files=[RED])
        done = await outcome(stage, "describe", channel=thread["id"])
        assert done["content"].splitlines() == ["a red circle", jump(stage, newest)]


async def test_who_may_not_read_the_history_hears_of_no_picture_in_it(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot(), Member(stage.session, 1) as ben:
        await stage.ada.post(stage.general, files=[RED])
        path = f"/channels/{stage.general}/permissions/{ben.user['id']}"
        await stage.ada.request("PUT", path, json={"type": 1, "allow": "0", "deny": str(READ_HISTORY)})
        caller = Caller(ben)
        await caller.call(stage.general, "describe")
        assert (await caller.refusal())["content"] == YOU_MAY_NOT
        await caller.call(stage.general, "describe", IMAGE, files=[BLUE])
        done = await caller.outcome(await caller.placeholder(stage.general))
        assert done["content"] == "a blue square"
    assert len(worker.jobs) == 1


async def test_in_a_direct_message(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        direct = await stage.ada.direct_channel()
        posted = await stage.ada.post(direct, files=[RED])
        await stage.ada.reply_to(posted)
        done = await outcome(stage, "ask", QUESTION, channel=direct)
    link = f"-# About [this picture](https://discord.com/channels/@me/{direct}/{posted['id']})"
    assert done["content"].splitlines() == [QUOTE, ANSWER, link]


async def test_a_message_is_described_to_the_one_who_asks(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        posted = await stage.ada.post(stage.general, files=[RED])
        done = await outcome(stage, MENU, target=posted)
        assert done["content"].splitlines() == ["a red circle", jump(stage, posted)]
        assert done["flags"] == EPHEMERAL


@pytest.mark.parametrize(
    ("name", "options", "file", "sentence"),
    [
        (
            "ask",
            [option(TEXT, "question", "x" * 501)],
            RED,
            "Your question has 501 characters; I take up to 500",
        ),
        ("ask", [option(TEXT, "question", " \u200b ")], RED, "I see no question. Write one"),
        ("describe", [], ("notes.txt", b"words"), "This is no picture that I can read."),
        ("describe", [], ("large.png", RED[1] + b" " * 2**16), "This picture is too large"),
    ],
)
async def test_what_the_payload_shows_is_refused_before_deferring(
    stage: Stage, name: str, options: list[dict[str, Any]], file: tuple[str, bytes], sentence: str
) -> None:
    caller = Caller(stage.ada)
    async with stage.bot(picture_bytes=2**16):
        await caller.call(stage.general, name, *options, IMAGE, files=[file])
        told = await caller.refusal()
        assert told["content"].startswith(sentence)
        assert [each["id"] for each in await caller.messages(stage.general)] == [told["id"]]
        assert await stage.open_requests() == {}


async def test_a_message_without_a_picture_is_refused_before_deferring(stage: Stage) -> None:
    caller = Caller(stage.ada)
    async with stage.bot():
        posted = await stage.ada.post(stage.general, "words alone")
        await caller.call(stage.general, MENU, target=posted)
        assert (await caller.refusal())["content"] == NONE_HERE


async def test_a_channel_without_a_picture_is_refused_when_that_shows(stage: Stage) -> None:
    async with stage.bot():
        assert await refused_later(stage, "ask", QUESTION) == NO_PICTURE
        assert [each["flags"] for each in await Caller(stage.ada).messages(stage.general)] == [EPHEMERAL]


async def test_a_broken_picture_is_refused_when_that_shows(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        worker.failures["a red circle"] = "broken_picture"
        told = await refused_later(stage, "describe", IMAGE, files=[RED])
        assert told.startswith("This picture is damaged")
        told = await refused_later(stage, "describe", IMAGE, files=[("a.png", b"words")])
        assert told.startswith("This is no picture that I can read.")


async def test_a_long_question_about_many_pictures_fits(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        many = [(f"{number}.png", picture("*" * 300)) for number in range(10)]
        await stage.ada.post(stage.general, files=many)
        done = await outcome(stage, "ask", option(TEXT, "question", "*" * 500))
    lines = done["content"].splitlines()
    assert (len(lines), lines[0]) == (12, "> " + "\\*" * 500)
    assert replies.length(done["content"]) <= replies.MAX_MESSAGE_LENGTH


async def test_a_bot_killed_in_the_middle_keeps_to_the_picture_and_the_job(stage: Stage) -> None:
    caller = Caller(stage.ada)
    async with stage.worker() as worker:
        worker.gate.clear()
        async with stage.process():
            meant = await stage.ada.post(stage.general, files=[RED])
            await caller.call(stage.general, "ask", QUESTION)
            placeholder = await caller.placeholder(stage.general)
            await worker.taken(1)
        await stage.ada.post(stage.general, files=[BLUE])
        worker.gate.set()
        async with stage.process():
            done = await caller.outcome(placeholder)
            await stage.all_closed()
        assert done["content"].splitlines() == [QUOTE, ANSWER, jump(stage, meant)]
        assert len(worker.jobs) == 1, "the job was finished or running under the same id"


async def test_who_waits_is_told_how_many_are_before_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.commanding.SECONDS_TO_PLACE", 0.05)
    caller = Caller(stage.ada)
    async with stage.worker() as worker, stage.bot():
        worker.gate.clear()
        for _ in range(3):
            await caller.call(stage.general, "describe", IMAGE, files=[RED])
            # The first is in its hands before the others come.
            await worker.taken(1)
        await stage.ada.hear(
            lambda kind, data: kind == "MESSAGE_UPDATE" and data["content"] == replies.place(1)
        )
        worker.gate.set()
        await stage.all_closed()
        assert [each["content"] for each in await caller.messages(stage.general)] == ["a red circle"] * 3
