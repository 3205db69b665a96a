"""`/ask`, `/describe` and the message menu."""

from typing import Any

import aiohttp
import pytest

from bot.cogs.ask import MENU, NO_PICTURE_HERE
from bot.formatting.captions import about_line
from bot.formatting.markdown import MAX_MESSAGE_LENGTH, escape, utf16_length
from bot.formatting.status import queue_position
from bot.images.lookup import NO_PICTURE, YOU_MAY_NOT
from tests.bot.command_calls import EPHEMERAL, FILE, SWITCH, TEXT, CommandCaller, option
from tests.bot.harness import NOTICES_AT_ONCE, Harness, caption_of, picture
from tests.e2e.member import Member, Message

QUESTION = option(TEXT, "question", "What *colour* is it?")
IMAGE = option(FILE, "image", 0)
RED = ("red.png", picture("a red circle"))
BLUE = ("blue.png", picture("a blue square"))
ANSWER = "a red circle, if you ask\\: What \\*colour\\* is it?"
QUOTE = "> What \\*colour\\* is it?"
READ_HISTORY = 1 << 16


async def outcome(
    harness: Harness, name: str, *options: dict[str, Any], channel: str = "", **more: Any
) -> Message:
    """Call a command and return its outcome."""
    caller, start, channel = CommandCaller(harness.ada), len(harness.ada.heard), channel or harness.general
    await caller.call(channel, name, *options, **more)
    return await caller.outcome(await caller.placeholder(channel, start=start))


async def later_refusal(harness: Harness, name: str, *options: dict[str, Any], **more: Any) -> str:
    """Call a command and return its ephemeral refusal, once the placeholder is deleted."""
    caller, start = CommandCaller(harness.ada), len(harness.ada.heard)
    await caller.call(harness.general, name, *options, **more)
    await caller.wait_deleted(await caller.placeholder(harness.general, start=start))
    refusal = await caller.refusal(start=start)
    await harness.all_closed()
    return str(refusal["content"])


def link_line(harness: Harness, message: Message) -> str:
    """Return the line that links to a message's picture."""
    guild = int(harness.session["guild_id"])
    return about_line(guild, int(message["channel_id"]), int(message["id"]), 1)


