"""Worker processes that end in the middle of a conversation: it begins anew, and no other one is affected."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inference.queue.client import Ticket
from inference.schema import Delta
from inference.worker.base import STOP_TIMEOUT_S
from tests.inference.worker_harness import Asker, asking, outcome, settings
from tests.inference.worker_process import worker

QUICK = {"BEHOLDER_CLAIM_SECONDS": "1", "BEHOLDER_TASKS": "answer,converse"}


@pytest.fixture
async def asker(redis_url: str) -> AsyncIterator[Asker]:
    async with asking(settings(redis_url)) as made:
        yield made


async def first_piece(ticket: Ticket) -> Delta:
    async with asyncio.timeout(60):
        async for word in ticket.deltas():
            if isinstance(word, Delta):
                return word
    raise AssertionError("it ended without a piece")


def talks(diary: Path) -> list[str]:
    return [line.removeprefix("talk ") for line in diary.read_text().splitlines() if line.startswith("talk ")]


async def test_a_worker_killed_in_mid_answer_is_replaced_and_the_answer_begins_anew(
    redis_url: str, asker: Asker, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    tickets = [await asker.talk(f"hold {number}") for number in range(3)]
    async with worker(redis_url, diary, **QUICK) as first:
        for ticket in tickets:
            assert (await first_piece(ticket)).attempt == 0
        first.kill()
        await first.wait()
    async with worker(redis_url, diary, **QUICK, HOW="free"):
        assert [await outcome(ticket) for ticket in tickets] == [f"hold {number} " for number in range(3)]
    for number, ticket in enumerate(tickets):
        heard = [word async for word in ticket.deltas() if isinstance(word, Delta)]
        assert [word.attempt for word in heard if word.seq == 0] == [0, 1]
        assert "".join(word.text for word in heard if word.attempt == 1) == f"hold {number} "
    assert sorted(talks(diary)) == sorted(["hold 0", "hold 1", "hold 2"] * 2)


async def test_a_conversation_that_kills_every_worker_is_given_up_and_nothing_else(
    redis_url: str, asker: Asker, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    picture = await asker.ask("hold")
    talk, killer = await asker.talk("hold this"), await asker.talk("kill it")
    over = asyncio.create_task(outcome(killer))
    falls = 0
    while not over.done():
        # All three are in the first one's hands when it falls; the next ones' engines hold nothing.
        how = {"HOW": "free"} if falls else {}
        async with worker(redis_url, diary, **QUICK, **how) as process:
            gone = asyncio.create_task(process.wait())
            await asyncio.wait([gone, over], return_when=asyncio.FIRST_COMPLETED)
            falls += gone.done() and gone.result() == -signal.SIGKILL
    assert await over == "worker_lost"
    assert falls == 4
    async with worker(redis_url, diary, **QUICK, HOW="free"):
        assert await outcome(talk) == "hold this "
        assert await outcome(picture) == "hold: red"


async def test_a_worker_told_to_stop_in_mid_answer_gives_it_back(
    redis_url: str, asker: Asker, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    ticket = await asker.talk("hold on")
    async with worker(redis_url, diary, BEHOLDER_TASKS="converse") as process:
        await first_piece(ticket)
        process.terminate()
        # A worker takes up to `STOP_TIMEOUT_S`; the rest is for a busy machine.
        async with asyncio.timeout(STOP_TIMEOUT_S + 20):
            assert await process.wait() == 0
    # The next worker need not wait for the claim to run out.
    given = {"BEHOLDER_TASKS": "converse", "BEHOLDER_CLAIM_SECONDS": "600"}
    async with worker(redis_url, diary, **given, HOW="free"):
        assert await outcome(ticket) == "hold on "
