"""Requests over a limit: in flight they wait and say why; what is refused says when to come back."""

import math
import re
import time
from pathlib import Path

import pytest

from bot.cogs.chat.strings import STOPPED
from bot.formatting.errors import error_sentence
from bot.formatting.status import NO_WORKER
from inference.errors import ChatBusy, Expired, QueueFull, TooManyInFlight
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import EPHEMERAL, FILE, SWITCH, TEXT, CommandCaller, option
from tests.bot.conversation_steps import (
    bot_messages,
    buttons,
    is_finished,
    open_thread,
    press,
    wait_finished,
    wait_for_messages,
)
from tests.bot.harness import NOTICES_AT_ONCE, Harness, bot_harness, picture
from tests.e2e.member import Member, Message

FOUR_OPEN = (
    "-# You have 4 requests open, which is the limit for one person: "
    "this one starts when one of them is done."
)
ONE_OPEN = "-# You have 1 request open, which is the limit for one person: this one starts when it is done."
MARKS = re.compile(r"at <t:(\d+):t> \(<t:(\d+):R>\)")
QUESTION = option(TEXT, "question", "what is it?")
CALLS = {
    "describe": (),
    "ask": (QUESTION,),
    "match": (option(TEXT, "labels", "a circle, a square"),),
    "chat": (option(TEXT, "question", "what is it?"),),
}


async def describe(harness: Harness, caller: CommandCaller, count: int) -> list[Message]:
    """Call `/describe` so often; return the placeholders, all of which have said that no worker is up."""
    placeholders = []
    for number in range(count):
        start = len(caller.member.heard)
        files = [("a.png", picture(f"circle {number}"))]
        await caller.call(harness.general, "describe", option(FILE, "image", 0), files=files)
        placeholders.append(await caller.placeholder(harness.general, start=start))
    for each in placeholders:
        assert (await caller.outcome(each))["content"] == NO_WORKER
    return placeholders


@pytest.mark.parametrize(("name", "private"), [*((name, False) for name in CALLS), ("ask", True)])
async def test_a_command_over_the_limit_says_why_it_waits_and_is_answered(
    harness: Harness, name: str, private: bool
) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot(delays=NOTICES_AT_ONCE, jobs_per_person=4), Member(harness.session, 1) as ben:
        await describe(harness, caller, 4)
        start = len(harness.ada.heard)
        options = (*CALLS[name], option(FILE, "image", 0), *([option(SWITCH, "private", True)] * private))
        await caller.call(harness.general, name, *options, files=[("b.png", picture("a circle"))])
        fifth = await caller.placeholder(harness.general, start=start)
        assert (await caller.outcome(fifth))["content"] == FOUR_OPEN
        # The limit of one member keeps no other waiting.
        await describe(harness, CommandCaller(ben), 1)
        async with harness.worker():
            answer = await harness.ada.hear(
                lambda kind, data: (
                    kind == "MESSAGE_UPDATE"
                    and data["id"] == fifth["id"]
                    and data["content"]
                    and not data["content"].startswith("-#")
                )
            )
            await harness.all_closed()
    assert ("circle" if name in {"describe", "match"} else "what is it?") in answer["content"]


@pytest.mark.parametrize("why", ["mention", "question"])
async def test_a_post_over_the_limit_says_why_it_waits_and_is_answered(harness: Harness, why: str) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot(delays=NOTICES_AT_ONCE, jobs_per_person=4):
        await describe(harness, caller, 4)
        words = f"{harness.mention} what is it?" if why == "question" else harness.mention
        post = await harness.ada.post(harness.general, words, files=[("b.png", picture("a red circle"))])
        waits = await harness.ada.hear(lambda _, data: data.get("content") == FOUR_OPEN)
        assert waits["message_reference"]["message_id"] == post["id"]
        async with harness.worker():
            await harness.all_closed()
        [reply] = await harness.replies(harness.general, post)
    assert reply["id"] == waits["id"]
    assert reply["content"].startswith("a red circle")


async def test_an_album_waits_for_no_more_than_its_own_pictures(harness: Harness) -> None:
    async with harness.bot(delays=NOTICES_AT_ONCE, jobs_per_person=4):
        files = [(f"{number}.png", picture(f"circle {number}")) for number in range(6)]
        post = await harness.ada.post(harness.general, harness.mention, files=files)
        async with harness.worker():
            await harness.all_closed()
        [reply] = await harness.replies(harness.general, post)
    assert reply["content"].split("\n") == [f"{number}. circle {number - 1}" for number in range(1, 7)]


async def test_a_turn_over_the_limit_says_why_it_waits_and_lets_others_go_first(harness: Harness) -> None:
    async with (
        chat_worker(harness) as worker,
        harness.bot(delays=NOTICES_AT_ONCE, jobs_per_person=1),
        Member(harness.session, 1) as ben,
    ):
        threads = [await open_thread(harness) for _ in range(2)]
        for each in threads:
            await wait_finished(harness, each, 1)
        worker.gate.clear()
        done = len(worker.jobs)
        await harness.ada.post(threads[0], "the first")
        await worker.wait_for_jobs(done + 1)
        await harness.ada.post(threads[1], "the second")
        found = await wait_for_messages(harness, threads[1], lambda found: ONE_OPEN in found[-1]["content"])
        assert list(buttons(found[-1])) == ["Stop"]
        await ben.post(threads[1], "between")
        await worker.wait_for_jobs(done + 2)
        assert worker.last_request.turns[-1].text == "between"
        assert list(buttons((await bot_messages(harness, threads[1]))[1])) == ["Stop"]
        worker.gate.set()
        await wait_for_messages(
            harness,
            threads[1],
            lambda found: len(found) == 3 and "the second" in found[1]["content"] and is_finished(found[1]),
        )
        await harness.all_closed()
    contents = [each["content"] for each in await bot_messages(harness, threads[1])]
    assert "between" in contents[2]