async def test_a_question_is_answered_with_a_copy_of_the_given_picture(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        done = await outcome(harness, "ask", QUESTION, IMAGE, files=[RED])
        assert done["content"].splitlines() == [QUOTE, ANSWER]
        (shown,) = done["attachments"]
        assert shown["filename"] == "picture.jpg"
        assert shown["description"] == (
            "The picture that was asked about. What *colour* is it? "
            "a red circle, if you ask: What *colour* is it?"
        )
        async with aiohttp.ClientSession() as http, http.get(shown["url"]) as found:
            assert caption_of(await found.read()) == "a red circle"
        await harness.all_closed()
    assert [job.request.task for job in worker.jobs] == ["answer"]
    assert [job.priority for job in worker.jobs] == ["waiting"]


async def test_a_caption_is_the_alt_text_of_the_copy(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        done = await outcome(harness, "describe", IMAGE, files=[RED])
    assert done["content"] == "a red circle"
    assert [each["description"] for each in done["attachments"]] == ["a red circle"]


async def test_a_spoiler_is_answered_behind_a_spoiler(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        done = await outcome(harness, "describe", IMAGE, files=[("SPOILER_a.png", RED[1])])
    assert done["content"] == "||a red circle||"
    assert [each["filename"] for each in done["attachments"]] == ["SPOILER_picture.jpg"]


async def test_a_private_answer_is_ephemeral(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        private = option(SWITCH, "private", True)
        done = await outcome(harness, "ask", QUESTION, IMAGE, private, files=[RED])
    assert (done["flags"], done["content"].splitlines()) == (EPHEMERAL, [QUOTE, ANSWER])


async def test_without_an_image_the_newest_of_the_channel_is_used_and_linked(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        await harness.ada.post(harness.general, files=[BLUE])
        newest = await harness.ada.post(harness.general, files=[("notes.txt", b"words"), RED])
        await harness.ada.post(harness.general, "words alone")
        done = await outcome(harness, "ask", QUESTION)
        assert done["content"].splitlines() == [QUOTE, ANSWER, link_line(harness, newest)]
        assert done["attachments"] == []


async def test_every_picture_of_a_found_message_is_captioned(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        await harness.ada.post(harness.general, files=[BLUE, RED])
        done = await outcome(harness, "describe")
    assert done["content"].splitlines()[:2] == ["1. a blue square", "2. a red circle"]


@pytest.mark.parametrize("name", ["ask", "describe"])
async def test_of_an_album_with_broken_files_the_others_are_answered(harness: Harness, name: str) -> None:
    options = [QUESTION] if name == "ask" else []
    async with harness.worker() as worker, harness.bot(picture_bytes=2**16):
        worker.failures["a red circle"] = "broken_picture"
        large = ("c.png", RED[1] + bytes(2**16))
        await harness.ada.post(harness.general, files=[RED, BLUE, large, ("d.png", b"words")])
        done = await outcome(harness, name, *options)
        await harness.all_closed()
        await harness.ada.post(harness.general, files=[RED, large, ("d.png", b"words")])
        refusal = await later_refusal(harness, name, *options)
    lines = [line for line in done["content"].splitlines() if not line.startswith((">", "-#"))]
    assert [line[:24] for line in lines if line[0] != "2"] == [
        "1. This picture is damag",
        "3. This picture is too l",
        "4. This is no picture th",
    ]
    assert lines[1].startswith("2. a blue square")
    assert [line[:32] for line in refusal.splitlines()] == [
        "Picture 1: This picture is damag",
        "Picture 2: This picture is too l",
        "Picture 3: This is no picture th",
    ]


async def test_only_the_last_fifty_messages_are_searched(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        old = await harness.ada.post(harness.general, files=[RED])
        for number in range(49):
            await harness.ada.post(harness.general, str(number))
        assert (await outcome(harness, "describe"))["content"].splitlines()[1] == link_line(harness, old)
        assert await later_refusal(harness, "describe") == NO_PICTURE


async def test_in_a_thread_the_picture_it_was_made_from_is_used(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        start = await harness.ada.post(harness.general, files=[RED])
        path = f"/channels/{harness.general}/messages/{start['id']}/threads"
        thread = await harness.ada.request("POST", path, json={"name": "About it"})
        await harness.ada.post(thread["id"], files=[BLUE])
        done = await outcome(harness, "describe", channel=thread["id"])
        assert done["content"].splitlines() == ["a red circle", link_line(harness, start)]


async def test_in_a_thread_made_from_no_picture_the_newest_is_used(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        start = await harness.ada.post(harness.general, "words alone")
        path = f"/channels/{harness.general}/messages/{start['id']}/threads"
        thread = await harness.ada.request("POST", path, json={"name": "About it"})
        newest = await harness.ada.post(thread["id"], files=[RED])
        done = await outcome(harness, "describe", channel=thread["id"])
        assert done["content"].splitlines() == ["a red circle", link_line(harness, newest)]


async def test_a_member_without_read_history_must_give_a_picture(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot(), Member(harness.session, 1) as ben:
        await harness.ada.post(harness.general, files=[RED])
        path = f"/channels/{harness.general}/permissions/{ben.user['id']}"
        await harness.ada.request("PUT", path, json={"type": 1, "allow": "0", "deny": str(READ_HISTORY)})
        caller = CommandCaller(ben)
        await caller.call(harness.general, "describe")
        assert (await caller.refusal())["content"] == YOU_MAY_NOT
        await caller.call(harness.general, "describe", IMAGE, files=[BLUE])
        done = await caller.outcome(await caller.placeholder(harness.general))
        assert done["content"] == "a blue square"
    assert len(worker.jobs) == 1


async def test_a_question_in_a_direct_message_is_answered(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        direct = await harness.ada.direct_channel()
        posted = await harness.ada.post(direct, files=[RED])
        await harness.ada.reply_to(posted)
        done = await outcome(harness, "ask", QUESTION, channel=direct)
    link = f"-# About [this picture](https://discord.com/channels/@me/{direct}/{posted['id']})"
    assert done["content"].splitlines() == [QUOTE, ANSWER, link]


async def test_the_menu_captions_a_message_ephemerally(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.general, files=[RED])
        done = await outcome(harness, MENU, target=posted)
        assert done["content"].splitlines() == ["a red circle", link_line(harness, posted)]
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
async def test_an_error_in_the_payload_is_refused_before_deferring(
    harness: Harness, name: str, options: list[dict[str, Any]], file: tuple[str, bytes], sentence: str
) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot(picture_bytes=2**16):
        await caller.call(harness.general, name, *options, IMAGE, files=[file])
        refusal = await caller.refusal()
        assert refusal["content"].startswith(sentence)
        assert [each["id"] for each in await caller.messages(harness.general)] == [refusal["id"]]
        assert await harness.open_requests() == {}


async def test_a_message_without_a_picture_is_refused_before_deferring(harness: Harness) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot():
        posted = await harness.ada.post(harness.general, "words alone")
        await caller.call(harness.general, MENU, target=posted)
        assert (await caller.refusal())["content"] == NO_PICTURE_HERE


async def test_a_channel_without_a_picture_is_refused_after_deferring(harness: Harness) -> None:
    async with harness.bot():
        assert await later_refusal(harness, "ask", QUESTION) == NO_PICTURE
        assert [each["flags"] for each in await CommandCaller(harness.ada).messages(harness.general)] == [
            EPHEMERAL
        ]


async def test_a_broken_picture_is_refused_after_deferring(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        worker.failures["a red circle"] = "broken_picture"
        refusal = await later_refusal(harness, "describe", IMAGE, files=[RED])
        assert refusal.startswith("This picture is damaged")
        refusal = await later_refusal(harness, "describe", IMAGE, files=[("a.png", b"words")])
        assert refusal.startswith("This is no picture that I can read.")


async def test_a_long_question_about_many_pictures_fits_into_a_message(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        many = [(f"{number}.png", picture("*" * 300)) for number in range(10)]
        await harness.ada.post(harness.general, files=many)
        done = await outcome(harness, "ask", option(TEXT, "question", "*" * 500))
    lines = done["content"].splitlines()
    assert (len(lines), lines[0]) == (12, "> " + "\\*" * 500)
    assert utf16_length(done["content"]) <= MAX_MESSAGE_LENGTH


async def test_a_killed_bot_resumes_with_the_same_picture_and_job(harness: Harness) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.worker() as worker:
        worker.gate.clear()
        async with harness.process():
            found = await harness.ada.post(harness.general, files=[RED])
            await caller.call(harness.general, "ask", QUESTION)
            placeholder = await caller.placeholder(harness.general)
            await worker.wait_for_jobs(1)
        await harness.ada.post(harness.general, files=[BLUE])
        worker.gate.set()
        async with harness.process():
            done = await caller.outcome(placeholder)
            await harness.all_closed()
        assert done["content"].splitlines() == [QUOTE, ANSWER, link_line(harness, found)]
        assert len(worker.jobs) == 1, "the job was finished or running under the same id"


async def test_a_waiting_member_is_told_the_number_of_jobs_ahead(
    harness: Harness,
) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.worker() as worker, harness.bot(delays=NOTICES_AT_ONCE):
        worker.gate.clear()
        for _ in range(3):
            await caller.call(harness.general, "describe", IMAGE, files=[RED])
            # The worker has claimed the first before the others are submitted.
            await worker.wait_for_jobs(1)
        await harness.ada.hear(
            lambda kind, data: kind == "MESSAGE_UPDATE" and data["content"] == queue_position(1)
        )
        worker.gate.set()
        await harness.all_closed()
        assert [each["content"] for each in await caller.messages(harness.general)] == ["a red circle"] * 3


async def test_a_question_is_read_with_names_for_discords_marks(harness: Harness) -> None:
    channel, me = harness.general, harness.session["bot_user_id"]
    name = harness.pocket.world.channels[int(channel)].name
    question = option(TEXT, "question", f"<@{me}> is this <:cat:5> from <#{channel}> or <#7>, </ask:8>?")
    async with harness.worker() as worker, harness.bot():
        done = await outcome(harness, "ask", question, IMAGE, files=[RED])
        await harness.all_closed()
    words = f"@Beholder is this :cat: from #{name} or #unknown channel, /ask?"
    assert [job.request.question for job in worker.jobs] == [words]  # type: ignore[union-attr]
    assert done["content"].splitlines()[0] == f"> {escape(words)}"
