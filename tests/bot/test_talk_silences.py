"""Nobody who talks to the bot is met with silence, nor with a sentence that is not true."""

import pytest

from bot import replies, talk_replies
from handlers.chat.history import ConversationKey, History
from inference.errors import QueueUnavailable
from tests.bot.calling import Caller
from tests.bot.stage import Stage
from tests.bot.talk import (
    CIRCLE,
    answers,
    deny_threads,
    finished,
    lose,
    opened,
    press,
    seen,
    thread,
)
from tests.bot.talker import talking

MENU = "Talk about this image"


@pytest.mark.parametrize("what", ["name", "file"])
async def test_what_says_nothing_is_answered_with_what_to_do(stage: Stage, what: str) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        if what == "name":
            await stage.ada.post(place, stage.me)
        else:
            await stage.ada.post(place, files=[("notes.txt", b"hello")])
        found = await seen(stage, place, lambda found: len(found) == 2)
        assert found[-1]["content"] == talk_replies.NOTHING_THERE
        await stage.ada.post(place, "and now?")
        await finished(stage, place, 3)
        assert len(talker.jobs) == 2


async def test_who_mentions_the_bot_is_not_told_to_mention_it(stage: Stage) -> None:
    stage.pocket.grant_message_content(granted=False)
    async with talking(stage), stage.bot():
        asked = await stage.ada.post(stage.general, stage.me, files=CIRCLE)
        await press(stage.ada, await stage.ada.reply_to(asked), "Talk about it")
        place = asked["id"]
        await opened(stage, place)
        await finished(stage, place, 1)
        await stage.ada.post(place, stage.me)
        found = await seen(stage, place, lambda found: len(found) == 2)
        assert found[-1]["content"] == talk_replies.NOTHING_THERE


async def test_a_reply_to_a_conversation_that_is_forgotten_hears_so(stage: Stage) -> None:
    deny_threads(stage)
    async with talking(stage) as talker, stage.bot():
        posted = await stage.ada.post(stage.general, files=CIRCLE)
        await Caller(stage.ada).call(stage.general, MENU, target=posted)
        [first] = await finished(stage, stage.general, 1)
        await stage.all_closed()
        await lose(stage)
        reference = {"message_id": first["id"]}
        asked = await stage.ada.post(stage.general, "what color?", message_reference=reference)
        assert (await stage.ada.reply_to(asked))["content"] == talk_replies.LOST
        assert len(talker.jobs) == 1


async def test_a_turn_in_a_dm_that_redis_missed_is_answered_in_one_message(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.catchup.PAUSE", 0.05)
    latest, tried = History.latest, 0

    async def flaky(self: History, channel: int) -> ConversationKey | None:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise QueueUnavailable
        return await latest(self, channel)

    async with talking(stage), stage.bot():
        place = await stage.ada.direct_channel()
        posted = await stage.ada.post(place, files=CIRCLE)
        await press(stage.ada, await stage.ada.reply_to(posted), "Talk about it")
        await finished(stage, place, 2)
        await stage.all_closed()
        monkeypatch.setattr(History, "latest", flaky)
        await stage.ada.post(place, "what color is it?")
        found = await finished(stage, place, 3)
        assert found[-1]["content"] == "Ada says what color is it?"
        await stage.all_closed()
        assert replies.NO_MEMORY not in [each["content"] for each in await answers(stage, place)]
        assert tried > 1
