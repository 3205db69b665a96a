"""What `beholder run` says about conversations at its start."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.cli.banner import chat_lines
from inference.models import catalogue
from inference.models.catalogue import Checkpoint
from inference.settings import WorkerSettings


def settings(**given: Any) -> WorkerSettings:
    return WorkerSettings(_env_file=None, **given)


async def test_with_ollama_there_it_says_so() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        lines = await chat_lines(settings(ollama_host=f"http://127.0.0.1:{port}"))
    assert lines == [f"with llava-phi3 in Ollama at 127.0.0.1:{port}"]


async def test_without_ollama_it_says_how_to_get_it() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    told = " ".join(await chat_lines(settings(ollama_host=f"me:secret@127.0.0.1:{port}")))
    assert f"no Ollama at 127.0.0.1:{port}" in told
    assert "https://ollama.com/download" in told
    assert "ollama serve" in told
    assert "secret" not in told


async def test_an_address_that_is_none_is_said_to_be() -> None:
    assert "OLLAMA_HOST is no address" in (await chat_lines(settings(ollama_host="http://a:b")))[0]


async def test_the_tiny_models_converse_by_themselves_where_they_can(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(catalogue.CHAT, "tiny", Checkpoint(str(tmp_path / "converse")))
    tiny = settings(models="tiny")
    assert await chat_lines(tiny) == ["with nothing: the tiny models have none for it"]
    (tmp_path / "converse").mkdir()
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / "converse" / name).write_text("{}")
    assert await chat_lines(tiny) == ["with converse"]


async def test_who_does_not_serve_them_hears_nothing_of_them() -> None:
    assert await chat_lines(settings(tasks="caption")) == []
