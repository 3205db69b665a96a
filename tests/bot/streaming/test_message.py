"""Streamed answers: complete after a broken connection, and stopped when they are deleted."""

import pytest

from bot.playground.testing.faults import Fault, FaultKind
from tests.bot.chat_worker import chat_worker
from tests.bot.conversation_steps import is_finished, open_thread, wait_finished, wait_for_messages
from tests.bot.harness import Harness

SEND = "/channels/{channel_id}/messages"
EDIT = "/channels/{channel_id}/messages/{message_id}"
WORDS = [f"word{number} " for number in range(300)]


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER])
@pytest.mark.parametrize(("method", "template"), [("POST", SEND), ("PATCH", EDIT)])
async def test_a_broken_connection_neither_repeats_a_message_nor_loses_text(
    harness: Harness, kind: FaultKind, method: str, template: str
) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        worker.pieces = lambda _: WORDS
        worker.pieces_before_gate = 5
        worker.gate.clear()
        if method == "POST":
            harness.pocket.faults.add(Fault(kind, method=method, template=template))
        await harness.ada.post(thread_id, "say much")
        await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        if method == "PATCH":
            harness.pocket.faults.add(Fault(kind, method=method, template=template))
        worker.gate.set()
        found = await wait_for_messages(
            harness, thread_id, lambda found: len(found) > 2 and is_finished(found[-1])
        )
        assert " ".join(each["content"] for each in found[1:]).split() == [word.strip() for word in WORDS]
        await harness.all_closed()


async def test_an_answer_whose_first_message_was_cut_off_has_the_buttons_of_its_end(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        thread_id = await open_thread(harness)
        await wait_finished(harness, thread_id, 1)
        worker.pieces = lambda _: ["short"]
        harness.pocket.faults.add(Fault(FaultKind.CUT_AFTER, method="POST", template=SEND))
        await harness.ada.post(thread_id, "say little")
        await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        await harness.all_closed()
        _, answer = await wait_for_messages(harness, thread_id, lambda found: len(found) == 2)
        assert answer["content"] == "short"
        assert is_finished(answer)


async def test_deleting_the_message_of_an_answer_stops_its_job(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces, worker.pieces_before_gate = lambda _: WORDS, 5
        worker.gate.clear()
        thread_id = await open_thread(harness)
        [first] = await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
        await harness.ada.request("DELETE", f"/channels/{thread_id}/messages/{first['id']}")
        # The next edit finds that the message was deleted.
        worker.pieces_before_gate, worker.piece_delay_s = len(WORDS), 0.02
        worker.gate.set()
        await worker.wait_until(lambda: bool(worker.stopped))
        await harness.all_closed()


async def test_deleting_a_thread_stops_its_job(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot():
        worker.pieces, worker.piece_delay_s = lambda _: WORDS, 0.02
        thread_id = await open_thread(harness)
        await wait_for_messages(harness, thread_id, lambda found: len(found) == 1)
        await harness.ada.request("DELETE", f"/channels/{thread_id}")
        await worker.wait_until(lambda: bool(worker.stopped))
        await harness.all_closed()
