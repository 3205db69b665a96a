"""The lines about conversations that `beholder run` prints at its start: the chat model or how to get it."""

import asyncio
import contextlib

from inference.models.catalogue import chat_checkpoint, served
from inference.ollama_address import Address, address
from inference.settings import WorkerSettings

CONNECT_TIMEOUT_S = 1.0
"""Seconds for a connection to Ollama."""


async def chat_lines(settings: WorkerSettings) -> list[str]:
    """Return lines that name the chat model, or say what to do where there is none.

    Args:
        settings: The worker's, with the chosen models.

    Returns:
        The lines; none where the worker does not serve conversations.
    """
    if "converse" not in settings.tasks:
        return []
    if "converse" not in served(settings):
        return [f"not available: the {settings.models} models include no chat model"]
    if settings.chat_with == "transformers":
        return [chat_checkpoint(settings).label]
    ollama = address(settings.ollama_host)
    if await _is_reachable(ollama):
        return [f"{settings.chat_model or 'llava-phi3'} in Ollama at {ollama}"]
    return [
        f"not available yet: there is no Ollama at {ollama}. Get it from https://ollama.com/download,",
        "or start it with `ollama serve`; the model is downloaded at the first conversation.",
        "To have conversations without it: BEHOLDER_CHAT_ENGINE=transformers.",
    ]


async def _is_reachable(ollama: Address) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(ollama.host, ollama.port)
        writer.close()
        return True
    return False
