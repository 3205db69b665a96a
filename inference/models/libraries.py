"""The libraries that a worker needs and the bot does not: found missing before the work starts."""

import contextlib
import importlib.util
from collections.abc import Iterator

from inference.models.catalogue import served
from inference.models.errors import ModelUnavailable
from inference.settings import WorkerSettings

DECODING = ("pillow_heif",)
"""What reads pictures."""
LOADING = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "huggingface_hub", "tqdm")
"""What loads models into this process."""
OLLAMA = ("ollama",)
"""What talks to Ollama."""
ADVICE = (
    "Install them with `make run`, or with pip install -c constraints.txt -e '.[worker]' in Beholder's "
    "folder, or run `beholder bot` here and the worker on another machine."
)


def check_libraries(settings: WorkerSettings) -> None:
    """Check that a worker's libraries are installed, without importing them.

    Args:
        settings: The worker's: its tasks say what is needed.

    Raises:
        ModelUnavailable: Some are not; the message names them and says what to do.
    """
    missing = [name for name in needed(settings) if not _is_installed(name)]
    if missing:
        raise ModelUnavailable(
            f"The worker's libraries are not installed: {', '.join(missing)} cannot be found. {ADVICE}"
        )


def needed(settings: WorkerSettings) -> tuple[str, ...]:
    """Return the modules that a worker with these settings imports, beyond the bot's."""
    tasks = served(settings)
    in_ollama = "converse" in tasks and settings.chat_with == "ollama"
    loads = any(task != "converse" or not in_ollama for task in tasks)
    return (*DECODING, *(LOADING if loads else ()), *(OLLAMA if in_ollama else ()))


@contextlib.contextmanager
def import_errors() -> Iterator[None]:
    """Translate the errors of an import that needs torch or another of these libraries.

    Raises:
        ModelUnavailable: A library is broken: it is there and cannot be imported.
    """
    try:
        yield
    except (ImportError, OSError) as error:  # OSError: a shared library of torch's is missing
        text = " ".join(str(error).split()).rstrip(".")
        raise ModelUnavailable(f"A library of the worker's cannot be imported: {text}. {ADVICE}") from error


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
