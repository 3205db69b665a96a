"""Worker processes that are killed, told to stop, or broken: each job still gets one reply."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from inference.errors import NotServed
from inference.queue.client import Ticket
from inference.queue.embedded_redis import running_redis, socket_path
from inference.queue.keys import Keys
from inference.schema import Answered, Failure, Result, replies
from inference.settings import QueueSettings
from inference.worker.base import STOP_TIMEOUT_S
from inference.worker.main import FAILED, FATAL
from tests.inference.process_probes import until, until_told
from tests.inference.takeovers import takeovers
from tests.inference.worker_harness import Asker, asking, outcome, settings
from tests.inference.worker_process import worker

TAKEN_OVER_S = 5.0
"""Seconds from a worker's end until another has its jobs."""
QUICK = {"BEHOLDER_CLAIM_SECONDS": "1", "BEHOLDER_TASKS": "answer"}


@pytest.fixture
async def asker(redis_url: str) -> AsyncIterator[Asker]:
    async with asking(settings(redis_url)) as made:
        yield made


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    path = tmp_path / "diary"
    path.touch()
    return path


def batches(diary: Path) -> list[list[str]]:
    """Read the questions of the batches that began."""
    if not diary.exists():
        return []
    return [line.split(" ", 1)[1].split(",") for line in diary.read_text().splitlines()]


async def left_questions(url: str, *questions: str) -> list[str]:
    """Ask, and go away before anything is answered: nobody but the test reads the replies.

    Returns:
        The jobs' ids.
    """
    async with asking(settings(url)) as asker:
        return [(await asker.ask(question)).id for question in questions]


async def answered(url: str) -> list[Result | Failure]:
    """Read all replies that workers have published."""
    async with Redis.from_url(url) as redis:
        entries = await redis.xrange(Keys().replies("bot")) or []
    found = [replies.validate_json(fields[b"reply"]) for _, fields in entries if fields]
    return [reply for reply in found if isinstance(reply, Result | Failure)]


def by_id(found: list[Result | Failure]) -> dict[str, str]:
    """Say what each job came to; each must have come to one thing."""
    assert len({reply.job_id for reply in found}) == len(found)
    return {reply.job_id: reply.code if isinstance(reply, Failure) else said(reply) for reply in found}


def said(result: Result) -> str:
    assert isinstance(result.outcome, Answered)
    return result.outcome.text


async def test_a_worker_killed_in_mid_batch_loses_and_repeats_nothing(redis_url: str, tmp_path: Path) -> None:
    questions = ["hold", *(f"q{number}" for number in range(7))]
    ids = await left_questions(redis_url, *questions)
    async with worker(redis_url, tmp_path / "first", **QUICK) as first:
        await until(lambda: batches(tmp_path / "first"))
        first.kill()
        await first.wait()
    assert batches(tmp_path / "first") == [questions]

    async def all_answered() -> bool:
        return len(await answered(redis_url)) >= len(ids)

    # The next worker's engine holds nothing.
    async with worker(redis_url, tmp_path / "next", **QUICK, HOW="free") as successor:
        await until_told(all_answered, 60)
        successor.terminate()
        await successor.wait()
    wanted = {job: f"{question}: red" for job, question in zip(ids, questions, strict=True)}
    assert by_id(await answered(redis_url)) == wanted
    assert sorted(batches(tmp_path / "next")) == sorted([question] for question in questions)


async def test_the_jobs_of_a_killed_worker_are_taken_over_within_seconds(
    redis_url: str, tmp_path: Path
) -> None:
    found = [each async for each in takeovers(redis_url, tmp_path, 2)]
    assert len(found) == 2
    assert max(each.claimed for each in found) < TAKEN_OVER_S


async def test_a_workers_successor_on_its_machine_takes_over_at_once(redis_url: str, tmp_path: Path) -> None:
    patient = {"BEHOLDER_TASKS": "answer", "BEHOLDER_CLAIM_SECONDS": "600"}
    async with asking(settings(redis_url)) as asker:
        async with worker(redis_url, tmp_path / "first", **patient) as first:
            tickets = [await asker.ask(question) for question in ("hold", "q0")]
            await until(lambda: batches(tmp_path / "first"))
            first.kill()
            await first.wait()
        async with worker(redis_url, tmp_path / "next", **patient, HOW="free") as successor:
            assert successor.stderr is not None
            while b"ready for" not in await successor.stderr.readline():
                pass
            async with asyncio.timeout(TAKEN_OVER_S):
                assert [await outcome(each) for each in tickets] == ["hold: red", "q0: red"]


async def test_a_job_that_kills_every_worker_is_given_up_and_the_nine_beside_it_are_answered(
    redis_url: str, diary: Path
) -> None:
    questions = ["q0", "q1", "q2", "q3", "kill", "q4", "q5", "q6", "q7", "q8"]
    ids = await left_questions(redis_url, *questions)
    falls = 0
    while len(await answered(redis_url)) < len(ids):
        async with worker(redis_url, diary, **QUICK, BEHOLDER_BATCH="10") as process:
            over = asyncio.create_task(process.wait())
            while len(await answered(redis_url)) < len(ids) and not over.done():
                await asyncio.wait([over], timeout=0.05)
            if not over.done():
                process.terminate()
            falls += await over == -signal.SIGKILL
    wanted = ["worker_lost" if question == "kill" else f"{question}: red" for question in questions]
    assert by_id(await answered(redis_url)) == dict(zip(ids, wanted, strict=True))
    # Once among the others, who were not to blame and never ran beside it again; then three times alone.
    assert falls == 4
    assert [len(batch) for batch in batches(diary) if "kill" in batch] == [10, 1, 1, 1]
    async with Redis.from_url(redis_url) as redis:
        dead = await redis.xrange(Keys().dead) or []
    assert [fields[b"job"] for _, fields in dead if fields] == [ids[4].encode()]
    assert "kill" not in str(dead)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_is_told_to_stop_does_so_at_once(
    redis_url: str, asker: Asker, diary: Path, how: signal.Signals
) -> None:
    async with worker(redis_url, diary, BEHOLDER_TASKS="answer") as process:
        assert await outcome(await asker.ask("fine")) == "fine: red"
        process.send_signal(how)
        async with asyncio.timeout(STOP_TIMEOUT_S + 20):
            assert await process.wait() == 0
    assert not await asker.client.workers_ready(["answer"])


