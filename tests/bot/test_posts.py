"""What people see when they post pictures: the bot as it is, against the pocket Discord and a real Redis."""

import asyncio

import pytest

from bot import replies
from inference.errors import BrokenPicture, NotAPicture
from tests.bot.stage import Stage, picture, until


async def test_a_picture_where_captions_are_on_gets_one_caption_and_nothing_else(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        posted = await stage.ada.post(stage.pictures, files=[("a.png", picture("a red circle"))])
        reply = await stage.ada.reply_to(posted)
        assert reply["content"] == "a red circle"
        assert reply["mentions"] == []
        assert [job.priority for job in worker.jobs] == ["unasked"]
        assert worker.jobs[0].asker == stage.ada.user["id"]
        await stage.all_closed()


async def test_pictures_are_numbered_and_a_refusal_stands_in_its_place(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        worker.failures["broken"] = BrokenPicture.code
        files = [
            ("1.png", picture("a red circle")),
            ("2.png", picture("broken")),
            ("3.png", b"only text"),
            ("4.jpg", picture("a blue square")),
        ]
        reply = await stage.ada.reply_to(await stage.ada.post(stage.pictures, files=files))
        assert reply["content"].split("\n") == [
            "1. a red circle",
            f"2. {replies.sentence(BrokenPicture())}",
            f"3. {replies.sentence(NotAPicture())}",
            "4. a blue square",
        ]
        assert {job.group.size for job in worker.jobs} == {3}


async def test_a_file_that_claims_no_picture_is_left_alone(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        await stage.ada.post(stage.pictures, files=[("notes.txt", b"only text")])
        both = await stage.ada.post(
            stage.pictures, files=[("notes.txt", b"only text"), ("a.png", picture("a red circle"))]
        )
        assert (await stage.ada.reply_to(both))["content"] == "a red circle"
        assert await _bot_posts(stage, stage.pictures) == 1


async def test_ten_pictures_come_back_in_order(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        files = [(f"{n}.png", picture(f"number {n}")) for n in range(10)]
        reply = await stage.ada.reply_to(await stage.ada.post(stage.pictures, files=files))
        assert reply["content"] == "\n".join(f"{n + 1}. number {n}" for n in range(10))


async def test_nothing_is_posted_where_captions_are_off(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        await stage.ada.post(stage.general, files=[("a.png", picture("a red circle"))])
        # The next message is taken after it, so that its answer means the first had none.
        asked = await stage.ada.post(stage.general, stage.me, files=[("b.png", picture("a blue square"))])
        assert (await stage.ada.reply_to(asked))["content"] == "a blue square"
        assert await _bot_posts(stage, stage.general) == 1
        assert [job.priority for job in worker.jobs] == ["waiting"]


async def test_a_dm_is_captioned(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        channel = await stage.ada.direct_channel()
        posted = await stage.ada.post(channel, files=[("a.png", picture("a red circle"))])
        assert (await stage.ada.reply_to(posted))["content"] == "a red circle"
        assert worker.jobs[0].request.pictures[0].scope == f"dm:{channel}"


async def test_a_mention_with_nothing_to_see_gets_help(stage: Stage) -> None:
    async with stage.bot():
        reply = await stage.ada.reply_to(await stage.ada.post(stage.general, f"hello {stage.me}"))
        assert reply["content"] == replies.HELP


async def test_a_mention_in_a_reply_captions_the_picture_replied_to(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        shown = await stage.ada.post(stage.general, files=[("a.png", picture("a red circle"))])
        asked = await stage.ada.post(stage.general, stage.me, message_reference={"message_id": shown["id"]})
        assert (await stage.ada.reply_to(asked))["content"] == "a red circle"


async def test_saying_thanks_to_the_bot_starts_nothing(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        first = await stage.ada.post(stage.pictures, files=[("a.png", picture("a red circle"))])
        reply = await stage.ada.reply_to(first)
        thanks = await stage.ada.post(stage.pictures, "thanks", message_reference={"message_id": reply["id"]})
        assert thanks["mentions"], "the reply has to mention the bot for this to mean anything"
        last = await stage.ada.post(stage.pictures, files=[("b.png", picture("a blue square"))])
        await stage.ada.reply_to(last)
        assert await stage.replies(stage.pictures, thanks) == []


async def test_a_spoilered_picture_gets_a_spoilered_caption(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        posted = await stage.ada.post(stage.pictures, files=[("SPOILER_a.png", picture("a red circle"))])
        assert (await stage.ada.reply_to(posted))["content"] == "||a red circle||"


async def test_a_caption_mentions_nobody_and_marks_nothing_up(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        words = f"@everyone <@{stage.ada.user['id']}> **look** https://example.com"
        reply = await stage.ada.reply_to(
            await stage.ada.post(stage.pictures, files=[("a.png", picture(words))])
        )
        assert reply["mentions"] == []
        assert not reply["mention_everyone"]
        assert "@everyone" not in reply["content"]
        assert "<@" not in reply["content"].replace("\\<", "")


async def test_a_file_over_the_cap_is_refused_by_its_size(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot(picture_bytes=2**16):
        big = picture("big") + bytes(2**16)
        posted = await stage.ada.post(stage.pictures, files=[("a.png", big)])
        content = (await stage.ada.reply_to(posted))["content"]
        assert "too large" in content
        assert worker.jobs == []


async def test_a_message_deleted_while_it_is_worked_on_gets_no_reply(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        worker.gate.clear()
        posted = await stage.ada.post(stage.pictures, files=[("a.png", picture("a red circle"))])
        await worker.taken(1)
        await stage.ada.request("DELETE", f"/channels/{stage.pictures}/messages/{posted['id']}")
        await stage.all_closed()
        worker.gate.set()
        last = await stage.ada.post(stage.pictures, files=[("b.png", picture("a blue square"))])
        await stage.ada.reply_to(last)
        assert await _bot_posts(stage, stage.pictures) == 1


async def test_a_message_delivered_twice_is_answered_once(stage: Stage) -> None:
    async with stage.worker() as worker, stage.bot():
        stage.pocket.faults.repeat("MESSAGE_CREATE")
        posted = await stage.ada.post(stage.pictures, files=[("a.png", picture("a red circle"))])
        await stage.ada.reply_to(posted)
        last = await stage.ada.post(stage.pictures, files=[("b.png", picture("a blue square"))])
        await stage.ada.reply_to(last)
        assert len(await stage.replies(stage.pictures, posted)) == 1
        assert len(worker.jobs) == 2


async def test_without_the_content_intent_mentions_and_dms_still_work(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.pocket.grant_message_content(granted=False)
    async with stage.worker(), stage.bot():
        assert "message-content intent" in caplog.text
        await stage.ada.post(stage.pictures, files=[("a.png", picture("a red circle"))])
        asked = await stage.ada.post(stage.pictures, stage.me, files=[("b.png", picture("a blue square"))])
        assert (await stage.ada.reply_to(asked))["content"] == "a blue square"
        channel = await stage.ada.direct_channel()
        private = await stage.ada.post(channel, files=[("c.png", picture("a white circle"))])
        assert (await stage.ada.reply_to(private))["content"] == "a white circle"
        assert await _bot_posts(stage, stage.pictures) == 1


async def test_somebody_who_waits_hears_that_no_worker_is_up_and_the_same_reply_becomes_the_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.answering.SECONDS_TO_PLACEHOLDER", 0.1)
    async with stage.bot():
        asked = await stage.ada.post(stage.general, stage.me, files=[("a.png", picture("a red circle"))])
        first = await stage.ada.reply_to(asked)
        assert first["content"] == replies.NO_WORKER
        async with stage.worker():
            edited = await stage.ada.hear(
                lambda kind, data: kind == "MESSAGE_UPDATE" and data["id"] == first["id"]
            )
        assert edited["content"] == "a red circle"
        assert len(await stage.replies(stage.general, asked)) == 1


async def test_the_bot_stops_within_five_seconds_with_work_in_hand(stage: Stage) -> None:
    async with stage.worker() as worker:
        worker.gate.clear()
        async with stage.bot() as stopped:
            await stage.ada.post(stage.pictures, files=[("a.png", picture("a red circle"))])
            await worker.taken(1)
            loop = asyncio.get_running_loop()
            began = loop.time()
            stopped.set()
            await until(lambda: not stage._is_online())
        assert loop.time() - began < 5
        assert len(await stage.open_requests()) == 1


async def _bot_posts(stage: Stage, channel: str) -> int:
    found = await stage.ada.request("GET", f"/channels/{channel}/messages?limit=100")
    return sum(each["author"]["id"] == stage.session["bot_user_id"] for each in found)
