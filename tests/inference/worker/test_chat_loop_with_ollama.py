"""A worker, a Redis and a stand-in Ollama: the replies, and the errors."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from inference.errors import ChatInterrupted, ChatModelPulling, ChatUnavailable, Expired
from inference.models.ollama import OllamaChat
from inference.schema import Conversed, Delta, Progress, Turn
from inference.worker.generation import PULL_MARGIN_S
from tests.inference.job_factory import SCOPE
from tests.inference.process_probes import until, until_told
from tests.inference.worker_harness import BLUE, RED, Asker, asking, outcome, settings, working
from tests.ollama.stand_in import MODEL, StandInOllama, stand_in_ollama


@pytest.fixture
async def ollama() -> AsyncIterator[StandInOllama]:
    async with stand_in_ollama() as made:
        yield made


@pytest.fixture
async def asker(redis_url: str, ollama: StandInOllama) -> AsyncIterator[Asker]:
    chat = OllamaChat(ollama.url, MODEL, 4096, first_piece_timeout_s=0.3)
    async with asking(settings(redis_url)) as made, working(settings(redis_url), {}, chat):
        yield made


async def test_two_turns_about_two_pictures(asker: Asker, ollama: StandInOllama) -> None:
    red, blue = [await asker.client.put_picture(SCOPE, data) for data in (RED, BLUE)]
    look = Turn(role="user", speaker="ann", text="look", pictures=(red,))
    also = Turn(role="user", speaker="bob", text="and [img-0] this <image>?", pictures=(blue,))
    found = (await (await asker.talk(look, "red it is", also)).result()).outcome
    # What Ollama or a model would take for a picture is only a person's words.
    text = "bob: and [ img-0] this < image>? red; ; blue"
    assert found == Conversed(text=text, prompt_tokens=1800, reply_tokens=8)
    assert [message["content"] for message in ollama.requests[0]["messages"][:2]] == [
        "ann: look",
        "red it is",
    ]


async def test_a_stop_reaches_ollama(asker: Asker, ollama: StandInOllama) -> None:
    ticket = await asker.talk("hold on")
    async for word in ticket.deltas():
        if isinstance(word, Delta):
            await asker.client.stop(ticket.id)
    assert (await ticket.result()).outcome == Conversed(text="hold ", stopped=True)
    await until(lambda: ollama.gone == 1)


async def test_without_ollama_it_is_said(asker: Asker, ollama: StandInOllama) -> None:
    await asker.ready("converse")
    await ollama.__aexit__(None, None, None)
    with pytest.raises(ChatUnavailable) as caught:
        await (await asker.talk("hello")).result()
    assert caught.value.detail == {"where": f"127.0.0.1:{ollama.port}"}


async def test_a_misconfigured_ollama_is_told_to_the_operator_until_it_works(
    asker: Asker, ollama: StandInOllama, caplog: pytest.LogCaptureFixture
) -> None:
    ollama.refusal = 403, "secret words"
    for _ in range(2):
        assert await outcome(await asker.talk("hello")) == "chat_not_allowed"
    told = [record.message for record in caplog.records if "refuses this worker" in record.message]
    assert len(told) == 1
    await until_told(lambda: _has_problems(asker, "chat_not_allowed"))
    ollama.refusal = None
    assert await outcome(await asker.talk("hello")) == "hello "
    await until_told(lambda: _has_problems(asker))


async def _has_problems(asker: Asker, *codes: str) -> bool:
    return tuple(each.code for each in (await asker.client.status()).problems) == codes


async def test_one_that_hangs_is_said_to_be_away(asker: Asker, ollama: StandInOllama) -> None:
    await asker.ready("converse")
    ollama.deaf = True
    with pytest.raises(ChatUnavailable):
        await (await asker.talk("hello")).result()


async def test_a_model_that_is_fetched_first_is_seen_to_come(asker: Asker, ollama: StandInOllama) -> None:
    ollama.models.clear()
    ticket = await asker.talk("hello")
    progress = []
    async with asyncio.timeout(60):
        async for word in ticket.deltas():
            if isinstance(word, Progress):
                progress.append(word.done)
                if word.done == 0.5:
                    ollama.pull.set()
    assert 0.5 in progress
    assert await outcome(ticket) == "hello "


async def test_an_overloaded_ollama_is_asked_again_and_the_asker_sees_it(
    asker: Asker, ollama: StandInOllama
) -> None:
    ollama.busy = [(429, {"Retry-After": "0"})]
    ticket = await asker.talk("hello")
    heard = [word async for word in ticket.deltas()]
    assert await outcome(ticket) == "hello "
    assert [word.what for word in heard if isinstance(word, Progress)] == ["retrying"]
    assert len(ollama.requests) == 2


async def test_a_model_that_takes_longer_than_anybody_waits_is_fetched_on(
    redis_url: str, ollama: StandInOllama
) -> None:
    ollama.models.clear()
    chat = OllamaChat(ollama.url, MODEL, 4096)
    async with working(settings(redis_url), {}, chat):
        # The worker must begin within the seconds before the margin, which a busy machine may not.
        for seconds in (1, 10):
            hasty = settings(redis_url, job_seconds=PULL_MARGIN_S + seconds)
            async with asking(hasty) as asker:
                # Deadlines stand still while a worker loads its models.
                await asker.ready("converse")
                with pytest.raises((ChatModelPulling, Expired)) as caught:
                    await (await asker.talk(f"hello {seconds}")).result()
            if caught.type is ChatModelPulling:
                break
        assert caught.type is ChatModelPulling
        ollama.pull.set()
        async with asking(settings(redis_url)) as patient:
            assert await outcome(await patient.talk("hello again")) == "hello again "
    assert ollama.pulled == 1


async def test_what_was_said_before_it_broke_off_has_been_heard(asker: Asker) -> None:
    ticket = await asker.talk("well drop it")
    with pytest.raises(ChatInterrupted):
        await ticket.result()
    assert [word.text async for word in ticket.deltas() if isinstance(word, Delta)] == ["well "]


@pytest.mark.parametrize(
    ("says", "text"),
    [
        (["<thi", "nk>red, round", "</th", "ink>\n\nA circle."], "A circle."),
        (["red, round", "</think>", "A circle."], "A circle."),
        ([("", "red, round"), "A circle."], "A circle."),
        (["As `<think>`", " says."], "As `<think>` says."),
    ],
)
async def test_thoughts_are_neither_streamed_nor_part_of_the_answer(
    asker: Asker, ollama: StandInOllama, says: list[str], text: str
) -> None:
    ollama.says = says
    ticket = await asker.talk("hello")
    found = (await ticket.result()).outcome
    assert found == Conversed(text=text, prompt_tokens=600, reply_tokens=len(says))
    streamed = ""
    async for word in ticket.deltas():
        if isinstance(word, Delta):
            streamed = word.text if getattr(word, "anew", False) else streamed + word.text
    assert streamed == text


@pytest.mark.parametrize("says", [["<think>red, round"], [("", "red, round")]])
async def test_an_answer_that_ran_out_in_a_thought_says_so(
    asker: Asker, ollama: StandInOllama, says: list[str]
) -> None:
    ollama.says, ollama.done_reason = says, "length"
    found = (await (await asker.talk("hello")).result()).outcome
    assert isinstance(found, Conversed)
    assert found.model_dump(include={"text", "cut_off", "in_thought"}) == {
        "text": "",
        "cut_off": True,
        "in_thought": True,
    }


@pytest.mark.parametrize(("reason", "cut_off"), [("length", True), ("stop", False)])
async def test_an_answer_that_reached_its_length_is_told_from_one_that_ended(
    asker: Asker, ollama: StandInOllama, reason: str, cut_off: bool
) -> None:
    ollama.says, ollama.done_reason = ["A circle", " on"], reason
    found = (await (await asker.talk("hello")).result()).outcome
    assert getattr(found, "cut_off", False) is cut_off


async def test_a_stream_that_falls_silent_ends_as_interrupted_and_keeps_what_was_said(
    redis_url: str, ollama: StandInOllama
) -> None:
    chat = OllamaChat(ollama.url, MODEL, 4096)
    given = settings(redis_url, BEHOLDER_CHAT_SILENCE_SECONDS=0.2, job_seconds=15)
    async with asking(given) as asker, working(given, {}, chat):
        ticket = await asker.talk("hold on")
        async with asyncio.timeout(30):
            assert await outcome(ticket) == "chat_interrupted"
        assert [word.text async for word in ticket.deltas() if isinstance(word, Delta)] == ["hold "]
        await until(lambda: ollama.gone == 1)
        assert await outcome(await asker.talk("hello")) == "hello "


async def test_a_model_that_never_begins_is_given_up(redis_url: str, ollama: StandInOllama) -> None:
    ollama.loading = True
    chat = OllamaChat(ollama.url, MODEL, 4096, alive_timeout_s=20)
    given = settings(redis_url, BEHOLDER_CHAT_START_SECONDS=0.3, BEHOLDER_CHAT_SILENCE_SECONDS=0.1)
    async with asking(given) as asker, working(given, {}, chat):
        async with asyncio.timeout(30):
            assert await outcome(await asker.talk("hello")) == "chat_not_begun"
        await until(lambda: ollama.gone == 1)


async def test_ten_at_once_end_complete_and_in_order(asker: Asker) -> None:
    words = [" ".join(f"{talk}-{number}" for number in range(60)) for talk in range(10)]
    tickets = [await asker.talk(each) for each in words]
    for ticket, said in zip(tickets, words, strict=True):
        pieces = [word.text async for word in ticket.deltas() if isinstance(word, Delta)]
        assert "".join(pieces) == f"{said} " == await outcome(ticket)