async def test_a_worker_stops_though_its_model_does_not_return(
    redis_url: str, asker: Asker, diary: Path
) -> None:
    held = await asker.ask("hold")
    async with worker(redis_url, diary, BEHOLDER_TASKS="answer") as process:
        await until(lambda: batches(diary))
        process.terminate()
        # A worker takes up to `STOP_TIMEOUT_S`; the rest is for a busy machine.
        async with asyncio.timeout(STOP_TIMEOUT_S + 20):
            assert await process.wait() == 0
    # The next worker need not wait for the claim to run out.
    given = {"BEHOLDER_TASKS": "answer", "BEHOLDER_CLAIM_SECONDS": "600"}
    async with worker(redis_url, diary, **given, HOW="free"):
        assert await outcome(held) == "hold: red"


async def test_a_worker_can_be_stopped_while_it_warms_up(redis_url: str, diary: Path) -> None:
    async with worker(redis_url, diary, HOW="cold") as process:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while b"warming" not in await process.stderr.readline():
                pass
        process.terminate()
        async with asyncio.timeout(STOP_TIMEOUT_S + 20):
            assert await process.wait() == 0


async def accepted(asker: Asker, question: str) -> Ticket | None:
    """Ask; None where it is refused because no worker does this."""
    try:
        return await asker.ask(question)
    except NotServed:
        return None


async def test_a_worker_that_warms_up_is_waited_for_though_another_is_ready(
    redis_url: str, asker: Asker, diary: Path
) -> None:
    async with worker(redis_url, diary, BEHOLDER_TASKS="converse"):
        await asker.ready("converse")
        async with worker(redis_url, diary, HOW="cold", BEHOLDER_TASKS="answer") as process:
            assert process.stderr is not None
            async with asyncio.timeout(60):
                while b"warming" not in await process.stderr.readline():
                    pass
            waiting = await accepted(asker, "early")
            assert waiting is not None
            state = await asker.client.task_state("answer")
            assert not state.ready
            assert state.loading is not None
            process.kill()
        async with worker(redis_url, diary, BEHOLDER_TASKS="answer"):
            assert await outcome(waiting) == "early: red"


@pytest.mark.parametrize(
    ("how", "code", "sentence"),
    [
        ("broken", FAILED, b"failed on a blank image: CUDA error"),
        ("unavailable", FATAL, b"The model no/such is not on the hub: correct BEHOLDER_CAPTION_MODEL."),
    ],
)
async def test_a_worker_that_is_no_good_says_why_and_exits(
    redis_url: str, diary: Path, how: str, code: int, sentence: bytes
) -> None:
    async with worker(redis_url, diary, HOW=how) as process:
        _, told = await process.communicate()
    assert process.returncode == code
    last = told.splitlines()[-1]
    assert last.startswith(b"beholder worker: ")
    assert sentence in last
    assert b"Traceback" not in told


async def test_a_model_that_breaks_takes_its_worker_down_and_not_the_jobs(
    redis_url: str, asker: Asker, diary: Path
) -> None:
    tickets = [await asker.ask(f"q{number}") for number in range(6)]
    async with worker(redis_url, diary, **QUICK, HOW="stubborn") as process:
        assert await process.wait() == FAILED
    async with worker(redis_url, diary, **QUICK):
        found = [await outcome(ticket) for ticket in tickets]
    assert found.count("model_failed") == 4
    assert len(found) - found.count("model_failed") == 2


async def test_a_redis_that_is_away_at_the_start_is_waited_for(tmp_path: Path, diary: Path) -> None:
    redis = QueueSettings(_env_file=None, redis_url=None, data_dir=tmp_path)
    url = f"unix://{socket_path(tmp_path / 'redis')}"
    async with worker(url, diary) as process:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while b"is not reached, waiting for it" not in await process.stderr.readline():
                pass
        async with running_redis(redis), asking(settings(url)) as asker:
            assert await outcome(await asker.ask("q0")) == "q0: red"
        # It is away again, and the worker is stopped meanwhile.
        process.terminate()
        async with asyncio.timeout(STOP_TIMEOUT_S + 20):
            assert await process.wait() == 0


async def test_a_worker_that_waits_for_redis_can_be_stopped(tmp_path: Path, diary: Path) -> None:
    async with worker(f"unix://{tmp_path}/no.sock", diary) as process:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while b"is not reached, waiting for it" not in await process.stderr.readline():
                pass
        process.terminate()
        async with asyncio.timeout(5):
            assert await process.wait() == 0


async def test_a_redis_that_refuses_the_credentials_ends_the_worker(tmp_path: Path, diary: Path) -> None:
    async with running_redis(QueueSettings(_env_file=None, redis_url=None, data_dir=tmp_path)) as url:
        async with Redis.from_url(url) as redis:
            await redis.config_set("requirepass", "a-password")
        async with worker(url.replace("unix://", "unix://:wrong@"), diary) as process:
            _, told = await process.communicate()
    assert process.returncode == FATAL
    assert b"REDIS_URL" in told.splitlines()[-1]
    assert b"Traceback" not in told
