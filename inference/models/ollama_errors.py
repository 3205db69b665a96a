"""Translates what goes wrong between this worker and Ollama into errors of ours.

    the connection is refused, or nothing answers     ChatUnavailable
    401, 403                                          ChatNotAllowed
    404 that names a model                            ModelNotFound, and where it cannot be pulled
                                                      ChatModelMissing
    404 of another kind, a redirect, no JSON          ChatNotOllama
    408, 425, 429, 502, 503, 504                      ServerBusy: tried again, then ChatBusy
    any other status, or an error in mid-stream       by its words: ChatNoVision, ChatOutOfMemory, else
                                                      ModelFailed
    the stream breaks, or ends too early              ChatInterrupted

An error's own words are never kept: they may repeat user content.
"""

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from ollama import ResponseError
from pydantic import ValidationError

from inference.errors import (
    BeholderError,
    ChatInterrupted,
    ChatModelMissing,
    ChatNotAllowed,
    ChatNotOllama,
    ChatNoVision,
    ChatOutOfMemory,
    ChatUnavailable,
    ModelFailed,
)

BUSY_STATUSES: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses of a server, or of a proxy before it, that may answer a little later."""
REFUSED_STATUSES: Final = frozenset({401, 403, 407})
NOT_CONNECTED: Final = (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError)
"""Errors of a connection that was never made."""
NOT_OLLAMA: Final = (
    json.JSONDecodeError,
    UnicodeDecodeError,
    ValidationError,
    httpx.DecodingError,
    # The package calls methods of what it takes for an object.
    AttributeError,
    TypeError,
)
"""Errors of reading an answer that is not Ollama's."""


class ModelNotFound(Exception):
    """Ollama does not have the model."""


class ServerBusy(Exception):
    """The server is overloaded.

    Attributes:
        retry_after_s: Seconds after which it asks to be tried again; None where it says nothing.
    """

    def __init__(self, retry_after_s: float | None) -> None:
        super().__init__("the server is overloaded")
        self.retry_after_s = retry_after_s


async def raise_where_busy(response: httpx.Response) -> None:
    """Raise `ServerBusy` for a response that says so; an httpx hook, since the package drops the headers."""
    if response.status_code in BUSY_STATUSES:
        raise ServerBusy(retry_after_s(response.headers.get("Retry-After")))


def retry_after_s(header: str | None, clock: Callable[[], float] = time.time) -> float | None:
    """Parse a `Retry-After` header: seconds, or a date.

    Returns:
        Seconds from now, at least 0; None where there is no valid one.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - clock())
    except (ValueError, TypeError, OverflowError):
        return None


class OllamaErrors:
    """Makes the errors of one Ollama and one model.

    Args:
        where: Host and port.
        model: The model's name.
    """

    def __init__(self, where: str, model: str) -> None:
        self._where = where
        self._model = model

    def translated(self, error: Exception, *, begun: bool) -> Exception:
        """Return the error of ours for one of httpx or of Ollama's package; any other one as it is.

        Args:
            error: The error.
            begun: Whether Ollama has sent a piece of its answer.
        """
        if isinstance(error, BeholderError | ModelNotFound | ServerBusy):
            return error
        if isinstance(error, ResponseError):
            return self._of_response(error, begun=begun)
        if isinstance(error, NOT_CONNECTED) and not begun:
            return self.unavailable()
        if isinstance(error, NOT_OLLAMA) and not begun:
            return self.not_ollama()
        if isinstance(error, (*NOT_CONNECTED, *NOT_OLLAMA, httpx.TransportError, StopAsyncIteration)):
            return ChatInterrupted(f"Ollama at {self._where} broke off ({type(error).__name__}).")
        return error

    def _of_response(self, error: ResponseError, *, begun: bool) -> Exception:
        status, words = error.status_code, str(error.error).lower()
        if status in REFUSED_STATUSES:
            return self._not_allowed(status)
        if status in BUSY_STATUSES:
            return ServerBusy(None)
        if status == 404 and not begun:
            # A proxy, or another server, has no such page.
            return ModelNotFound() if "model" in words and "not found" in words else self.not_ollama()
        if 300 <= status < 400 or status == 405:
            return self.not_ollama()
        return self._of_words(words)

    def _of_words(self, words: str) -> BeholderError:
        """Return the error that Ollama's words describe."""
        if any(part in words for part in _MEMORY):
            return ChatOutOfMemory(
                f"Ollama at {self._where} has too little memory for {self._model}: free some, choose a "
                "smaller model in BEHOLDER_CHAT_MODEL, or lower BEHOLDER_CHAT_CONTEXT.",
                model=self._model,
            )
        if any(part in words for part in _VISION):
            return ChatNoVision(
                f"{self._model} reads no pictures: choose one that does in BEHOLDER_CHAT_MODEL, such as "
                "llava-phi3.",
                model=self._model,
            )
        reason = next((reason for part, reason in _REASONS.items() if part in words), "see Ollama's own log")
        return ModelFailed(f"Ollama at {self._where} refused: {reason}.")

    def unavailable(self) -> ChatUnavailable:
        """Return the error of an Ollama that cannot be reached."""
        return ChatUnavailable(
            f"Ollama cannot be reached at {self._where}: start it (`ollama serve`), or correct OLLAMA_HOST.",
            where=self._where,
        )

    def not_ollama(self) -> ChatNotOllama:
        """Return the error of a server that is another one."""
        return ChatNotOllama(
            f"What answers at {self._where} is not Ollama: correct OLLAMA_HOST.", where=self._where
        )

    def missing(self) -> ChatModelMissing:
        """Return the error of a model that is not there and cannot be pulled."""
        return ChatModelMissing(
            f"Ollama at {self._where} does not have {self._model} and cannot pull it: correct "
            f"BEHOLDER_CHAT_MODEL, or try `ollama pull {self._model}`.",
            model=self._model,
        )

    def _not_allowed(self, status: int) -> ChatNotAllowed:
        return ChatNotAllowed(
            f"Ollama at {self._where}, or a proxy before it, refuses this worker (status {status}): let it "
            "in, or correct OLLAMA_HOST.",
            where=self._where,
        )


_MEMORY: Final = ("system memory", "out of memory", "cudamalloc", "insufficient memory", "unable to allocate")
_VISION: Final = (
    "support image",
    "support vision",
    "image input is not supported",
    "missing data required for image input",
    "vision model",
)
_REASONS: Final = {
    "does not support": "this model cannot do that",
    "unable to load": "it cannot load the model",
    "terminated": "the model's process ended",
}
"""Parts of Ollama's words, in lower case, and what they mean in ours."""
