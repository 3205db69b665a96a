"""The Ollama engine against a stand-in: requests, replies and errors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from inference.engines import BusyRetry, ChatPiece, PromptTurn, PullProgress, Thinking, Usage
from inference.errors import (
    BeholderError,
    ChatBusy,
    ChatInterrupted,
    ChatModelMissing,
    ChatUnavailable,
    ModelFailed,
)
from inference.models.ollama import (
    ALIVE_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    FIRST_PIECE_TIMEOUT_S,
    OllamaChat,
)
from inference.models.ollama_errors import retry_after_s
from inference.settings import WorkerSettings
from tests.inference.image_files import plain
from tests.inference.process_probes import until
from tests.ollama.description import DESCRIPTION
from tests.ollama.stand_in import MODEL, StandInOllama, stand_in_ollama


@pytest.fixture
async def ollama() -> AsyncIterator[StandInOllama]:
    async with stand_in_ollama() as made:
        yield made


@contextlib.asynccontextmanager
async def chat_at(url: str, model: str = MODEL, **given: Any) -> AsyncIterator[OllamaChat]:
    engine = OllamaChat(url, model, 4096, **given)
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
async def engine(ollama: StandInOllama) -> AsyncIterator[OllamaChat]:
    async with chat_at(ollama.url) as made:
        yield made


def asked(text: str) -> list[PromptTurn]:
    return [PromptTurn("user", text)]


async def all_of(
    engine: OllamaChat, turns: list[PromptTurn], heard: list[ChatPiece] | None = None
) -> list[ChatPiece]:
    """Hear an answer to its end; `heard` has what came before an error."""
    heard = [] if heard is None else heard
    async with asyncio.timeout(60):
        async for piece in engine.chat(turns):
            heard.append(piece)
    return heard


def text_of(pieces: list[ChatPiece]) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


async def test_the_words_come_one_by_one_and_then_what_they_took(engine: OllamaChat) -> None:
    pieces = await all_of(engine, asked("tell me more"))
    assert pieces == ["tell ", "me ", "more ", Usage(600, 4)]


async def test_each_picture_goes_with_its_own_turn_as_a_file_that_ollama_reads(
    engine: OllamaChat, ollama: StandInOllama
) -> None:
    turns = [
        PromptTurn("user", "look", (plain("red"), plain("blue"))),
        PromptTurn("assistant", "I see."),
        PromptTurn("user", "and this?", (plain("lime"),)),
    ]
    assert text_of(await all_of(engine, turns)) == "and this? red,blue; ; lime"
    [request] = ollama.requests
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "user"]
    assert [len(message.get("images", [])) for message in request["messages"]] == [2, 0, 1]


async def test_a_model_that_can_think_is_told_not_to(engine: OllamaChat, ollama: StandInOllama) -> None:
    ollama.capabilities.append("thinking")
    await all_of(engine, asked("hello"))
    assert ollama.requests[0]["think"] is False


async def test_one_that_cannot_think_is_not_told_about_it(engine: OllamaChat, ollama: StandInOllama) -> None:
    await all_of(engine, asked("hello"))
    assert "think" not in ollama.requests[0]


async def test_a_thought_that_comes_apart_is_no_text(engine: OllamaChat, ollama: StandInOllama) -> None:
    ollama.says, ollama.done_reason = [("", "hm"), ("", "so"), "A circle."], "length"
    assert await all_of(engine, asked("hello")) == [
        Thinking(),
        Thinking(),
        "A circle.",
        Usage(600, 3, cut_off=True),
    ]


async def test_the_same_picture_is_sent_as_the_same_bytes(engine: OllamaChat, ollama: StandInOllama) -> None:
    for _ in range(2):
        await all_of(engine, [PromptTurn("user", "look", (plain("red"),))])
    first, second = (request["messages"][0]["images"] for request in ollama.requests)
    assert first == second


async def test_it_is_told_how_long_a_conversation_may_be_and_to_keep_the_model(
    engine: OllamaChat, ollama: StandInOllama
) -> None:
    await all_of(engine, asked("hello"))
    [request] = ollama.requests
    assert request["model"] == MODEL
    assert request["stream"] is True
    assert request["options"] == {"num_ctx": 4096, "num_predict": 1024}
    assert request["keep_alive"] == "10m"


async def test_a_path_that_somebody_writes_is_no_file_of_this_machine(
    engine: OllamaChat, ollama: StandInOllama
) -> None:
    assert text_of(await all_of(engine, asked("/etc/passwd"))) == "/etc/passwd "
    assert "images" not in ollama.requests[0]["messages"][0]


async def test_whoever_goes_ends_it_on_the_server_too(engine: OllamaChat, ollama: StandInOllama) -> None:
    pieces = engine.chat(asked("hold on"))
    assert await anext(pieces) == "hold "
    await pieces.aclose()
    await until(lambda: ollama.gone == 1)


async def test_one_that_is_cancelled_while_it_waits_ends_on_the_server_too(
    engine: OllamaChat, ollama: StandInOllama
) -> None:
    ollama.loading = True
    waiting = asyncio.create_task(all_of(engine, asked("hello")))
    await until(lambda: ollama.requests)
    waiting.cancel()
    await asyncio.wait([waiting])
    await until(lambda: ollama.gone == 1)


async def test_an_ollama_that_is_not_there_is_reported() -> None:
    async with StandInOllama() as gone:
        url = gone.url
    async with chat_at(url) as engine:
        await engine.warm_up()
        with pytest.raises(ChatUnavailable) as caught:
            await all_of(engine, asked("hello"))
    assert caught.value.detail == {"where": url.removeprefix("http://")}
    assert "ollama serve" in str(caught.value)


async def test_one_that_hangs_is_reported(ollama: StandInOllama) -> None:
    ollama.deaf = True
    async with chat_at(ollama.url, first_piece_timeout_s=0.1, alive_timeout_s=0.1) as engine:
        with pytest.raises(ChatUnavailable):
            await all_of(engine, asked("hello"))


def test_an_ollama_that_does_not_answer_is_reported_within_three_seconds() -> None:
    assert CONNECT_TIMEOUT_S < 3
    assert FIRST_PIECE_TIMEOUT_S + 2 * ALIVE_TIMEOUT_S < 3


async def test_one_that_loads_its_model_is_waited_for(ollama: StandInOllama) -> None:
    ollama.loading = True
    async with chat_at(ollama.url, first_piece_timeout_s=0.1, alive_timeout_s=20) as engine:
        waiting = asyncio.create_task(all_of(engine, asked("hello")))
        await until(lambda: ollama.alive_checks == 1)
        assert not waiting.done()
        ollama.go.set()
        assert text_of(await waiting) == "hello "


async def test_it_may_come_back(ollama: StandInOllama) -> None:
    async with chat_at(ollama.url) as engine:
        assert text_of(await all_of(engine, asked("one"))) == "one "
        await ollama.__aexit__(None, None, None)
        with pytest.raises(ChatUnavailable):
            await all_of(engine, asked("two"))
        await ollama.__aenter__()
        assert text_of(await all_of(engine, asked("three"))) == "three "


@pytest.mark.parametrize("how", ["drop", "garbage", "cut"])
async def test_an_answer_that_breaks_off_is_said_to(engine: OllamaChat, how: str) -> None:
    heard: list[ChatPiece] = []
    with pytest.raises(ChatInterrupted):
        await all_of(engine, asked(f"well {how} it"), heard)
    assert heard[0] == "well "


async def test_an_error_in_mid_answer_is_the_models(engine: OllamaChat) -> None:
    with pytest.raises(ModelFailed):
        await all_of(engine, asked("well fail now"))


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [
        (401, "unauthorized", "chat_not_allowed"),
        (403, "secret words", "chat_not_allowed"),
        (404, "404 page not found", "chat_not_ollama"),
        (405, "method not allowed", "chat_not_ollama"),
        (500, "model requires more system memory (5.6 GiB) than is available", "chat_out_of_memory"),
        (500, "llama runner process has terminated: cudaMalloc failed: out of memory", "chat_out_of_memory"),
        (500, "this model does not support images: secret words", "chat_no_vision"),
        (
            500,
            "Failed to create new sequence: this model is missing data required for image input secret words",
            "chat_no_vision",
        ),
        (400, "secret words of a person", "model_failed"),
        (500, "secret words of a person", "model_failed"),
    ],
)
async def test_each_kind_of_refusal_has_a_code_and_a_sentence_of_its_own(
    engine: OllamaChat,
    ollama: StandInOllama,
    status: int,
    words: str,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ollama.refusal = status, words
    with pytest.raises(BeholderError) as caught:
        await all_of(engine, asked("hello"))
    assert caught.value.code == code
    assert "secret words" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("body", ["<html>secret words</html>", "[]", "3", '"word"', '{"error": {"a": 1}}'])
async def test_a_server_that_is_no_ollama_is_said_to_be_none(
    engine: OllamaChat, ollama: StandInOllama, body: str
) -> None:
    ollama.impostor = body
    with pytest.raises(BeholderError) as caught:
        await all_of(engine, asked("hello"))
    assert caught.value.code == "chat_not_ollama"


async def test_too_little_memory_in_mid_answer_is_said_to_be_that(engine: OllamaChat) -> None:
    with pytest.raises(BeholderError) as caught:
        await all_of(engine, asked("well crowded it is"))
    assert caught.value.code == "chat_out_of_memory"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_an_overloaded_one_is_asked_again_with_backoff(ollama: StandInOllama, status: int) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    ollama.busy = [(status, {}), (status, {"Retry-After": "7"}), (status, {"Retry-After": "soon"})]
    async with chat_at(ollama.url, sleep=sleep) as engine:
        pieces = await all_of(engine, asked("hello"))
    assert pieces[:3] == [BusyRetry(1), BusyRetry(7), BusyRetry(4)]
    assert text_of(pieces) == "hello "
    assert slept == [1, 7, 4]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3600"}])
async def test_one_that_stays_overloaded_is_said_to_be(
    ollama: StandInOllama, headers: dict[str, str]
) -> None:
    async def sleep(_: float) -> None:
        return

    ollama.busy = [(503, headers)] * 20
    async with chat_at(ollama.url, sleep=sleep) as engine:
        with pytest.raises(ChatBusy):
            await all_of(engine, asked("hello"))
    assert len(ollama.requests) == (1 if headers else 6)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:10 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("-5", None),
        ("\u0663", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, clock=lambda: 60.0) == seconds


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    assert (retry_after_s(header) or 0.0) >= 0


async def test_a_model_that_is_missing_is_fetched_with_its_progress(
    engine: OllamaChat, ollama: StandInOllama
) -> None:
    ollama.models.clear()
    heard: list[ChatPiece] = []
    async for piece in engine.chat(asked("hello")):
        heard.append(piece)
        if piece == PullProgress(0.5):
            ollama.pull.set()
    assert heard[:3] == [PullProgress(None), PullProgress(0.5), PullProgress(1.0)]
    assert heard[3:] == ["hello ", Usage(600, 2)]
    assert ollama.pulled == 1


async def test_several_who_need_it_wait_for_one_fetch(engine: OllamaChat, ollama: StandInOllama) -> None:
    ollama.models.clear()
    all_three = [asyncio.create_task(all_of(engine, asked(word))) for word in ("one", "two", "three")]
    await until(lambda: len(ollama.requests) == 3)
    ollama.pull.set()
    assert [text_of(await each) for each in all_three] == ["one ", "two ", "three "]
    assert ollama.pulled == 1


async def test_a_fetch_goes_on_though_who_asked_has_gone(engine: OllamaChat, ollama: StandInOllama) -> None:
    ollama.models.clear()
    pieces = engine.chat(asked("hello"))
    assert isinstance(await anext(pieces), PullProgress)
    await pieces.aclose()
    ollama.pull.set()
    await until(lambda: ollama.models)
    assert text_of(await all_of(engine, asked("again"))) == "again "
    assert ollama.pulled == 1


async def test_a_model_that_nobody_has_is_named(ollama: StandInOllama) -> None:
    async with chat_at(ollama.url, "no-such") as engine:
        for _ in range(2):
            with pytest.raises(ChatModelMissing, match="ollama pull no-such") as caught:
                await all_of(engine, asked("hello"))
            assert caught.value.detail == {"model": "no-such"}
    assert ollama.pulled == 2


async def test_no_proxy_gets_the_pictures(ollama: StandInOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with chat_at(ollama.url) as engine:
        assert text_of(await all_of(engine, asked("hello"))) == "hello "


@pytest.mark.skipif(not DESCRIPTION.is_file(), reason="Ollama's description is not beside the project")
async def test_the_description_would_notice(ollama: StandInOllama, engine: OllamaChat) -> None:
    await all_of(engine, asked("hello"))
    assert ollama.description.checked >= 4
    ollama.description.check("ChatRequest", {"model": MODEL, "messages": [{"role": "nobody"}], "spare": 1})
    assert len(ollama.description.found) >= 3
    ollama.description.found.clear()


def test_an_address_that_is_none_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValidationError, match=r"write it as http://127"):
        WorkerSettings(_env_file=None, ollama_host="http://here:port", chat_engine="ollama")


def test_its_errors_name_no_password() -> None:
    engine = OllamaChat("http://me:secret@ollama:1234/path", MODEL, 4096)
    assert isinstance(engine._errors.unavailable(), BeholderError)
    assert str(engine._errors.unavailable().detail) == "{'where': 'ollama:1234'}"
