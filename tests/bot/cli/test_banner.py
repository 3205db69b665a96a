"""The lines about conversations at the start of `beholder run`."""

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


async def test_a_reachable_ollama_is_named_with_its_model() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        lines = await chat_lines(settings(ollama_host=f"http://127.0.0.1:{port}"))
    assert lines == [f"llava-phi3 in Ollama at 127.0.0.1:{port}"]


async def test_an_unreachable_ollama_is_named_with_how_to_get_it() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    lines = " ".join(await chat_lines(settings(ollama_host=f"me:secret@127.0.0.1:{port}")))
    assert f"no Ollama at 127.0.0.1:{port}" in lines
    assert "https://ollama.com/download" in lines
    assert "ollama serve" in lines
    assert "secret" not in lines


async def test_the_tiny_chat_model_is_named_if_its_files_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(catalogue.CHAT, "tiny", Checkpoint(str(tmp_path / "converse")))
    tiny = settings(models="tiny")
    assert await chat_lines(tiny) == ["not available: the tiny models include no chat model"]
    (tmp_path / "converse").mkdir()
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / "converse" / name).write_text("{}")
    assert await chat_lines(tiny) == ["converse"]


async def test_a_worker_without_conversations_has_no_lines() -> None:
    assert await chat_lines(settings(tasks="caption")) == []