async def test_a_turn_that_waits_can_be_stopped(harness: Harness) -> None:
    async with (
        chat_worker(harness) as worker,
        harness.bot(delays=NOTICES_AT_ONCE, jobs_per_person=1),
    ):
        threads = [await open_thread(harness) for _ in range(2)]
        for each in threads:
            await wait_finished(harness, each, 1)
        worker.gate.clear()
        done = len(worker.jobs)
        await harness.ada.post(threads[0], "the first")
        await worker.wait_for_jobs(done + 1)
        await harness.ada.post(threads[1], "the second")
        found = await wait_for_messages(harness, threads[1], lambda found: ONE_OPEN in found[-1]["content"])
        await press(harness.ada, found[-1], "Stop")
        found = await wait_for_messages(
            harness, threads[1], lambda found: found[-1]["content"] == STOPPED and is_finished(found[-1])
        )
        worker.gate.set()
        await harness.all_closed()
        assert len(worker.jobs) == done + 1


@pytest.fixture
def own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the bot go by its own clock: interactions of a Discord that is behind look old."""
    monkeypatch.setattr("bot.discord_api.server_clock.TOLERANCE_S", math.inf)


@pytest.mark.usefixtures("own_clock")
@pytest.mark.parametrize("private", [False, True])
async def test_the_wait_ends_with_a_sentence_before_the_interaction_does(
    tmp_path: Path, redis_url: str, private: bool
) -> None:
    # Each interaction is 14 of its 15 minutes old when the bot gets it.
    async with (
        bot_harness(tmp_path, redis_url, ahead=-845) as harness,
        harness.bot(delays=NOTICES_AT_ONCE, jobs_per_person=4),
    ):
        caller, begun = CommandCaller(harness.ada), time.time()
        await describe(harness, caller, 4)
        start = len(harness.ada.heard)
        options = (QUESTION, option(FILE, "image", 0), option(SWITCH, "private", private))
        await caller.call(harness.general, "ask", *options, files=[("b.png", picture("a circle"))])
        if private:
            placeholder = await caller.placeholder(harness.general, start=start)
            refusal = await caller.outcome(placeholder, unlike=FOUR_OPEN)
        else:
            refusal = await caller.refusal(start=start)
    assert refusal["flags"] & EPHEMERAL
    assert "You still have 4 requests open, which is the limit for one person" in refusal["content"]
    marks = MARKS.search(refusal["content"])
    assert marks is not None
    at, again = map(int, marks.groups())
    # By then the first of the four has been answered, or given up.
    assert at == again
    assert begun + 600 <= at <= time.time() + 602


@pytest.mark.usefixtures("own_clock")
async def test_a_private_answer_that_takes_too_long_ends_with_a_sentence(
    tmp_path: Path, redis_url: str
) -> None:
    async with (
        bot_harness(tmp_path, redis_url, ahead=-871.0) as harness,
        harness.bot(delays=NOTICES_AT_ONCE),
    ):
        caller = CommandCaller(harness.ada)
        options = (QUESTION, option(FILE, "image", 0), option(SWITCH, "private", True))
        await caller.call(harness.general, "ask", *options, files=[("b.png", picture("a circle"))])
        placeholder = await caller.placeholder(harness.general)
        assert (await caller.outcome(placeholder, unlike=NO_WORKER))["content"] == error_sentence(Expired())
        await harness.all_closed()


async def test_a_full_queue_says_when_to_come_back(harness: Harness) -> None:
    caller = CommandCaller(harness.ada)
    async with harness.bot(delays=NOTICES_AT_ONCE, queue_jobs=4):
        await describe(harness, caller, 4)
        begun = time.time()
        start = len(harness.ada.heard)
        files = [("b.png", picture("a circle"))]
        await caller.call(harness.general, "match", *CALLS["match"], option(FILE, "image", 0), files=files)
        refusal = await caller.refusal(start=start)
    assert refusal["content"].startswith("I have too much to do right now. Try again in about 30 seconds, ")
    marks = MARKS.search(refusal["content"])
    assert marks is not None
    assert begun + 30 <= int(marks.group(1)) <= time.time() + 31


@pytest.mark.parametrize(
    "error",
    [
        QueueFull("", retry_after=240),
        TooManyInFlight("", limit=4, open=4, retry_after=240),
        ChatBusy("", retry_after=240),
    ],
)
def test_a_refusal_has_its_time_in_words_and_as_marks(error: QueueFull | TooManyInFlight | ChatBusy) -> None:
    begun = time.time()
    sentence = error_sentence(error)
    marks = MARKS.search(sentence)
    assert marks is not None
    assert "in about 4 minutes" in sentence
    assert begun + 240 <= int(marks.group(1)) <= time.time() + 241
