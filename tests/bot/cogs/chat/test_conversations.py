"""Conversations in threads and in place, with a worker that streams."""

import asyncio

import pytest

from bot.cogs.chat import strings
from bot.formatting.captions import THUMBNAIL_NAME
from bot.formatting.markdown import small_print
from bot.formatting.status import queue_position
from bot.playground.testing.faults import Fault, FaultKind
from handlers.chat.prompt import PICTURE_WAS_HERE
from inference.errors import ChatInterrupted, ChatUnavailable
from inference.schema import Turn
from tests.bot.chat_worker import ScriptedChatWorker, chat_worker
from tests.bot.command_calls import CommandCaller, option
from tests.bot.conversation_steps import (
    CIRCLE,
    EPHEMERAL,
    SQUARE,
    bot_messages,
    buttons,
    channel_messages,
    delete_conversations,
    forbid_threads,
    is_finished,
    open_thread,
    press,
    wait_finished,
    wait_for_messages,
    wait_for_thread,
)
from tests.bot.harness import NOTICES_AT_ONCE, Harness
from tests.e2e.member import Member

MENU = "Talk about this image"


async def test_the_button_below_a_caption_opens_a_thread_that_needs_no_mentions(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        assert first["content"] == "Ada says describe the image"
        assert worker.pictures == [[["a red circle"]]]
        await harness.ada.post(thread_id, "what color is it?")
        second = (await wait_finished(harness, thread_id, 2))[-1]
        assert second["content"] == "Ada says what color is it?"
        assert worker.last_request.turns == (
            Turn(
                role="user", speaker="Ada", text="describe the image", pictures=worker.last_request.pictures
            ),
            Turn(role="assistant", text="Ada says describe the image"),
            Turn(role="user", speaker="Ada", text="what color is it?"),
        )
        assert worker.pictures[-1] == [["a red circle"], [], []]
        info = await harness.ada.request("GET", f"/channels/{thread_id}")
        assert info["name"] == "a red circle"
        await harness.all_closed()


async def test_an_answer_is_streamed_without_mentions(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces = lambda _: [f"@everyone <@{harness.ada.user['id']}> ", "and the rest"]
        worker.gate.clear()
        thread_id = await open_thread(harness)
        [first] = await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
        assert "everyone" in first["content"]
        assert "rest" not in first["content"]
        assert list(buttons(first)) == ["Stop"]
        worker.gate.set()
        [last] = await wait_finished(harness, thread_id, 1)
        assert "rest" in last["content"]
        assert not last["mentions"]
        assert not last["mention_everyone"]
        assert "@everyone" not in last["content"]


async def test_only_the_newest_answer_has_buttons(harness: Harness) -> None:
    async with chat_worker(harness), harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        await harness.ada.post(thread_id, "what color is it?")
        await wait_for_messages(
            harness, thread_id, lambda found: [bool(buttons(each)) for each in found] == [False, True]
        )


@pytest.mark.parametrize("end", ["stopped", "stopped before a word", "failed", "nothing said"])
async def test_an_answer_without_an_end_loses_its_buttons_too(harness: Harness, end: str) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        if end.startswith("stopped"):
            worker.pieces = lambda _: ["It shows"]
            if end == "stopped before a word":
                worker.pieces_before_gate, worker.progress = 0, [0.25]
            worker.gate.clear()
        elif end == "failed":
            worker.final_error = ChatInterrupted()
        else:
            worker.pieces = lambda _: []
        thread_id = await open_thread(harness)
        if end.startswith("stopped"):
            [first] = await wait_for_messages(
                harness, thread_id, lambda found: any("Stop" in buttons(m) for m in found)
            )
            await press(harness.ada, first, "Stop")
        await wait_for_messages(harness, thread_id, lambda found: any("Reset" in buttons(m) for m in found))
        await harness.all_closed()
        worker.gate.set()
        worker.final_error, worker.pieces, worker.progress = None, lambda _: ["done"], []
        await harness.ada.post(thread_id, "and now?")
        await wait_finished(harness, thread_id, 2)
        await harness.all_closed()
        found = await bot_messages(harness, thread_id)
        assert [bool(buttons(each)) for each in found] == [False, True]


async def test_buttons_move_though_discord_fails_and_the_bot_is_restarted(harness: Harness) -> None:
    template = "/channels/{channel_id}/messages/{message_id}"
    async with chat_worker(harness) as worker:
        async with harness.bot():
            thread_id = await open_thread(harness)
            await wait_finished(harness, thread_id, 1)
            await harness.all_closed()
            worker.gate.clear()
            fault = Fault(FaultKind.CUT_BEFORE, times=1000, method="PATCH", template=template)
            harness.pocket.faults.add(fault)
            await harness.ada.post(thread_id, "and now?")
            await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        harness.pocket.faults.clear()
        worker.gate.set()
        async with harness.bot():
            await harness.all_closed()
            found = await bot_messages(harness, thread_id)
            assert [bool(buttons(each)) for each in found] == [False, True]


async def test_the_menu_opens_one_thread_named_after_the_caption(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        posted = await harness.ada.post(harness.general, files=CIRCLE)
        caller = CommandCaller(harness.ada)
        pointer = strings.IN_THREAD.format(thread=posted["id"])
        for _ in range(2):
            start = len(harness.ada.heard)
            await caller.call(harness.general, MENU, target=posted)
            outcome = await caller.outcome(await caller.placeholder(harness.general, start=start))
            assert outcome["content"] == pointer
            assert outcome["flags"] & EPHEMERAL
            await wait_finished(harness, posted["id"], 1)
        info = await harness.ada.request("GET", f"/channels/{posted['id']}")
        assert info["name"] == "a red circle"
        await harness.all_closed()
        assert len(worker.jobs) == 1


async def test_chat_uses_the_newest_picture_and_answers_in_a_new_thread(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        posted = await harness.ada.post(harness.general, files=CIRCLE)
        caller = CommandCaller(harness.ada)
        await caller.call(harness.general, "chat", option(3, "question", "what color is it?"))
        placeholder = await caller.placeholder(harness.general)
        outcome = await caller.outcome(placeholder)
        assert outcome["content"] == strings.IN_THREAD.format(thread=posted["id"])
        assert not outcome["flags"] & EPHEMERAL
        [answer] = await wait_finished(harness, posted["id"], 1)
        assert answer["content"].split("\n") == [
            "-# Ada asked: what color is it?",
            "Ada says what color is it?",
        ]
        assert worker.pictures == [[["a red circle"]]]
        info = await harness.ada.request("GET", f"/channels/{posted['id']}")
        assert info["name"] == "what color is it?"


async def test_chat_shows_a_copy_of_a_given_picture_and_opens_the_thread_there(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        caller = CommandCaller(harness.ada)
        given = {"type": 11, "name": "image", "value": 0}
        await caller.call(harness.general, "chat", given, files=CIRCLE)
        placeholder = await caller.placeholder(harness.general)
        outcome = await caller.outcome(placeholder)
        assert outcome["content"] == f"> {strings.DESCRIBE}"
        assert [each["filename"] for each in outcome["attachments"]] == [THUMBNAIL_NAME]
        await wait_for_thread(harness, placeholder["id"])
        await wait_finished(harness, placeholder["id"], 1)
        assert worker.pictures == [[["a red circle"]]]
        await harness.ada.post(placeholder["id"], "and now?")
        await wait_finished(harness, placeholder["id"], 2)
        assert worker.pictures[-1] == [["a red circle"], [], []]


async def test_a_conversation_in_a_dm_goes_on_in_place_by_replies(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        channel_id = await harness.ada.direct_channel()
        posted = await harness.ada.post(channel_id, files=CIRCLE)
        caption = await harness.ada.reply_to(posted)
        await press(harness.ada, caption, "Talk about it")
        first = (await wait_finished(harness, channel_id, 2))[-1]
        assert first["message_reference"]["message_id"] == posted["id"]
        question = await harness.ada.post(
            channel_id, "what color is it?", message_reference={"message_id": first["id"]}
        )
        second = (await wait_finished(harness, channel_id, 3))[-1]
        assert second["message_reference"]["message_id"] == question["id"]
        assert [turn.text for turn in worker.last_request.turns][-1] == "what color is it?"
        assert worker.pictures[-1][0] == ["a red circle"]
        # A DM's next message goes on with the conversation, also when it is no reply.
        await harness.ada.post(channel_id, "are you sure?")
        (await wait_finished(harness, channel_id, 4))[-1]
        assert len(worker.last_request.turns) == 5


async def test_two_conversations_in_one_channel_stay_separate(harness: Harness) -> None:
    forbid_threads(harness)
    async with chat_worker(harness) as worker, harness.bot():
        caller = CommandCaller(harness.ada)
        firsts = []
        for files in (CIRCLE, SQUARE):
            posted = await harness.ada.post(harness.general, files=files)
            await caller.call(harness.general, MENU, target=posted)
            answer = await harness.ada.reply_to(posted)
            await wait_for_messages(harness, harness.general, lambda found: all(map(buttons, found)))
            assert answer["message_reference"]["message_id"] == posted["id"]
            firsts.append(answer)
        await harness.all_closed()
        for first, shows in zip(firsts, ("a red circle", "a blue square"), strict=True):
            question = await harness.ada.post(
                harness.general, "what is it?", message_reference={"message_id": first["id"]}
            )
            await harness.ada.reply_to(question)
            await harness.all_closed()
            assert worker.pictures[-1] == [[shows], [], []]


async def test_further_pictures_belong_to_the_turn_they_were_posted_with(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        await harness.ada.post(thread_id, "and this?", files=SQUARE)
        await wait_finished(harness, thread_id, 2)
        await harness.ada.post(thread_id, "which is larger?")
        await wait_finished(harness, thread_id, 3)
        assert worker.pictures[-1] == [["a red circle"], [], ["a blue square"], [], []]
        assert worker.caption_jobs == 1, "pictures in a conversation are not captioned"


async def test_turns_of_two_members_are_answered_in_order_and_by_name(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot(), Member(harness.session, 1) as ben:
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        worker.gate.clear()
        first = await harness.ada.post(thread_id, "what color is it?")
        second = await ben.post(thread_id, "is it large?")
        await worker.wait_for_jobs(2)
        assert worker.last_request.turns[-1].text == "what color is it?"
        worker.gate.set()
        found = await wait_finished(harness, thread_id, 3)
        assert [each["message_reference"]["message_id"] for each in found[1:]] == [first["id"], second["id"]]
        assert [(turn.role, turn.speaker, turn.text) for turn in worker.last_request.turns][-3:] == [
            ("user", "Ada", "what color is it?"),
            ("assistant", "", "Ada says what color is it?"),
            ("user", "Ben", "is it large?"),
        ]


async def test_stop_cancels_the_job_of_the_worker(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.gate.clear()
        thread_id = await open_thread(harness)
        [first] = await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
        await press(harness.ada, first, "Stop")
        [last] = await wait_finished(harness, thread_id, 1)
        assert worker.stopped == {worker.jobs[0].id}
        assert last["content"] == f"Ada\n{strings.STOPPED}"
        worker.gate.set()
        await harness.ada.post(thread_id, "go on")
        await wait_finished(harness, thread_id, 2)
        assert worker.last_request.turns[1].text == "Ada"


async def test_regenerate_replaces_the_answer(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        await harness.all_closed()
        worker.pieces = lambda _: ["something else"]
        await press(harness.ada, first, "Regenerate")
        [regenerated] = await wait_for_messages(
            harness, thread_id, lambda found: found[0]["content"] == "something else"
        )
        assert regenerated["id"] == first["id"]
        await harness.all_closed()
        await harness.ada.post(thread_id, "and now?")
        await wait_finished(harness, thread_id, 2)
        assert [turn.text for turn in worker.last_request.turns] == [
            "describe the image",
            "something else",
            "and now?",
        ]


async def test_reset_deletes_the_turns_and_keeps_the_picture(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        await harness.all_closed()
        await press(harness.ada, first, "Reset")
        found = await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        assert found[1]["content"] == strings.reset_notice("Ada", 1)
        await harness.ada.post(thread_id, "what is it?")
        await wait_finished(harness, thread_id, 3)
        assert [turn.text for turn in worker.last_request.turns] == ["what is it?"]
        assert worker.pictures[-1] == [["a red circle"]]


async def test_the_notice_of_a_reset_counts_the_pictures(harness: Harness) -> None:
    async with chat_worker(harness), harness.bot():
        posted = await harness.ada.post(harness.pictures, files=[*CIRCLE, *SQUARE])
        await press(harness.ada, await harness.ada.reply_to(posted), "Talk about it")
        await wait_for_thread(harness, posted["id"])
        [first] = await wait_finished(harness, posted["id"], 1)
        await harness.all_closed()
        await press(harness.ada, first, "Reset")
        found = await wait_for_messages(harness, posted["id"], lambda found: len(found) == 2)
        assert found[1]["content"] == (
            "-# Ada reset this conversation: what was said before is deleted, but not the pictures."
        )


async def test_a_long_answer_has_several_messages(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces = lambda _: [f"word{number} " for number in range(600)]
        thread_id = await open_thread(harness)
        found = await wait_for_messages(
            harness, thread_id, lambda found: bool(found) and is_finished(found[-1])
        )
        assert len(found) == 3
        assert " ".join(each["content"] for each in found).split() == [f"word{n}" for n in range(600)]
        assert [bool(buttons(each)) for each in found] == [False, False, True]
        await harness.all_closed()
        worker.pieces = lambda _: ["short"]
        await press(harness.ada, found[-1], "Regenerate")
        await wait_for_messages(
            harness, thread_id, lambda found: [each["content"] for each in found] == ["short"]
        )


async def test_an_unavailable_model_is_told_at_once_and_can_be_retried(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        worker.error = ChatUnavailable(where="127.0.0.1:11434")
        async with asyncio.timeout(20):  # takes 0.6 s on an idle machine
            await harness.ada.post(thread_id, "what is it?")
            found = await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        assert found[-1]["content"] == strings.failed(worker.error)
        assert list(buttons(found[-1])) == ["Retry", "Reset"]
        worker.error = None
        await harness.all_closed()
        await press(harness.ada, found[-1], "Retry")
        again = await wait_finished(harness, thread_id, 2)
        assert again[-1]["content"] == "Ada says what is it?"
        assert again[-1]["id"] == found[-1]["id"]


async def test_the_progress_of_a_models_download_is_shown(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.progress = [0.25]
        worker.gate.clear()
        thread_id = await open_thread(harness)
        [first] = await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
        assert first["content"] == small_print(strings.pulling(0.25))
        assert "25%" in first["content"]
        worker.gate.set()
        [last] = await wait_finished(harness, thread_id, 1)
        assert last["content"] == "Ada says describe the image"
        assert last["id"] == first["id"]


async def test_without_the_content_intent_a_turn_needs_a_mention_and_this_is_told_once(
    harness: Harness,
) -> None:
    harness.pocket.grant_message_content(granted=False)
    async with chat_worker(harness) as worker, harness.bot():
        question = await harness.ada.post(harness.general, harness.mention, files=CIRCLE)
        caption = await harness.ada.reply_to(question)
        await press(harness.ada, caption, "Talk about it")
        thread_id = question["id"]
        await wait_for_thread(harness, thread_id)
        await wait_finished(harness, thread_id, 1)
        for _ in range(2):
            await harness.ada.post(thread_id, "what color is it?")
        await harness.ada.post(thread_id, f"{harness.mention} is it large?")
        found = await wait_finished(harness, thread_id, 3)
        assert [each["content"] for each in found[1:]] == [strings.UNSEEN, "Ada says is it large?"]
        assert [turn.text for turn in worker.last_request.turns][-1] == "is it large?"
        await harness.ada.post(thread_id, "sure?", message_reference={"message_id": found[-1]["id"]})
        await wait_finished(harness, thread_id, 4)


async def test_edits_and_deletions_apply_to_the_history(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        secret = await harness.ada.post(thread_id, "my secret question")
        await wait_finished(harness, thread_id, 2)
        typo = await harness.ada.post(thread_id, "a typo")
        await wait_finished(harness, thread_id, 3)
        await harness.ada.request("DELETE", f"/channels/{thread_id}/messages/{secret['id']}")
        path = f"/channels/{thread_id}/messages/{typo['id']}"
        await harness.ada.request("PATCH", path, json={"content": "no typo"})
        await harness.ada.post(thread_id, "and now?")
        await wait_finished(harness, thread_id, 4)
        assert [turn.text for turn in worker.last_request.turns if turn.role == "user"] == [
            "describe the image",
            "no typo",
            "and now?",
        ]
        assert "secret" not in worker.jobs[-1].model_dump_json()


async def test_a_deleted_picture_is_told_once(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        await harness.ada.request("DELETE", f"/channels/{harness.pictures}/messages/{thread_id}")
        texts = []
        for count in (2, 3):
            await harness.ada.post(thread_id, f"question {count}")
            texts.append((await wait_finished(harness, thread_id, count))[-1]["content"])
        assert texts == [f"Ada says question 2\n{strings.GONE}", "Ada says question 3"]
        assert worker.pictures[-1] == [[]] * 5
        assert PICTURE_WAS_HERE in worker.last_request.turns[0].text


async def test_turns_that_do_not_fit_are_left_out_and_each_answer_says_so(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot(chat_context=1400):
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        notices = []
        for count in range(2, 6):
            await harness.ada.post(thread_id, f"{count} " + "very " * 80)
            notices.append(
                (await wait_finished(harness, thread_id, count))[-1]["content"].count("the oldest messages.")
            )
        assert notices == sorted(notices)
        assert set(notices) == {0, 1}
        texts = [turn.text for turn in worker.last_request.turns]
        assert texts[0] == "describe the image"
        assert texts[-1].startswith("5 ")
        assert not any(text.startswith("2 ") for text in texts)
        assert worker.pictures[-1][0] == ["a red circle"]


async def test_a_prompt_that_the_model_refuses_as_too_long_is_shortened(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.max_tokens = 200
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        texts = []
        for count in range(2, 7):
            await harness.ada.post(thread_id, f"{count} " + "very " * 20)
            texts.append((await wait_finished(harness, thread_id, count))[-1]["content"])
        assert {text.count("the oldest messages.") for text in texts} == {0, 1}
        assert all(f"Ada says {count} very" in text for count, text in enumerate(texts, 2))
        assert worker.pictures[-1][0] == ["a red circle"]
        assert len(worker.last_request.turns) > 3
        refused = sum(worker._too_long_error(job.request) is not None for job in worker.jobs)  # type: ignore[arg-type]
        assert 0 < refused < 4
        await harness.ada.post(thread_id, "very " * 300)
        [*_, refusal] = await wait_for_messages(
            harness, thread_id, lambda found: len(found) == 7 and "Retry" in buttons(found[-1])
        )
        assert "longer than my model can read" in refusal["content"]
        await harness.ada.post(thread_id, "and now?")
        assert "Ada says and now?" in (await wait_finished(harness, thread_id, 8))[-1]["content"]


@pytest.mark.parametrize("bot_restarts", [False, True])
async def test_a_history_that_redis_has_lost_is_rebuilt_from_the_thread(
    harness: Harness, bot_restarts: bool
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        posted = await harness.ada.post(harness.general, files=CIRCLE)
        caller = CommandCaller(harness.ada)
        await caller.call(harness.general, "chat", option(3, "question", "is it *red*?"))
        thread_id = posted["id"]
        await wait_for_thread(harness, thread_id)
        await wait_finished(harness, thread_id, 1)
        await harness.ada.post(thread_id, "what color is it?")
        await wait_finished(harness, thread_id, 2)
        before = worker.last_request.turns
        await harness.all_closed()
        if not bot_restarts:
            await _check_rebuilt_history(harness, worker, thread_id, before)
    if bot_restarts:
        async with chat_worker(harness) as worker, harness.bot():
            await _check_rebuilt_history(harness, worker, thread_id, before)


async def _check_rebuilt_history(
    harness: Harness, worker: ScriptedChatWorker, thread_id: str, before: tuple[Turn, ...]
) -> None:
    await delete_conversations(harness)
    await harness.ada.post(thread_id, "and now?")
    await wait_finished(harness, thread_id, 3)
    assert worker.last_request.turns[:3] == before
    assert [turn.text for turn in worker.last_request.turns][3:] == [
        "Ada says what color is it?",
        "and now?",
    ]


async def test_the_history_survives_a_killed_bot(harness: Harness) -> None:
    async with chat_worker(harness) as worker:
        async with harness.process():
            thread_id = await open_thread(harness)
            await wait_finished(harness, thread_id, 1)
            await harness.ada.post(thread_id, "what color is it?")
            await wait_finished(harness, thread_id, 2)
            await harness.all_closed()
        async with harness.process():
            await harness.ada.post(thread_id, "say that again")
            await wait_finished(harness, thread_id, 3)
            assert [turn.text for turn in worker.last_request.turns] == [
                "describe the image",
                "Ada says describe the image",
                "what color is it?",
                "Ada says what color is it?",
                "say that again",
            ]
            assert worker.pictures[-1][0] == ["a red circle"]


async def test_an_answer_interrupted_by_a_kill_is_marked_and_can_be_retried(harness: Harness) -> None:
    async with chat_worker(harness) as worker:
        worker.gate.clear()
        async with harness.process():
            thread_id = await open_thread(harness)
            [first] = await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
            assert first["content"] == "Ada"
        async with harness.process():
            [interrupted] = await wait_for_messages(
                harness, thread_id, lambda found: "interrupted" in found[0]["content"]
            )
            assert interrupted["content"] == f"Ada\n{strings.INTERRUPTED}"
            assert interrupted["id"] == first["id"]
            assert list(buttons(interrupted)) == ["Retry", "Reset"]
            await harness.all_closed()
            worker.gate.set()
            await press(harness.ada, interrupted, "Retry")
            [last] = await wait_finished(harness, thread_id, 1)
            assert last["content"] == "Ada says describe the image"
            await harness.all_closed()


async def test_a_turn_accepted_before_a_kill_is_answered_once(harness: Harness) -> None:
    async with chat_worker(harness) as worker:
        async with harness.process():
            thread_id = await open_thread(harness)
            await wait_finished(harness, thread_id, 1)
            worker.pieces_before_gate = 0
            worker.gate.clear()
            await harness.ada.post(thread_id, "what color is it?")
            await worker.wait_for_jobs(2)
        worker.gate.set()
        async with harness.process():
            found = await wait_finished(harness, thread_id, 2)
            assert found[-1]["content"] == "Ada says what color is it?"
            await harness.all_closed()
            assert len(await bot_messages(harness, thread_id)) == 2
            assert len(worker.jobs) == 2, "the job was finished or running under the same id"


async def test_turns_posted_while_the_bot_was_away_are_answered(harness: Harness) -> None:
    async with chat_worker(harness) as worker:
        async with harness.bot():
            thread_id = await open_thread(harness)
            await wait_finished(harness, thread_id, 1)
            await harness.ada.post(thread_id, "one")
            await wait_finished(harness, thread_id, 2)
            await harness.wait_for_cursors(2)
        for text in ("two", "three"):
            await harness.ada.post(thread_id, text)
        async with harness.bot():
            found = await wait_finished(harness, thread_id, 4)
            assert [each["content"] for each in found[1:]] == [
                "Ada says one",
                "Ada says two",
                "Ada says three",
            ]
            assert [turn.text for turn in worker.last_request.turns][-3:] == ["two", "Ada says two", "three"]


async def test_chat_in_a_thread_is_a_turn_and_is_rebuilt(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        caller = CommandCaller(harness.ada)
        await caller.call(thread_id, "chat", option(3, "question", "is it *large*?"))
        found = await wait_finished(harness, thread_id, 3)
        assert [each["content"] for each in found[1:]] == [
            "> is it \\*large\\*?",
            "Ada says is it *large*?",
        ]
        await harness.all_closed()
        await delete_conversations(harness)
        await harness.ada.post(thread_id, "sure?")
        await wait_finished(harness, thread_id, 4)
        assert [(turn.speaker, turn.text) for turn in worker.last_request.turns][-3:] == [
            ("Ada", "is it *large*?"),
            ("", "Ada says is it *large*?"),
            ("Ada", "sure?"),
        ]


async def test_the_queue_position_is_shown_and_becomes_the_answer(
    harness: Harness,
) -> None:
    async with harness.bot(delays=NOTICES_AT_ONCE):
        async with chat_worker(harness):
            thread_id = await open_thread(harness)
            await wait_finished(harness, thread_id, 1)
        await harness.ada.post(thread_id, "what color is it?")
        found = await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        assert found[-1]["content"] == small_print(queue_position(0))
        async with chat_worker(harness):
            [_, last] = await wait_finished(harness, thread_id, 2)
            assert last["content"] == "Ada says what color is it?"
            assert last["id"] == found[-1]["id"]


async def test_deleting_a_message_stops_and_deletes_its_answer(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        worker.gate.clear()
        question = await harness.ada.post(thread_id, "what color is it?")
        await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        await harness.ada.request("DELETE", f"/channels/{thread_id}/messages/{question['id']}")
        await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
        await harness.all_closed()
        assert worker.jobs[-1].id in worker.stopped


async def test_in_a_members_thread_only_replies_to_the_bot_are_answered(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        posted = await harness.ada.post(harness.general, files=CIRCLE)
        path = f"/channels/{harness.general}/messages/{posted['id']}/threads"
        await harness.ada.request("POST", path, json={"name": "people's"})
        caller = CommandCaller(harness.ada)
        await caller.call(posted["id"], "chat", option(3, "question", "what is it?"))
        placeholder = await caller.placeholder(posted["id"])
        answer = await harness.ada.reply_to(placeholder)
        assert answer["channel_id"] == posted["id"]
        found = await wait_finished(harness, posted["id"], 2)
        assert found[0]["content"].startswith("> what is it?\n-# About")
        await harness.ada.post(posted["id"], "nobody asks the bot this")
        await harness.ada.post(posted["id"], "but this", message_reference={"message_id": found[-1]["id"]})
        await wait_finished(harness, posted["id"], 3)
        assert [turn.text for turn in worker.last_request.turns][-1] == "but this"
        assert len(worker.jobs) == 2
        assert len(await channel_messages(harness, posted["id"])) >= 5
