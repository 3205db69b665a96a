"""Answers in archived and locked threads, on full pages, after failures, and their buttons."""

import asyncio

import pytest

from bot.cogs.chat import strings
from bot.playground.testing.faults import Fault, FaultKind
from handlers.chat.history import ConversationKey, History
from inference.errors import ChatInterrupted, ChatUnavailable
from tests.bot.chat_worker import chat_worker
from tests.bot.conversation_steps import (
    buttons,
    delete_conversations,
    is_finished,
    open_thread,
    press,
    wait_finished,
    wait_for_messages,
)
from tests.bot.harness import Harness


async def ephemeral_text(harness: Harness, start: int) -> str:
    """Wait for an ephemeral message; return its content."""
    heard = await harness.ada.hear(
        lambda kind, data: kind == "MESSAGE_CREATE" and bool(data["flags"] & 64) and data["content"] != "",
        start=start,
    )
    return str(heard["content"])


async def test_regenerate_unarchives_an_archived_thread(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        await harness.all_closed()
        await harness.ada.request("PATCH", f"/channels/{thread_id}", json={"archived": True})
        worker.pieces = lambda _: ["something else"]
        await press(harness.ada, first, "Regenerate")
        await wait_for_messages(
            harness,
            thread_id,
            lambda found: [each["content"] for each in found] == ["something else"] and is_finished(found[0]),
        )


async def test_regenerate_in_a_locked_thread_is_refused(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        await harness.all_closed()
        await harness.ada.request("PATCH", f"/channels/{thread_id}", json={"archived": True, "locked": True})
        start = len(harness.ada.heard)
        await press(harness.ada, first, "Regenerate")
        assert await ephemeral_text(harness, start) == strings.LOCKED
        assert len(worker.jobs) == 1


async def test_an_answer_that_could_not_be_shown_is_not_in_the_next_prompt(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.gate.clear()
        thread_id = await open_thread(harness)
        await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
        await harness.ada.request("PATCH", f"/channels/{thread_id}", json={"archived": True, "locked": True})
        worker.gate.set()
        await harness.all_closed()
        await harness.ada.request(
            "PATCH", f"/channels/{thread_id}", json={"archived": False, "locked": False}
        )
        await harness.ada.post(thread_id, "and now?")
        await wait_finished(harness, thread_id, 2)
        assert [turn.role for turn in worker.last_request.turns] == ["user", "user"]


async def test_an_interrupted_answer_is_found_after_failed_calls_to_discord(
    harness: Harness,
) -> None:
    template = "/channels/{channel_id}/messages/{message_id}"
    async with chat_worker(harness) as worker:
        worker.gate.clear()
        async with harness.bot():
            thread_id = await open_thread(harness)
            await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
        harness.pocket.faults.add(Fault(FaultKind.CUT_BEFORE, times=4, method="GET", template=template))
        async with harness.bot():
            [interrupted] = await wait_for_messages(
                harness, thread_id, lambda found: "Retry" in buttons(found[0])
            )
            assert interrupted["content"] == f"Ada\n{strings.INTERRUPTED}"
            await harness.all_closed()


async def test_an_answer_with_a_deleted_page_can_be_regenerated(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces = lambda _: [f"word{number} " for number in range(400)]
        thread_id = await open_thread(harness)
        found = await wait_for_messages(
            harness, thread_id, lambda found: len(found) == 2 and is_finished(found[-1])
        )
        await harness.all_closed()
        await harness.ada.request("DELETE", f"/channels/{thread_id}/messages/{found[0]['id']}")
        worker.pieces = lambda _: [f"other{number} " for number in range(400)]
        await press(harness.ada, found[-1], "Regenerate")
        regenerated = await wait_for_messages(
            harness,
            thread_id,
            lambda found: len(found) == 2 and "other399" in found[-1]["content"] and is_finished(found[-1]),
        )
        assert " ".join(each["content"] for each in regenerated).split() == [f"other{n}" for n in range(400)]


async def test_a_shorter_regenerated_answer_is_in_the_next_prompt(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces = lambda _: [f"word{number} " for number in range(400)]
        thread_id = await open_thread(harness)
        found = await wait_for_messages(
            harness, thread_id, lambda found: len(found) == 2 and is_finished(found[-1])
        )
        await harness.all_closed()
        worker.pieces = lambda _: ["short"]
        start = len(harness.ada.heard)
        await press(harness.ada, found[-1], "Regenerate")
        await harness.ada.hear(lambda kind, _: kind == "MESSAGE_DELETE", start=start)
        await harness.all_closed()
        await harness.ada.post(thread_id, "and now?")
        await wait_finished(harness, thread_id, 2)
        assert [turn.text for turn in worker.last_request.turns] == [
            "describe the image",
            "short",
            "and now?",
        ]


async def test_a_notice_below_a_full_page_is_a_page_of_its_own(harness: Harness) -> None:
    error = ChatUnavailable(where="127.0.0.1:11434")
    async with chat_worker(harness) as worker, harness.bot():
        worker.final_error, worker.pieces = error, lambda _: ["x" * 1899]
        thread_id = await open_thread(harness)
        found = await wait_for_messages(
            harness, thread_id, lambda found: bool(found) and "Retry" in buttons(found[-1])
        )
        assert [each["content"] for each in found] == ["x" * 1899, strings.failed(error)]


async def test_an_invisible_answer_is_replaced_by_a_notice(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces = lambda _: ["\u200b"]
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        assert first["content"] == strings.NOTHING_SAID


async def test_an_answer_that_was_cut_off_says_so_and_is_continued_after_a_restart(harness: Harness) -> None:
    async with chat_worker(harness) as worker:
        async with harness.bot():
            worker.cut_off, worker.pieces = True, lambda _: ["It shows", " a red"]
            thread_id = await open_thread(harness)
            [cut_off] = await wait_finished(harness, thread_id, 1)
            assert cut_off["content"] == f"It shows a red\n{strings.CUT_OFF}"
            assert list(buttons(cut_off)) == ["Continue", "Regenerate", "Reset"]
            await harness.all_closed()
        async with harness.bot():
            worker.cut_off, worker.pieces = False, lambda _: ["circle", " on white."]
            await press(harness.ada, cut_off, "Continue")
            [whole] = await wait_for_messages(
                harness, thread_id, lambda found: list(buttons(found[-1])) == ["Regenerate", "Reset"]
            )
            assert whole["content"] == "It shows a red circle on white."
            assert [turn.role for turn in worker.last_request.turns] == ["user", "assistant", "user"]
            assert worker.last_request.turns[1].text == "It shows a red"
            await harness.all_closed()
            worker.pieces = lambda _: ["yes"]
            await harness.ada.post(thread_id, "really?")
            await wait_finished(harness, thread_id, 2)
            assert [turn.text for turn in worker.last_request.turns] == [
                "describe the image",
                "It shows a red circle on white.",
                "really?",
            ]


async def test_an_answer_that_broke_off_while_it_was_continued_is_still_in_the_history(
    harness: Harness,
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.cut_off, worker.pieces = True, lambda _: ["It shows", " a red"]
        thread_id = await open_thread(harness)
        [cut_off] = await wait_finished(harness, thread_id, 1)
        await harness.all_closed()
        worker.final_error, worker.pieces = ChatInterrupted(), lambda _: ["circle"]
        await press(harness.ada, cut_off, "Continue")
        [failed] = await wait_for_messages(harness, thread_id, lambda found: "Retry" in buttons(found[-1]))
        assert failed["content"] == f"It shows a red circle\n{strings.failed(ChatInterrupted())}"
        await harness.all_closed()
        worker.final_error, worker.cut_off = None, False
        await harness.ada.post(thread_id, "and now?")
        await wait_finished(harness, thread_id, 2)
        assert worker.last_request.turns[1].text == "It shows a red"


async def test_an_answer_that_was_only_thought_says_so(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.in_thought, worker.pieces = True, lambda _: []
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        assert first["content"] == strings.STILL_THINKING


async def test_an_answer_that_breaks_off_keeps_its_text_and_can_be_retried(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.final_error, worker.pieces = ChatInterrupted(), lambda _: ["It shows", " a red"]
        thread_id = await open_thread(harness)
        [failed] = await wait_for_messages(
            harness, thread_id, lambda found: bool(found) and "Retry" in buttons(found[0])
        )
        assert failed["content"] == f"It shows a red\n{strings.failed(ChatInterrupted())}"
        await harness.all_closed()
        worker.final_error = None
        await press(harness.ada, failed, "Retry")
        [retried] = await wait_finished(harness, thread_id, 1)
        assert retried["content"] == "It shows a red"


async def test_a_conversation_can_be_reset_after_a_failed_answer(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        worker.error = ChatInterrupted()
        await harness.ada.post(thread_id, "what is it?")
        found = await wait_for_messages(
            harness, thread_id, lambda found: len(found) == 2 and "Retry" in buttons(found[-1])
        )
        await harness.all_closed()
        worker.error = None
        await press(harness.ada, found[-1], "Reset")
        await wait_for_messages(harness, thread_id, lambda found: len(found) == 3)
        await harness.ada.post(thread_id, "and now?")
        await wait_finished(harness, thread_id, 4)
        assert [turn.text for turn in worker.last_request.turns] == ["and now?"]


async def test_pressing_regenerate_three_times_runs_it_once(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, proceed = History.newest, asyncio.Event()

    async def slow(self: History, conversation: ConversationKey, turn_id: int | None = None) -> int | None:
        if turn_id is None:
            await proceed.wait()
        return await newest(self, conversation, turn_id)

    async with chat_worker(harness) as worker, harness.bot():
        channel = await open_thread(harness)
        [first] = await wait_finished(harness, channel, 1)
        await harness.all_closed()
        monkeypatch.setattr(History, "newest", slow)
        start = len(harness.ada.heard)
        await asyncio.gather(*(press(harness.ada, first, "Regenerate") for _ in range(3)))

        def refused() -> int:
            return sum(
                data.get("content") == strings.STILL_ANSWERING for _, data in harness.ada.heard[start:]
            )

        await harness.ada.hear(lambda *_: refused() == 2, start=start)
        proceed.set()
        await worker.wait_for_jobs(2)
        await harness.all_closed()
        assert len(worker.jobs) == 2


@pytest.mark.parametrize("label", ["Regenerate", "Reset"])
async def test_buttons_of_an_expired_conversation_are_refused(harness: Harness, label: str) -> None:
    async with chat_worker(harness), harness.bot():
        thread_id = await open_thread(harness)
        [first] = await wait_finished(harness, thread_id, 1)
        await harness.all_closed()
        await delete_conversations(harness)
        start = len(harness.ada.heard)
        await press(harness.ada, first, label)
        assert await ephemeral_text(harness, start) == strings.FORGOTTEN
