"""Conversations as people see them: the pocket Discord, a real Redis, a worker that streams."""

import asyncio

import pytest

from bot import replies, talk_replies
from handlers.chat.prompt import PICTURE_WAS_HERE
from inference.errors import ChatUnavailable
from inference.schema import Turn
from tests.bot.calling import Caller, option
from tests.bot.stage import Stage
from tests.bot.talk import (
    CIRCLE,
    EPHEMERAL,
    SQUARE,
    answers,
    buttons,
    deny_threads,
    finished,
    is_done,
    lose,
    messages,
    opened,
    press,
    seen,
    thread,
)
from tests.bot.talker import Talker, talking
from tests.e2e.member import Member

MENU = "Talk about this image"


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


async def test_the_first_words_are_there_before_the_last_and_can_ping_nobody(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.pieces = lambda _: [f"@everyone <@{stage.ada.user['id']}> ", "and the rest"]
        talker.gate.clear()
        place = await thread(stage)
        [first] = await seen(stage, place, lambda found: len(found) == 1)
        assert "everyone" in first["content"]
        assert "rest" not in first["content"]
        assert list(buttons(first)) == ["Stop"]
        talker.gate.set()
        [last] = await finished(stage, place, 1)
        assert "rest" in last["content"]
        assert not last["mentions"]
        assert not last["mention_everyone"]
        assert "@everyone" not in last["content"]


async def test_only_the_newest_answer_has_buttons(stage: Stage) -> None:
    async with talking(stage), stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        await stage.ada.post(place, "what color is it?")
        await seen(stage, place, lambda found: [bool(buttons(each)) for each in found] == [False, True])


async def test_the_menu_opens_a_thread_that_is_named_after_the_picture_and_opens_it_once(
    stage: Stage,
) -> None:
    async with talking(stage) as talker, stage.bot():
        posted = await stage.ada.post(stage.general, files=CIRCLE)
        caller = Caller(stage.ada)
        pointer = talk_replies.IN_THREAD.format(thread=posted["id"])
        for _ in range(2):
            start = len(stage.ada.heard)
            await caller.call(stage.general, MENU, target=posted)
            outcome = await caller.outcome(await caller.placeholder(stage.general, start=start))
            assert outcome["content"] == pointer
            assert outcome["flags"] & EPHEMERAL
            await finished(stage, posted["id"], 1)
        info = await stage.ada.request("GET", f"/channels/{posted['id']}")
        assert info["name"] == "a red circle"
        await stage.all_closed()
        assert len(talker.jobs) == 1


async def test_chat_takes_the_newest_picture_and_answers_the_question_publicly_in_the_new_thread(
    stage: Stage,
) -> None:
    async with talking(stage) as talker, stage.bot():
        posted = await stage.ada.post(stage.general, files=CIRCLE)
        caller = Caller(stage.ada)
        await caller.call(stage.general, "chat", option(3, "question", "what color is it?"))
        placeholder = await caller.placeholder(stage.general)
        outcome = await caller.outcome(placeholder)
        assert outcome["content"] == talk_replies.IN_THREAD.format(thread=posted["id"])
        assert not outcome["flags"] & EPHEMERAL
        [answer] = await finished(stage, posted["id"], 1)
        assert answer["content"].split("\n") == [
            "-# Ada asked: what color is it?",
            "Ada says what color is it?",
        ]
        assert talker.seen == [[["a red circle"]]]
        info = await stage.ada.request("GET", f"/channels/{posted['id']}")
        assert info["name"] == "what color is it?"


async def test_chat_shows_a_picture_that_was_given_and_opens_the_thread_there(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        caller = Caller(stage.ada)
        given = {"type": 11, "name": "image", "value": 0}
        await caller.call(stage.general, "chat", given, files=CIRCLE)
        placeholder = await caller.placeholder(stage.general)
        outcome = await caller.outcome(placeholder)
        assert outcome["content"] == f"> {talk_replies.DESCRIBE}"
        assert [each["filename"] for each in outcome["attachments"]] == [replies.PICTURE_NAME]
        await opened(stage, placeholder["id"])
        await finished(stage, placeholder["id"], 1)
        assert talker.seen == [[["a red circle"]]]
        await stage.ada.post(placeholder["id"], "and now?")
        await finished(stage, placeholder["id"], 2)
        assert talker.seen[-1] == [["a red circle"], [], []]


async def test_in_a_dm_the_conversation_goes_on_in_place_as_a_reply_chain(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await stage.ada.direct_channel()
        posted = await stage.ada.post(place, files=CIRCLE)
        caption = await stage.ada.reply_to(posted)
        await press(stage.ada, caption, "Talk about it")
        first = (await finished(stage, place, 2))[-1]
        assert first["message_reference"]["message_id"] == posted["id"]
        asked = await stage.ada.post(
            place, "what color is it?", message_reference={"message_id": first["id"]}
        )
        second = (await finished(stage, place, 3))[-1]
        assert second["message_reference"]["message_id"] == asked["id"]
        assert [turn.text for turn in talker.last.turns][-1] == "what color is it?"
        assert talker.seen[-1][0] == ["a red circle"]
        # Nothing else was said here since: plain words go on with it as well.
        await stage.ada.post(place, "are you sure?")
        (await finished(stage, place, 4))[-1]
        assert len(talker.last.turns) == 5


async def test_two_pictures_in_one_channel_never_mix_in_place(stage: Stage) -> None:
    deny_threads(stage)
    async with talking(stage) as talker, stage.bot():
        caller = Caller(stage.ada)
        firsts = []
        for files in (CIRCLE, SQUARE):
            posted = await stage.ada.post(stage.general, files=files)
            await caller.call(stage.general, MENU, target=posted)
            answer = await stage.ada.reply_to(posted)
            await seen(stage, stage.general, lambda found: all(map(buttons, found)))
            assert answer["message_reference"]["message_id"] == posted["id"]
            firsts.append(answer)
        await stage.all_closed()
        for first, shows in zip(firsts, ("a red circle", "a blue square"), strict=True):
            asked = await stage.ada.post(
                stage.general, "what is it?", message_reference={"message_id": first["id"]}
            )
            await stage.ada.reply_to(asked)
            await stage.all_closed()
            assert talker.seen[-1] == [[shows], [], []]


async def test_more_pictures_belong_to_the_turn_that_they_were_posted_with(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        await stage.ada.post(place, "and this?", files=SQUARE)
        await finished(stage, place, 2)
        await stage.ada.post(place, "which is larger?")
        await finished(stage, place, 3)
        assert talker.seen[-1] == [["a red circle"], [], ["a blue square"], [], []]
        assert talker.captions == 1, "pictures in a conversation are not captioned besides"


async def test_two_who_write_at_once_are_answered_in_order_and_by_name(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot(), Member(stage.session, 1) as ben:
        place = await thread(stage)
        await finished(stage, place, 1)
        talker.gate.clear()
        one = await stage.ada.post(place, "what color is it?")
        other = await ben.post(place, "is it large?")
        await talker.taken(2)
        assert talker.last.turns[-1].text == "what color is it?"
        talker.gate.set()
        found = await finished(stage, place, 3)
        assert [each["message_reference"]["message_id"] for each in found[1:]] == [one["id"], other["id"]]
        assert [(turn.role, turn.speaker, turn.text) for turn in talker.last.turns][-3:] == [
            ("user", "Ada", "what color is it?"),
            ("assistant", "", "Ada says what color is it?"),
            ("user", "Ben", "is it large?"),
        ]


async def test_stop_ends_the_answer_on_the_server_too(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.gate.clear()
        place = await thread(stage)
        [first] = await seen(stage, place, lambda found: len(found) == 1)
        await press(stage.ada, first, "Stop")
        [last] = await finished(stage, place, 1)
        assert talker.stopped == {talker.jobs[0].id}
        assert last["content"] == f"Ada\n{talk_replies.STOPPED}"
        talker.gate.set()
        await stage.ada.post(place, "go on")
        await finished(stage, place, 2)
        assert talker.last.turns[1].text == "Ada"


async def test_regenerate_puts_another_answer_in_its_place(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        [first] = await finished(stage, place, 1)
        await stage.all_closed()
        talker.pieces = lambda _: ["something else"]
        await press(stage.ada, first, "Regenerate")
        [other] = await seen(stage, place, lambda found: found[0]["content"] == "something else")
        assert other["id"] == first["id"]
        await stage.all_closed()
        await stage.ada.post(place, "and now?")
        await finished(stage, place, 2)
        assert [turn.text for turn in talker.last.turns] == [
            "describe the image",
            "something else",
            "and now?",
        ]


async def test_reset_forgets_what_was_said_but_not_the_picture(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        [first] = await finished(stage, place, 1)
        await stage.all_closed()
        await press(stage.ada, first, "Reset")
        found = await seen(stage, place, lambda found: len(found) == 2)
        assert found[1]["content"] == talk_replies.RESET.format(who="Ada")
        await stage.ada.post(place, "what is it?")
        await finished(stage, place, 3)
        assert [turn.text for turn in talker.last.turns] == ["what is it?"]
        assert talker.seen[-1] == [["a red circle"]]


async def test_a_long_answer_goes_on_in_further_messages(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.pieces = lambda _: [f"word{number} " for number in range(600)]
        place = await thread(stage)
        found = await seen(stage, place, lambda found: bool(found) and is_done(found[-1]))
        assert len(found) == 3
        assert " ".join(each["content"] for each in found).split() == [f"word{n}" for n in range(600)]
        assert [bool(buttons(each)) for each in found] == [False, False, True]
        await stage.all_closed()
        talker.pieces = lambda _: ["short"]
        await press(stage.ada, found[-1], "Regenerate")
        await seen(stage, place, lambda found: [each["content"] for each in found] == ["short"])


async def test_a_model_that_is_not_there_is_said_within_three_seconds_and_retry_works(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        talker.wrong = ChatUnavailable(where="127.0.0.1:11434")
        began = asyncio.get_running_loop().time()
        await stage.ada.post(place, "what is it?")
        found = await seen(stage, place, lambda found: len(found) == 2)
        assert asyncio.get_running_loop().time() - began < 3
        assert found[-1]["content"] == talk_replies.failed(talker.wrong)
        assert list(buttons(found[-1])) == ["Retry", "Reset"]
        talker.wrong = None
        await stage.all_closed()
        await press(stage.ada, found[-1], "Retry")
        again = await finished(stage, place, 2)
        assert again[-1]["content"] == "Ada says what is it?"
        assert again[-1]["id"] == found[-1]["id"]


async def test_a_model_that_is_fetched_first_shows_how_far_it_is(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.progress = [0.25]
        talker.gate.clear()
        place = await thread(stage)
        [first] = await seen(stage, place, lambda found: len(found) == 1)
        assert first["content"] == talk_replies.small(talk_replies.pulling(0.25))
        assert "25%" in first["content"]
        talker.gate.set()
        [last] = await finished(stage, place, 1)
        assert last["content"] == "Ada says describe the image"
        assert last["id"] == first["id"]


async def test_without_the_content_intent_a_turn_needs_a_mention_and_the_bot_says_so_once(
    stage: Stage,
) -> None:
    stage.pocket.grant_message_content(granted=False)
    async with talking(stage) as talker, stage.bot():
        asked = await stage.ada.post(stage.general, stage.me, files=CIRCLE)
        caption = await stage.ada.reply_to(asked)
        await press(stage.ada, caption, "Talk about it")
        place = asked["id"]
        await opened(stage, place)
        await finished(stage, place, 1)
        for _ in range(2):
            await stage.ada.post(place, "what color is it?")
        await stage.ada.post(place, f"{stage.me} is it large?")
        found = await finished(stage, place, 3)
        assert [each["content"] for each in found[1:]] == [talk_replies.UNSEEN, "Ada says is it large?"]
        assert [turn.text for turn in talker.last.turns][-1] == "is it large?"
        await stage.ada.post(place, "sure?", message_reference={"message_id": found[-1]["id"]})
        await finished(stage, place, 4)


async def test_what_authors_edit_and_delete_is_edited_and_deleted_in_the_history(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        one = await stage.ada.post(place, "my secret question")
        await finished(stage, place, 2)
        two = await stage.ada.post(place, "a typo")
        await finished(stage, place, 3)
        await stage.ada.request("DELETE", f"/channels/{place}/messages/{one['id']}")
        path = f"/channels/{place}/messages/{two['id']}"
        await stage.ada.request("PATCH", path, json={"content": "no typo"})
        await stage.ada.post(place, "and now?")
        await finished(stage, place, 4)
        assert [turn.text for turn in talker.last.turns if turn.role == "user"] == [
            "describe the image",
            "no typo",
            "and now?",
        ]
        assert "secret" not in talker.jobs[-1].model_dump_json()


async def test_that_the_picture_was_deleted_is_said_once(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        await stage.ada.request("DELETE", f"/channels/{stage.pictures}/messages/{place}")
        told = []
        for count in (2, 3):
            await stage.ada.post(place, f"question {count}")
            told.append((await finished(stage, place, count))[-1]["content"])
        assert told == [f"Ada says question 2\n{talk_replies.GONE}", "Ada says question 3"]
        assert talker.seen[-1] == [[]] * 5
        assert PICTURE_WAS_HERE in talker.last.turns[0].text


async def test_what_no_longer_fits_is_left_out_but_never_the_picture_and_that_is_said_once(
    stage: Stage,
) -> None:
    async with talking(stage) as talker, stage.bot(chat_context=1400):
        place = await thread(stage)
        await finished(stage, place, 1)
        told = []
        for count in range(2, 6):
            await stage.ada.post(place, f"{count} " + "very " * 80)
            told.append((await finished(stage, place, count))[-1]["content"].count(talk_replies.TRIMMED))
        assert sum(told) == 1
        texts = [turn.text for turn in talker.last.turns]
        assert texts[0] == "describe the image"
        assert texts[-1].startswith("5 ")
        assert not any(text.startswith("2 ") for text in texts)
        assert talker.seen[-1][0] == ["a red circle"]


async def test_a_model_that_reads_less_than_was_thought_gets_less_and_nobody_notices_more_than_that(
    stage: Stage,
) -> None:
    async with talking(stage) as talker, stage.bot():
        talker.reads = 200
        place = await thread(stage)
        await finished(stage, place, 1)
        told = []
        for count in range(2, 7):
            await stage.ada.post(place, f"{count} " + "very " * 20)
            told.append((await finished(stage, place, count))[-1]["content"])
        assert [text.count(talk_replies.TRIMMED) for text in told].count(1) == 1
        assert all(f"Ada says {count} very" in text for count, text in enumerate(told, 2))
        assert talker.seen[-1][0] == ["a red circle"]
        assert len(talker.last.turns) > 3
        refused = sum(talker._too_long(job.request) is not None for job in talker.jobs)  # type: ignore[arg-type]
        assert 0 < refused < 4
        await stage.ada.post(place, "very " * 300)
        [*_, sorry] = await seen(
            stage, place, lambda found: len(found) == 7 and "Retry" in buttons(found[-1])
        )
        assert "longer than I can keep in mind" in sorry["content"]
        await stage.ada.post(place, "and now?")
        assert "Ada says and now?" in (await finished(stage, place, 8))[-1]["content"]


@pytest.mark.parametrize("bot_restarts", [False, True])
async def test_a_history_that_redis_has_lost_is_rebuilt_from_the_thread(
    stage: Stage, bot_restarts: bool
) -> None:
    async with talking(stage) as talker, stage.bot():
        posted = await stage.ada.post(stage.general, files=CIRCLE)
        caller = Caller(stage.ada)
        await caller.call(stage.general, "chat", option(3, "question", "is it *red*?"))
        place = posted["id"]
        await opened(stage, place)
        await finished(stage, place, 1)
        await stage.ada.post(place, "what color is it?")
        await finished(stage, place, 2)
        before = talker.last.turns
        await stage.all_closed()
        if not bot_restarts:
            await _lost_and_asked(stage, talker, place, before)
    if bot_restarts:
        async with talking(stage) as talker, stage.bot():
            await _lost_and_asked(stage, talker, place, before)


async def _lost_and_asked(stage: Stage, talker: Talker, place: str, before: tuple[Turn, ...]) -> None:
    await lose(stage)
    await stage.ada.post(place, "and now?")
    await finished(stage, place, 3)
    assert talker.last.turns[:3] == before
    assert [turn.text for turn in talker.last.turns][3:] == [
        "Ada says what color is it?",
        "and now?",
    ]


async def test_a_bot_that_was_killed_knows_the_picture_and_the_turns(stage: Stage) -> None:
    async with talking(stage) as talker:
        async with stage.process():
            place = await thread(stage)
            await finished(stage, place, 1)
            await stage.ada.post(place, "what color is it?")
            await finished(stage, place, 2)
            await stage.all_closed()
        async with stage.process():
            await stage.ada.post(place, "say that again")
            await finished(stage, place, 3)
            assert [turn.text for turn in talker.last.turns] == [
                "describe the image",
                "Ada says describe the image",
                "what color is it?",
                "Ada says what color is it?",
                "say that again",
            ]
            assert talker.seen[-1][0] == ["a red circle"]


async def test_an_answer_that_a_killed_bot_left_unfinished_says_so_and_retry_works(stage: Stage) -> None:
    async with talking(stage) as talker:
        talker.gate.clear()
        async with stage.process():
            place = await thread(stage)
            [first] = await seen(stage, place, lambda found: len(found) == 1)
            assert first["content"] == "Ada"
        async with stage.process():
            [left] = await seen(stage, place, lambda found: "interrupted" in found[0]["content"])
            assert left["content"] == f"Ada\n{talk_replies.INTERRUPTED}"
            assert left["id"] == first["id"]
            assert list(buttons(left)) == ["Retry", "Reset"]
            await stage.all_closed()
            talker.gate.set()
            await press(stage.ada, left, "Retry")
            [last] = await finished(stage, place, 1)
            assert last["content"] == "Ada says describe the image"
            await stage.all_closed()


async def test_a_turn_that_was_accepted_and_not_begun_is_answered_once_after_a_kill(stage: Stage) -> None:
    async with talking(stage) as talker:
        async with stage.process():
            place = await thread(stage)
            await finished(stage, place, 1)
            talker.after = 0
            talker.gate.clear()
            await stage.ada.post(place, "what color is it?")
            await talker.taken(2)
        talker.gate.set()
        async with stage.process():
            found = await finished(stage, place, 2)
            assert found[-1]["content"] == "Ada says what color is it?"
            await stage.all_closed()
            assert len(await answers(stage, place)) == 2
            assert len(talker.jobs) == 2, "the job was finished or running under the same id"


async def test_what_was_said_while_the_bot_was_away_is_answered_when_it_is_back(stage: Stage) -> None:
    async with talking(stage) as talker:
        async with stage.bot():
            place = await thread(stage)
            await finished(stage, place, 1)
            await stage.ada.post(place, "one")
            await finished(stage, place, 2)
            await stage.marked(2)
        for text in ("two", "three"):
            await stage.ada.post(place, text)
        async with stage.bot():
            found = await finished(stage, place, 4)
            assert [each["content"] for each in found[1:]] == [
                "Ada says one",
                "Ada says two",
                "Ada says three",
            ]
            assert [turn.text for turn in talker.last.turns][-3:] == ["two", "Ada says two", "three"]


async def test_a_question_by_command_in_the_thread_itself_is_a_turn_and_is_found_again(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        caller = Caller(stage.ada)
        await caller.call(place, "chat", option(3, "question", "is it *large*?"))
        found = await finished(stage, place, 3)
        assert [each["content"] for each in found[1:]] == [
            "> is it \\*large\\*?",
            "Ada says is it \\*large\\*?",
        ]
        await stage.all_closed()
        await lose(stage)
        await stage.ada.post(place, "sure?")
        await finished(stage, place, 4)
        assert [(turn.speaker, turn.text) for turn in talker.last.turns][-3:] == [
            ("Ada", "is it *large*?"),
            ("", "Ada says is it *large*?"),
            ("Ada", "sure?"),
        ]


async def test_somebody_who_waits_sees_their_place_and_the_same_message_becomes_the_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.following.SECONDS_TO_PLACE", 0.1)
    async with stage.bot():
        async with talking(stage):
            place = await thread(stage)
            await finished(stage, place, 1)
        await stage.ada.post(place, "what color is it?")
        found = await seen(stage, place, lambda found: len(found) == 2)
        assert found[-1]["content"] == talk_replies.small(replies.place(0))
        async with talking(stage):
            [_, last] = await finished(stage, place, 2)
            assert last["content"] == "Ada says what color is it?"
            assert last["id"] == found[-1]["id"]


async def test_a_message_that_is_deleted_while_it_is_answered_gets_no_answer(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        place = await thread(stage)
        await finished(stage, place, 1)
        talker.gate.clear()
        asked = await stage.ada.post(place, "what color is it?")
        await seen(stage, place, lambda found: len(found) == 2)
        await stage.ada.request("DELETE", f"/channels/{place}/messages/{asked['id']}")
        await seen(stage, place, lambda found: len(found) == 1)
        await stage.all_closed()
        assert talker.jobs[-1].id in talker.stopped


async def test_in_a_thread_of_peoples_the_bot_answers_where_it_is_asked(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot():
        posted = await stage.ada.post(stage.general, files=CIRCLE)
        path = f"/channels/{stage.general}/messages/{posted['id']}/threads"
        await stage.ada.request("POST", path, json={"name": "people's"})
        caller = Caller(stage.ada)
        await caller.call(posted["id"], "chat", option(3, "question", "what is it?"))
        placeholder = await caller.placeholder(posted["id"])
        answer = await stage.ada.reply_to(placeholder)
        assert answer["channel_id"] == posted["id"]
        found = await finished(stage, posted["id"], 2)
        assert found[0]["content"].startswith("> what is it?\n-# About")
        await stage.ada.post(posted["id"], "nobody asks the bot this")
        await stage.ada.post(posted["id"], "but this", message_reference={"message_id": found[-1]["id"]})
        await finished(stage, posted["id"], 3)
        assert [turn.text for turn in talker.last.turns][-1] == "but this"
        assert len(talker.jobs) == 2
        assert len(await messages(stage, posted["id"])) >= 5
