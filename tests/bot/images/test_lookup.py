"""Which picture is meant: the newest of people's, that of a reply, of an answer, of a thread."""

from typing import Any

import pytest

from bot.formatting.status import NO_IMAGE_HERE
from bot.images.lookup import NO_PICTURE
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import FILE, TEXT, CommandCaller, option
from tests.bot.conversation_steps import SQUARE, open_thread, press, wait_finished, wait_for_thread
from tests.bot.harness import Harness, picture
from tests.bot.other_authors import FOLLOW_UP, OTHER_BOT, PLURAL_KIT, post_as
from tests.e2e.member import Member, Message

RED = ("red.png", picture("a red circle"))
BLUE = ("blue.png", picture("a blue square"))
WHITE = ("white.png", picture("a white star"))
LABELS = option(TEXT, "labels", "a red circle, a blue square")
QUESTION = "what color is it?"
READ_HISTORY = 1 << 16


def about(message: Message) -> dict[str, str]:
    """Return the reference of a reply to a message."""
    return {"message_id": message["id"]}


async def ask(harness: Harness, channel: str, content: str, replied_to: Message | None = None) -> str:
    """Post a message to the bot, and return the answer's text."""
    reference = None if replied_to is None else about(replied_to)
    posted = await harness.ada.post(channel, content, message_reference=reference)
    return str((await harness.ada.reply_to(posted))["content"])


async def command(harness: Harness, name: str, *options: Any, channel: str = "", **more: Any) -> Message:
    """Call a command, and return its outcome."""
    caller, start, channel = CommandCaller(harness.ada), len(harness.ada.heard), channel or harness.general
    await caller.call(channel, name, *options, **more)
    return await caller.outcome(await caller.placeholder(channel, start=start))


async def match_two(harness: Harness, channel: str = "") -> Message:
    """Give `/match` two pictures; return its answer, which shows their matrix."""
    options = (LABELS, option(FILE, "image", 0), option(FILE, "image2", 1))
    done = await command(harness, "match", *options, channel=channel, files=[BLUE, WHITE])
    assert [each["filename"] for each in done["attachments"]][:1] == ["scores.png"]
    return done


@pytest.mark.parametrize("name", ["ask", "describe", "match", "chat"])
async def test_a_command_without_a_picture_is_never_about_the_bots_own_matrix(
    harness: Harness, name: str
) -> None:
    options = {"ask": [option(TEXT, "question", QUESTION)], "match": [LABELS]}.get(name, [])
    async with harness.worker(), chat_worker(harness) as chat, harness.bot():
        posted = await harness.ada.post(harness.general, files=[RED])
        await match_two(harness)
        if name == "chat":
            await CommandCaller(harness.ada).call(harness.general, name)
            await wait_for_thread(harness, posted["id"])
            await wait_finished(harness, posted["id"], 1)
            assert chat.pictures[-1] == [["a red circle"]]
        else:
            done = await command(harness, name, *options)
            assert f"/{posted['id']})" in done["content"]


