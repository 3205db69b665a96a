"""The lines of `beholder run` at its start about conversations: with which model, or how to get one."""

import asyncio
import contextlib

from inference.models.catalogue import chat_checkpoint, served
from inference.ollama_address import Address, address
from inference.settings import WorkerSettings

CONNECT_SECONDS = 1.0


async def chat_lines(settings: WorkerSettings) -> list[str]:
    """Say which model converses, or what to do where none does.

    Args:
        settings: With the models that were chosen.
    """
    if "converse" not in settings.tasks:
        return []
    if "converse" not in served(settings):
        return [f"with nothing: the {settings.models} models have none for it"]
    if settings.chat_with == "transformers":
        return [f"with {chat_checkpoint(settings).label}"]
    try:
        place = address(settings.ollama_host)
    except ValueError:
        return ["OLLAMA_HOST is no address: write it as http://127.0.0.1:11434"]
    if await _answers(place):
        return [f"with {settings.chat_model or 'llava-phi3'} in Ollama at {place}"]
    return [
        f"not yet, there is no Ollama at {place}. Get it from https://ollama.com/download,",
        "or start it with `ollama serve`; it fetches the model with the first conversation.",
        "To converse without it: BEHOLDER_CHAT_ENGINE=transformers.",
    ]


async def _answers(place: Address) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(place.host, place.port)
        writer.close()
        return True
    return False
