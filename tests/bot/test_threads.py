"""Conversations as people see them: the pocket Discord, a real Redis, a worker that streams."""

from inference.jobs import Turn
from tests.bot.stage import Stage
from tests.bot.talk import buttons, finished, seen, thread
from tests.bot.talker import talking


async def test_the_button_of_a_caption_opens_a_thread_in_which_nobody_has_to_mention_the_bot(
    stage: Stage,
) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        [first] = await finished(stage, place, 1)
        assert first["content"] == "Ada says describe the image"
        assert talker.seen == [[["a red circle"]]]
        await stage.ada.post(place, "what color is it?")
        second = (await finished(stage, place, 2))[-1]
        assert second["content"] == "Ada says what color is it?"
        assert talker.last.turns == (
            Turn(role="user", speaker="Ada", text="describe the image", pictures=talker.last.pictures),
            Turn(role="assistant", text="Ada says describe the image"),
            Turn(role="user", speaker="Ada", text="what color is it?"),
        )
        assert talker.seen[-1] == [["a red circle"], [], []]
        info = await stage.ada.request("GET", f"/channels/{place}")
        assert info["name"] == "a red circle"
        await stage.all_closed()


async def test_only_the_newest_answer_has_buttons(stage: Stage) -> None:
    async with talking(stage), stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        await stage.ada.post(place, "what color is it?")
        await seen(stage, place, lambda found: [bool(buttons(each)) for each in found] == [False, True])