async def test_where_only_bots_posted_pictures_there_is_none(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        await match_two(harness)
        post_as(harness, OTHER_BOT, harness.general, [RED])
        post_as(harness, FOLLOW_UP, harness.general, [RED])
        caller, start = CommandCaller(harness.ada), len(harness.ada.heard)
        await caller.call(harness.general, "describe")
        assert (await caller.refusal(start=start))["content"] == NO_PICTURE
        text = await ask(harness, harness.general, f"{harness.mention} {QUESTION}")
        assert text.startswith(NO_IMAGE_HERE)
        assert len(worker.jobs) == 1


async def test_a_webhook_that_speaks_for_a_member_posts_for_people(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        await harness.ada.post(harness.general, files=[RED])
        post_as(harness, PLURAL_KIT, harness.general, [BLUE])
        post_as(harness, OTHER_BOT, harness.general, [WHITE])
        assert (await command(harness, "describe"))["content"].startswith("a blue square\n")


async def test_another_bots_picture_is_meant_where_it_is_replied_to(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        shown = post_as(harness, OTHER_BOT, harness.general, [WHITE])
        await harness.ada.post(harness.general, files=[RED])
        text = await ask(harness, harness.general, f"{harness.mention} {QUESTION}", shown)
        assert text == f"a white star, if you ask\\: {QUESTION}"


async def test_a_question_beside_a_mention_and_a_picture_is_answered(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        posted = await harness.ada.post(harness.general, f"{harness.mention} {QUESTION}", files=[RED])
        answer = await harness.ada.reply_to(posted)
        assert answer["content"] == f"a red circle, if you ask\\: {QUESTION}"
        bare = await harness.ada.post(harness.general, harness.mention, files=[BLUE])
        assert (await harness.ada.reply_to(bare))["content"] == "a blue square"
        assert [(job.request.task, job.priority) for job in worker.jobs] == [
            ("answer", "waiting"),
            ("caption", "waiting"),
        ]


async def test_words_in_a_dm_are_a_question_about_its_picture(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        direct = await harness.ada.direct_channel()
        first = await harness.ada.post(direct, files=[RED])
        caption = await harness.ada.reply_to(first)
        answer = f"a red circle, if you ask\\: {QUESTION}"
        assert (await ask(harness, direct, QUESTION)).splitlines()[0] == answer
        await harness.ada.reply_to(await harness.ada.post(direct, files=[BLUE]))
        assert (await ask(harness, direct, QUESTION, caption)).splitlines()[0] == answer
        assert (await ask(harness, direct, QUESTION, first)).splitlines()[0] == answer
        assert (await ask(harness, direct, QUESTION)).startswith("a blue square, ")
        with_words = await harness.ada.post(direct, QUESTION, files=[WHITE])
        assert (await harness.ada.reply_to(with_words))["content"].startswith("a white star, if you ask")


@pytest.mark.parametrize("shown", ["caption", "answer", "upload", "picture"])
async def test_a_mention_in_a_reply_is_about_the_picture_of_what_is_replied_to(
    harness: Harness, shown: str
) -> None:
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.pictures, files=[RED])
        replied_to = await harness.ada.reply_to(posted)
        question, image = option(TEXT, "question", "what?"), option(FILE, "image", 0)
        if shown == "picture":
            replied_to = posted
        elif shown == "answer":
            replied_to = await command(harness, "ask", question, channel=harness.pictures)
        elif shown == "upload":
            replied_to = await command(harness, "ask", question, image, channel=harness.pictures, files=[RED])
        await harness.all_closed()
        await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=[BLUE]))
        text = await ask(harness, harness.pictures, f"{harness.mention} {QUESTION}", replied_to)
        assert text.splitlines()[0] == f"a red circle, if you ask\\: {QUESTION}"


async def test_a_reply_to_an_answer_is_meant_for_the_bot_where_it_has_a_question_mark(
    harness: Harness,
) -> None:
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.pictures, files=[RED])
        caption = await harness.ada.reply_to(posted)
        await harness.all_closed()
        await harness.ada.post(harness.pictures, files=[BLUE])
        thanks = await harness.ada.post(harness.pictures, "thanks", message_reference=about(caption))
        text = await ask(harness, harness.pictures, QUESTION, caption)
        assert text.splitlines()[0] == f"a red circle, if you ask\\: {QUESTION}"
        assert await harness.replies(harness.pictures, thanks) == []


async def test_answers_are_followed_through_replies_without_a_record(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.general, harness.mention, files=[RED])
        first = await harness.ada.reply_to(posted)
        question = await harness.ada.post(
            harness.general, f"{harness.mention} {QUESTION}", message_reference=about(first)
        )
        second = await harness.ada.reply_to(question)
        await harness.all_closed()
        await harness.forget("about")
        await harness.ada.post(harness.general, files=[BLUE])
        text = await ask(harness, harness.general, f"{harness.mention} {QUESTION}", second)
        assert text.splitlines()[0] == f"a red circle, if you ask\\: {QUESTION}"


async def test_a_reply_to_the_matrix_is_about_the_pictures_given(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        matrix = await match_two(harness)
        await harness.all_closed()
        await harness.ada.post(harness.general, files=[RED])
        text = await ask(harness, harness.general, f"{harness.mention} {QUESTION}", matrix)
        assert [line[:16] for line in text.splitlines()[:2]] == ["1. a blue square", "2. a white star, "[:16]]
        await harness.forget("about")
        text = await ask(harness, harness.general, f"{harness.mention} {QUESTION}", matrix)
        assert text.startswith("a red circle, "), "never the matrix itself"


async def test_a_deleted_picture_is_not_replaced_by_another(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        posted = await harness.ada.post(harness.pictures, files=[RED])
        caption = await harness.ada.reply_to(posted)
        await harness.ada.post(harness.general, files=[BLUE])
        await harness.all_closed()
        await harness.ada.request("DELETE", f"/channels/{harness.pictures}/messages/{posted['id']}")
        text = await ask(harness, harness.pictures, f"{harness.mention} {QUESTION}", caption)
        assert text == "I couldn't get this picture from Discord. Post it again."
        assert len(worker.jobs) == 1


@pytest.mark.parametrize("replied", ["picture", "answer"])
async def test_a_turn_in_reply_to_an_older_picture_is_about_that(harness: Harness, replied: str) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        older = await harness.ada.post(thread_id, "and this?", files=SQUARE)
        [_, answer] = await wait_finished(harness, thread_id, 2)
        await harness.ada.post(thread_id, "and this?", files=[WHITE])
        await wait_finished(harness, thread_id, 3)
        replied_to = older if replied == "picture" else answer
        await harness.ada.post(thread_id, QUESTION, message_reference=about(replied_to))
        await wait_finished(harness, thread_id, 4)
        await harness.all_closed()
        stored = await harness.stored_turns(int(thread_id))
        assert [each["message_id"] for each in stored[-1].get("about", [])] == [int(older["id"])]
        assert "about" not in stored[-2]
        assert worker.pictures[-1][-1] == ["a blue square"]
        await harness.ada.post(thread_id, "are you sure?")
        await wait_finished(harness, thread_id, 5)
        assert [each for each in worker.pictures[-1] if each][-1] == ["a blue square"]
        assert worker.pictures[-1][-1] == []


async def test_a_member_without_read_history_gets_no_newest_picture(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot(), Member(harness.session, 1) as ben:
        await harness.ada.post(harness.general, files=[RED])
        path = f"/channels/{harness.general}/permissions/{ben.user['id']}"
        await harness.ada.request("PUT", path, json={"type": 1, "allow": "0", "deny": str(READ_HISTORY)})
        posted = await ben.post(harness.general, f"{harness.mention} {QUESTION}")
        assert (await harness.ada.reply_to(posted))["content"].startswith(NO_IMAGE_HERE)
        assert worker.jobs == []


async def test_in_a_reply_that_brings_a_picture_words_alone_are_no_question(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        caption = await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=[RED]))
        mine = await harness.ada.post(
            harness.pictures, "here is mine", files=[BLUE], message_reference=about(caption)
        )
        assert (await harness.ada.reply_to(mine))["content"] == "a blue square"


async def test_five_replies_are_followed_and_no_more(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        last = await harness.ada.post(harness.general, files=[RED])
        for number in range(4):
            last = await harness.ada.post(harness.general, str(number), message_reference=about(last))
        await harness.ada.post(harness.general, files=[BLUE])
        question = f"{harness.mention} {QUESTION}"
        assert (await ask(harness, harness.general, question, last)).startswith("a red circle, ")
        last = await harness.ada.post(harness.general, "one more", message_reference=about(last))
        assert (await ask(harness, harness.general, question, last)).startswith("a blue square, ")


async def test_a_forward_is_not_a_reply(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        words = await harness.ada.post(harness.pictures, "only words")
        await harness.ada.post(harness.general, files=[RED])
        forward = await harness.ada.post(
            harness.general,
            message_reference={"type": 1, "message_id": words["id"], "channel_id": harness.pictures},
        )
        await harness.ada.request("DELETE", f"/channels/{harness.pictures}/messages/{words['id']}")
        text = await ask(harness, harness.general, f"{harness.mention} {QUESTION}", forward)
        assert text.startswith("a red circle, ")


async def test_a_mention_is_about_what_was_the_newest_when_it_was_posted(harness: Harness) -> None:
    async with harness.worker() as worker:
        worker.gate.clear()
        await harness.ada.post(harness.general, files=[RED])
        async with harness.process():
            question = await harness.ada.post(harness.general, f"{harness.mention} {QUESTION}")
            await worker.wait_for_jobs(1)
        await harness.ada.post(harness.general, files=[BLUE])
        worker.gate.set()
        async with harness.process():
            answer = await harness.ada.reply_to(question)
            assert answer["content"].startswith("a red circle, ")
            await harness.all_closed()
        assert len(worker.jobs) == 1, "the job was finished or running under the same id"


@pytest.mark.parametrize("menu", ["Describe this image", "Talk about this image"])
async def test_the_menus_of_an_answer_are_about_its_picture(harness: Harness, menu: str) -> None:
    async with harness.worker(), chat_worker(harness) as chat, harness.bot():
        posted = await harness.ada.post(harness.general, files=[RED])
        answer = await command(harness, "ask", option(TEXT, "question", "what?"))
        await harness.all_closed()
        await harness.ada.post(harness.general, files=[BLUE])
        if menu == "Describe this image":
            done = await command(harness, menu, target=answer)
            assert done["content"].startswith("a red circle\n")
        else:
            await CommandCaller(harness.ada).call(harness.general, menu, target=answer)
            await wait_for_thread(harness, posted["id"])
            await wait_finished(harness, posted["id"], 1)
            assert chat.pictures[-1] == [["a red circle"]]


async def test_a_conversation_about_a_threads_picture_begins_in_the_thread(harness: Harness) -> None:
    async with harness.worker(), chat_worker(harness) as chat, harness.bot():
        start = await harness.ada.post(harness.general, files=[RED])
        path = f"/channels/{harness.general}/messages/{start['id']}/threads"
        thread = (await harness.ada.request("POST", path, json={"name": "About it"}))["id"]
        question = await harness.ada.post(thread, f"{harness.mention} {QUESTION}")
        answer = await harness.ada.reply_to(question)
        assert answer["content"].startswith("a red circle, ")
        await press(harness.ada, answer, "Talk about it")
        found = await wait_finished(harness, thread, 2)
        assert found[-1]["message_reference"]["message_id"] == question["id"]
        assert chat.pictures[-1] == [["a red circle"]]


async def test_what_a_deleted_answer_was_about_is_forgotten(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        caption = await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=[RED]))
        await harness.all_closed()
        assert await harness.keys("about") == [
            f"beholder:about:{harness.session['application_id']}:{caption['id']}"
        ]
        await harness.ada.request("DELETE", f"/channels/{harness.pictures}/messages/{caption['id']}")
        last = await harness.ada.post(harness.pictures, files=[BLUE])
        await harness.ada.reply_to(last)
        await harness.all_closed()
        assert not any(each.endswith(caption["id"]) for each in await harness.keys("about"))
