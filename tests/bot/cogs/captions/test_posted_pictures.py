"""Captions of posted pictures."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from bot.formatting.errors import error_sentence
from bot.formatting.status import NO_IMAGE_HERE, NO_WORKER, cut_off_files
from inference.errors import BrokenPicture, NotAPicture
from inference.queue.connection import connect
from inference.queue.keys import Keys
from inference.queue.loading_state import LoadingAnnouncer
from inference.queue.scripts import Scripts
from tests.bot.harness import NOTICES_AT_ONCE, Harness, picture, wait_until


async def test_a_picture_in_a_captioned_channel_gets_one_reply(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        posted = await harness.ada.post(harness.pictures, files=[("a.png", picture("a red circle"))])
        reply = await harness.ada.reply_to(posted)
        assert reply["content"] == "a red circle"
        assert reply["mentions"] == []
        assert [job.priority for job in worker.jobs] == ["unasked"]
        assert worker.jobs[0].asker == harness.ada.user["id"]
        await harness.all_closed()


async def test_pictures_are_numbered_and_an_unreadable_one_gets_a_sentence(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        worker.failures["broken"] = BrokenPicture.code
        files = [
            ("1.png", picture("a red circle")),
            ("2.png", picture("broken")),
            ("3.png", b"only text"),
            ("4.jpg", picture("a blue square")),
        ]
        reply = await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=files))
        assert reply["content"].split("\n") == [
            "1. a red circle",
            f"2. {error_sentence(BrokenPicture())}",
            f"3. {error_sentence(NotAPicture())}",
            "4. a blue square",
        ]
        assert {job.group.size for job in worker.jobs} == {3}


async def test_the_caption_of_a_file_that_is_cut_off_says_so(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        worker.cut_off.add("half a circle")
        files = [("1.png", picture("half a circle")), ("2.png", picture("a red circle"))]
        one = await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=files[:1]))
        assert one["content"] == f"half a circle\n{cut_off_files([1], 1)}"
        two = await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=files))
        assert two["content"] == f"1. half a circle\n2. a red circle\n{cut_off_files([1], 2)}"


async def test_a_file_that_does_not_claim_to_be_a_picture_is_ignored(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        await harness.ada.post(harness.pictures, files=[("notes.txt", b"only text")])
        both = await harness.ada.post(
            harness.pictures, files=[("notes.txt", b"only text"), ("a.png", picture("a red circle"))]
        )
        assert (await harness.ada.reply_to(both))["content"] == "a red circle"
        assert await _bot_posts(harness, harness.pictures) == 1


async def test_ten_pictures_are_captioned_in_order(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        files = [(f"{n}.png", picture(f"number {n}")) for n in range(10)]
        reply = await harness.ada.reply_to(await harness.ada.post(harness.pictures, files=files))
        assert reply["content"] == "\n".join(f"{n + 1}. number {n}" for n in range(10))


async def test_nothing_is_posted_where_captions_are_off(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        await harness.ada.post(harness.general, files=[("a.png", picture("a red circle"))])
        # Messages of a channel are handled in order: once this one is answered, the first was ignored.
        mentioned = await harness.ada.post(
            harness.general, harness.mention, files=[("b.png", picture("a blue square"))]
        )
        assert (await harness.ada.reply_to(mentioned))["content"] == "a blue square"
        assert await _bot_posts(harness, harness.general) == 1
        assert [job.priority for job in worker.jobs] == ["waiting"]


async def test_a_picture_in_a_dm_is_captioned(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        channel = await harness.ada.direct_channel()
        posted = await harness.ada.post(channel, files=[("a.png", picture("a red circle"))])
        assert (await harness.ada.reply_to(posted))["content"] == "a red circle"
        assert worker.jobs[0].request.pictures[0].scope == f"dm:{channel}"


async def test_a_mention_without_a_picture_is_answered_with_what_to_do(harness: Harness) -> None:
    async with harness.bot():
        for words in ("", "what color is it?"):
            mentioned = await harness.ada.post(harness.general, f"{words} {harness.mention}")
            lines = (await harness.ada.reply_to(mentioned))["content"].split("\n")
            assert lines[0] == NO_IMAGE_HERE
            assert re.fullmatch(r"-# </help:\d+> says what .*", lines[1])


@pytest.mark.parametrize("words", ["hello", "help", "What can you do?"])
async def test_a_greeting_or_a_call_for_help_is_answered_with_what_the_bot_can_do(
    harness: Harness, words: str
) -> None:
    async with harness.worker() as worker, harness.bot():
        direct = await harness.ada.direct_channel()
        await harness.ada.reply_to(await harness.ada.post(direct, files=[("a.png", picture("a red circle"))]))
        asked = [
            await harness.ada.post(harness.general, f"{harness.mention} {words}"),
            await harness.ada.post(direct, words),
        ]
        for message in asked:
            reply = await harness.ada.reply_to(message)
            assert "What I can do" in reply["content"]
            assert re.search(r"</match:\d+>", reply["content"])
        assert len(worker.jobs) == 1
        shown = await harness.ada.post(
            harness.general, f"{harness.mention} {words}", files=[("a.png", picture("a blue square"))]
        )
        assert (await harness.ada.reply_to(shown))["content"].startswith("a blue square")


async def test_a_mention_in_a_reply_captions_the_picture_replied_to(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        shown = await harness.ada.post(harness.general, files=[("a.png", picture("a red circle"))])
        mentioned = await harness.ada.post(
            harness.general, harness.mention, message_reference={"message_id": shown["id"]}
        )
        assert (await harness.ada.reply_to(mentioned))["content"] == "a red circle"


async def test_a_reply_to_the_bot_without_a_picture_is_ignored(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        first = await harness.ada.post(harness.pictures, files=[("a.png", picture("a red circle"))])
        reply = await harness.ada.reply_to(first)
        thanks = await harness.ada.post(
            harness.pictures, "thanks", message_reference={"message_id": reply["id"]}
        )
        assert thanks["mentions"], "the reply must mention the bot"
        last = await harness.ada.post(harness.pictures, files=[("b.png", picture("a blue square"))])
        await harness.ada.reply_to(last)
        assert await harness.replies(harness.pictures, thanks) == []


async def test_a_spoiler_gets_a_caption_behind_a_spoiler(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.pictures, files=[("SPOILER_a.png", picture("a red circle"))])
        assert (await harness.ada.reply_to(posted))["content"] == "||a red circle||"


async def test_mentions_and_links_in_a_caption_are_escaped(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        words = f"@everyone <@{harness.ada.user['id']}> **look** https://example.com"
        reply = await harness.ada.reply_to(
            await harness.ada.post(harness.pictures, files=[("a.png", picture(words))])
        )
        assert reply["mentions"] == []
        assert not reply["mention_everyone"]
        assert "@everyone" not in reply["content"]
        assert "<@" not in reply["content"].replace("\\<", "")


async def test_a_file_over_the_limit_is_refused(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot(picture_bytes=2**16):
        big = picture("big") + bytes(2**16)
        posted = await harness.ada.post(harness.pictures, files=[("a.png", big)])
        content = (await harness.ada.reply_to(posted))["content"]
        assert "too large" in content
        assert worker.jobs == []


async def test_a_message_deleted_before_its_reply_gets_none(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        worker.gate.clear()
        posted = await harness.ada.post(harness.pictures, files=[("a.png", picture("a red circle"))])
        await worker.wait_for_jobs(1)
        await harness.ada.request("DELETE", f"/channels/{harness.pictures}/messages/{posted['id']}")
        await harness.all_closed()
        worker.gate.set()
        last = await harness.ada.post(harness.pictures, files=[("b.png", picture("a blue square"))])
        await harness.ada.reply_to(last)
        assert await _bot_posts(harness, harness.pictures) == 1


async def test_a_message_delivered_twice_is_answered_once(harness: Harness) -> None:
    async with harness.worker() as worker, harness.bot():
        harness.pocket.faults.repeat("MESSAGE_CREATE")
        posted = await harness.ada.post(harness.pictures, files=[("a.png", picture("a red circle"))])
        await harness.ada.reply_to(posted)
        last = await harness.ada.post(harness.pictures, files=[("b.png", picture("a blue square"))])
        await harness.ada.reply_to(last)
        assert len(await harness.replies(harness.pictures, posted)) == 1
        assert len(worker.jobs) == 2


async def test_without_the_content_intent_mentions_and_dms_still_work(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.pocket.grant_message_content(granted=False)
    async with harness.worker(), harness.bot():
        assert "message-content intent" in caplog.text
        await harness.ada.post(harness.pictures, files=[("a.png", picture("a red circle"))])
        mentioned = await harness.ada.post(
            harness.pictures, harness.mention, files=[("b.png", picture("a blue square"))]
        )
        assert (await harness.ada.reply_to(mentioned))["content"] == "a blue square"
        channel = await harness.ada.direct_channel()
        private = await harness.ada.post(channel, files=[("c.png", picture("a white circle"))])
        assert (await harness.ada.reply_to(private))["content"] == "a white circle"
        assert await _bot_posts(harness, harness.pictures) == 1


async def test_the_notice_that_no_worker_is_up_becomes_the_answer(
    harness: Harness,
) -> None:
    async with harness.bot(delays=NOTICES_AT_ONCE):
        mentioned = await harness.ada.post(
            harness.general, harness.mention, files=[("a.png", picture("a red circle"))]
        )
        first = await harness.ada.reply_to(mentioned)
        assert first["content"] == NO_WORKER
        async with harness.worker():
            edited = await harness.ada.hear(
                lambda kind, data: kind == "MESSAGE_UPDATE" and data["id"] == first["id"]
            )
        assert edited["content"] == "a red circle"
        assert len(await harness.replies(harness.general, mentioned)) == 1


async def test_what_comes_while_the_models_are_loaded_waits_with_the_reason_and_is_answered(
    harness: Harness,
) -> None:
    """Also where another worker is ready first, which can do something else."""
    redis, keys = connect(harness.redis_url), Keys()
    loading = LoadingAnnouncer(redis, keys, "loads", ("caption", "answer"))
    try:
        await Scripts(redis, keys)("beat", "converses", 60, "converse")
        await loading.announce()
        async with harness.bot(delays=NOTICES_AT_ONCE):
            mentioned = await harness.ada.post(
                harness.general, harness.mention, files=[("a.png", picture("a red circle"))]
            )
            first = await harness.ada.reply_to(mentioned)
            assert first["content"] == (
                "-# My models are being loaded (model 1 of 2): the answer will appear here when they are."
            )

            def edited_to(content: str) -> Callable[[str, dict[str, Any]], bool]:
                return lambda kind, data: (
                    (kind, data.get("id"), data.get("content")) == ("MESSAGE_UPDATE", first["id"], content)
                )

            await loading.begin(2)
            loading.progress("model.safetensors", 45, 100)
            await loading.announce()
            await harness.ada.hear(
                edited_to(
                    "-# My models are being fetched, which happens once (model 2 of 2, 45 %): the answer "
                    "will appear here when they are."
                )
            )
            async with harness.worker():
                await harness.ada.hear(edited_to("a red circle"))
            assert len(await harness.replies(harness.general, mentioned)) == 1
    finally:
        await redis.aclose()


async def test_the_bot_stops_while_a_request_runs_and_the_request_stays_open(harness: Harness) -> None:
    async with harness.worker() as worker:
        worker.gate.clear()
        async with harness.bot() as stopped:
            await harness.ada.post(harness.pictures, files=[("a.png", picture("a red circle"))])
            await worker.wait_for_jobs(1)
            stopped.set()
            await wait_until(lambda: not harness._is_online())
        assert len(await harness.open_requests()) == 1


async def _bot_posts(harness: Harness, channel: str) -> int:
    found = await harness.ada.request("GET", f"/channels/{channel}/messages?limit=100")
    return sum(each["author"]["id"] == harness.session["bot_user_id"] for each in found)


@pytest.mark.parametrize("place", ["channel", "direct"])
@pytest.mark.parametrize(("first", "then"), [("old?", "what color is it?"), ("", "what color is it?")])
async def test_a_question_that_is_edited_while_it_waits_is_answered_as_it_reads_then(
    harness: Harness, place: str, first: str, then: str
) -> None:
    async with harness.bot(delays=NOTICES_AT_ONCE):
        channel, name = harness.general, f"{harness.mention} "
        if place == "direct":
            channel, name = await harness.ada.direct_channel(), ""
        asked = await harness.ada.post(channel, name + first, files=[("a.png", picture("a red circle"))])
        placeholder = await harness.ada.reply_to(asked)
        path = f"/channels/{channel}/messages/{asked['id']}"
        await harness.ada.request("PATCH", path, json={"content": name + then})
        await harness.wait_open(f"post:{asked['id']}", lambda request: request.get("question") == then)
        async with harness.worker() as worker:
            edited = await harness.ada.hear(
                lambda kind, data: kind == "MESSAGE_UPDATE" and data["id"] == placeholder["id"]
            )
            await harness.all_closed()
        assert edited["content"] == f"a red circle, if you ask\\: {then}"
        assert len(await harness.replies(channel, asked)) == 1
        assert len(worker.jobs) == 1


async def test_a_question_that_was_edited_while_the_bot_was_away_is_answered_as_it_reads_then(
    harness: Harness,
) -> None:
    async with harness.bot(delays=NOTICES_AT_ONCE):
        asked = await harness.ada.post(
            harness.general, f"{harness.mention} old?", files=[("a.png", picture("a red circle"))]
        )
        placeholder = await harness.ada.reply_to(asked)
    path = f"/channels/{harness.general}/messages/{asked['id']}"
    await harness.ada.request("PATCH", path, json={"content": f"{harness.mention} new?"})
    async with harness.worker(), harness.bot():
        await harness.all_closed()
    [reply] = await harness.replies(harness.general, asked)
    assert (reply["id"], reply["content"]) == (placeholder["id"], "a red circle, if you ask\\: new?")


@pytest.mark.parametrize("pictures", [0, 1])
async def test_a_file_that_is_no_picture_is_named_beside_a_question(harness: Harness, pictures: int) -> None:
    async with harness.worker(), harness.bot():
        files = [("notes.txt", b"words"), *[("a.png", picture("a red circle"))] * pictures]
        asked = await harness.ada.post(harness.general, f"{harness.mention} see file", files=files)
        lines = (await harness.ada.reply_to(asked))["content"].split("\n")
        assert lines[:2] == [
            "a red circle, if you ask\\: see file" if pictures else NO_IMAGE_HERE,
            "-# I did not look at notes.txt: I can look at pictures only.",
        ]
