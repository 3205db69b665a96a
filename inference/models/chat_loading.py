"""From the settings to an engine that converses. Free of torch until one is wanted that needs it."""

import logging

from inference.engines import ChatEngine
from inference.models.catalogue import chat_checkpoint, served
from inference.models.errors import ModelUnavailable
from inference.settings import WorkerSettings

log = logging.getLogger(__name__)


def load_chat(settings: WorkerSettings) -> ChatEngine | None:
    """Make the engine that converses, as the settings have it.

    Returns:
        The engine, not yet warmed up; None where the settings' models have none that converses.

    Raises:
        ModelUnavailable: It cannot be had; the sentence says what to do.
    """
    if "converse" not in served(settings):
        log.warning("The %s models have none that converses: this worker does the rest.", settings.models)
        return None
    return _in_ollama(settings) if settings.chat_with == "ollama" else _in_here(settings)


def _in_ollama(settings: WorkerSettings) -> ChatEngine:
    from inference.models.ollama import DEFAULT_MODEL, OllamaChat  # noqa: PLC0415 - see above

    # A line for every request says nothing that ours does not.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    model = settings.chat_model or DEFAULT_MODEL
    try:
        return OllamaChat(settings.ollama_host, model, settings.chat_context)
    except ValueError as error:
        raise ModelUnavailable(
            "OLLAMA_HOST is no address: write it as http://127.0.0.1:11434, with your host and port."
        ) from error


def _in_here(settings: WorkerSettings) -> ChatEngine:
    from inference.models.loading import load_llava  # noqa: PLC0415 - it takes seconds

    return load_llava(chat_checkpoint(settings), settings)
