"""Settings -> the chat engine. Free of torch until an engine that needs it is chosen."""

import logging

from inference.engines import ChatEngine
from inference.models.catalogue import chat_checkpoint, served
from inference.models.libraries import import_errors
from inference.models.progress import Progress
from inference.settings import WorkerSettings

log = logging.getLogger(__name__)


def load_chat(settings: WorkerSettings, progress: Progress | None = None) -> ChatEngine | None:
    """Load the engine of the `converse` task.

    Args:
        settings: The model and the device.
        progress: Called with each step of a download; None: shown on standard error.

    Returns:
        The engine, not yet warmed up; None where the settings' models include no chat model.

    Raises:
        ModelUnavailable: It cannot be loaded; the message says what to do.
    """
    if "converse" not in served(settings):
        log.warning(
            "The %s models include no chat model: this worker serves the other tasks.", settings.models
        )
        return None
    return (
        _ollama_engine(settings)
        if settings.chat_with == "ollama"
        else _transformers_engine(settings, progress)
    )


def _ollama_engine(settings: WorkerSettings) -> ChatEngine:
    with import_errors():
        from inference.models.ollama import DEFAULT_MODEL, OllamaChat  # noqa: PLC0415 - see above

    # httpx logs a line for every request, which adds nothing to our own lines.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    model = settings.chat_model or DEFAULT_MODEL
    return OllamaChat(settings.ollama_host, model, settings.chat_context)


def _transformers_engine(settings: WorkerSettings, progress: Progress | None) -> ChatEngine:
    with import_errors():
        from inference.models.loading import load_llava  # noqa: PLC0415 - it takes seconds

    return load_llava(chat_checkpoint(settings), settings, progress)
