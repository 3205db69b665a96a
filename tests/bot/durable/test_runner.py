"""The registry of running requests: what is resumed, cancelled and closed; and progress shown meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import discord
import pytest

from bot.client import intents
from bot.durable.runner import RequestRunner, progress_shown, retry_redis
from handlers.storage.inbox import Inbox, Open, OpenPost
from inference.errors import QueueUnavailable
from inference.queue.connection import Client, connect


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def inbox(redis: Client) -> Inbox:
    return Inbox(redis, "bot")


@pytest.fixture
def runner(inbox: Inbox) -> RequestRunner:
    return RequestRunner(discord.Client(intents=intents(content=False)), inbox, lambda _: True)


def post(number: int) -> OpenPost:
    return OpenPost(
        message_id=number, channel_id=1, guild_id=1, author_id=1, why="unasked", accepted=float(number)
    )


async def test_a_request_runs_once_at_a_time_and_stays_open_where_its_work_fails(
    inbox: Inbox, runner: RequestRunner
) -> None:
    started, go_on = [], asyncio.Event()

    async def work() -> None:
        started.append(1)
        await go_on.wait()
        raise ZeroDivisionError

    await inbox.accept(post(1))
    task = runner.start(post(1), work)
    assert task is not None
    assert runner.start(post(1), work) is None
    go_on.set()
    await asyncio.wait([task])
    assert (started, len(await inbox.waiting())) == ([1], 1)
    assert runner.start(post(1), work) is not None
    await runner.stop(OpenPost)


async def test_a_request_that_was_closed_while_others_were_resumed_is_not_resumed(
    inbox: Inbox, runner: RequestRunner
) -> None:
    """Redis goes away in the middle of it; the second request is closed before it is back."""
    resumed: list[str] = []
    is_away = True

    async def resume(request: Open) -> None:
        nonlocal is_away
        if is_away:
            is_away = False
            await inbox.close("post:2")
            raise QueueUnavailable
        resumed.append(request.id)

    for number in (1, 2, 3):
        await inbox.accept(post(number))
    runner.register(OpenPost, resume)
    await runner.resume_open_requests()
    assert resumed == ["post:1", "post:3"]


async def test_a_cancelled_request_is_closed(inbox: Inbox, runner: RequestRunner) -> None:
    await inbox.accept(post(1))
    task = runner.start(post(1), asyncio.Event().wait)  # type: ignore[arg-type]
    runner.cancel("post:1")
    runner.cancel("post:2")
    assert task is not None
    await asyncio.wait([task])
    while await inbox.waiting():  # noqa: ASYNC110 - it is Redis that has to change
        await asyncio.sleep(0.01)


async def test_stopping_during_a_resumption_resumes_nothing_more(inbox: Inbox, runner: RequestRunner) -> None:
    resumed: list[str] = []

    async def resume(request: Open) -> None:
        resumed.append(request.id)
        await runner.stop(OpenPost)

    for number in (1, 2):
        await inbox.accept(post(number))
    runner.register(OpenPost, resume)
    await runner.resume_open_requests()
    assert resumed == ["post:1"]


async def test_a_request_whose_work_has_failed_is_resumed_by_the_sweep(inbox: Inbox) -> None:
    client = discord.Client(intents=intents(content=False))
    runner = RequestRunner(client, inbox, lambda _: True, min_resume_delay_s=0.01)
    attempts: list[int] = []
    done = asyncio.Event()

    async def work() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise ZeroDivisionError
        await runner.close("post:1")
        done.set()

    async def resume(request: Open) -> None:
        runner.start(request, work)

    await inbox.accept(post(1))
    runner.register(OpenPost, resume)
    sweep = asyncio.create_task(runner.sweep(3600))
    runner.start(post(1), work)
    async with asyncio.timeout(10):
        await done.wait()
    sweep.cancel()
    assert (len(attempts), await inbox.waiting()) == (3, [])


async def test_the_sweep_resumes_what_was_left_behind_and_goes_on_after_an_error(
    inbox: Inbox, runner: RequestRunner
) -> None:
    resumed = asyncio.Event()
    calls: list[str] = []

    async def resume(request: Open) -> None:
        calls.append(request.id)
        if len(calls) == 1:
            raise ZeroDivisionError
        resumed.set()

    await inbox.accept(post(1))
    runner.register(OpenPost, resume)
    sweep = asyncio.create_task(runner.sweep(0.01))
    async with asyncio.timeout(10):
        await resumed.wait()
    sweep.cancel()


async def test_a_request_that_is_being_written_down_or_ends_meanwhile_is_not_resumed(
    inbox: Inbox, runner: RequestRunner
) -> None:
    resumed: list[str] = []

    async def resume(request: Open) -> None:
        await runner.close("post:2")
        resumed.append(request.id)

    for number in (1, 2, 3):
        await inbox.accept(post(number))
    runner.register(OpenPost, resume)
    with runner.reserved("post:3"):
        await runner.resume_open_requests()
    assert resumed == ["post:1"]


async def test_an_operation_is_retried_until_redis_is_reachable() -> None:
    attempts = 0

    async def operation() -> int:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise QueueUnavailable
        return attempts

    assert await retry_redis(operation) == 3


async def test_an_error_of_the_progress_costs_no_outcome() -> None:
    failed = asyncio.Event()

    async def status() -> str:
        failed.set()
        raise ZeroDivisionError

    async with progress_shown(status, lambda _: asyncio.sleep(0), every_s=0.001):
        await failed.wait()


async def test_an_update_that_is_being_sent_is_waited_for_and_none_follows_the_outcome() -> None:
    order: list[str] = []
    sending = asyncio.Event()

    async def status() -> str:
        return f"{len(order)} before yours"

    async def show(_: str) -> None:
        sending.set()
        await asyncio.sleep(0.02)
        order.append("update")

    async with progress_shown(status, show, every_s=0.001):
        await sending.wait()
    order.append("outcome")
    await asyncio.sleep(0.05)
    assert order == ["update", "outcome"]


async def test_nothing_is_asked_any_more_once_there_is_nothing_to_say() -> None:
    asked, texts = [], iter(["", "wait", "wait", None])
    told: list[str] = []

    async def status() -> str | None:
        asked.append(1)
        return next(texts)

    async def show(text: str) -> None:
        told.append(text)

    async with progress_shown(status, show, every_s=0.001):
        while len(asked) < 4:  # noqa: ASYNC110 - the loop is what is tested
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
    assert (told, len(asked)) == (["wait"], 4)
