"""A model in Ollama as a chat engine."""

import asyncio
import contextlib
import io
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Final

import httpx
from ollama import AsyncClient, ChatResponse, Image, Message, ProgressResponse, ResponseError
from PIL import Image as Pictures
from pydantic import ValidationError

from inference.engines import MAX_REPLY_TOKENS, ChatPiece, PromptTurn, PullProgress, Usage
from inference.errors import ChatInterrupted, ChatModelMissing, ChatUnavailable, ModelFailed
from inference.models.ollama_pull import Puller
from inference.ollama_address import address

log = logging.getLogger(__name__)

DEFAULT_MODEL: Final = "llava-phi3"
CONNECT_TIMEOUT_S: Final = 2.0
"""Seconds for a connection to be made."""
FIRST_PIECE_TIMEOUT_S: Final = 1.2
"""Seconds without a first piece of text after which Ollama is asked for a sign of life: it may be loading the
model."""
ALIVE_TIMEOUT_S: Final = 0.8
"""Seconds for that sign."""
KEEP_ALIVE: Final = "10m"
"""The time for which Ollama keeps the model in memory after a reply; users think between two turns."""
JPEG_QUALITY: Final = 90
"""Quality of the images for Ollama, as JPEG: it reads no HEIC, AVIF or TIFF."""

_BROKEN_STREAM: Final = (httpx.TransportError, json.JSONDecodeError, UnicodeDecodeError, ValidationError)
"""Errors of a connection that broke in mid-reply, or leads to a server that is no Ollama."""


class OllamaChat:
    """A model in Ollama. Where Ollama does not have it, it is pulled first.

    Args:
        host: In the form of OLLAMA_HOST.
        model: The model's name in Ollama's library, with a tag or without.
        context: Tokens of a conversation with its reply (`num_ctx`).
        first_piece_timeout_s: Seconds without a first piece of text after which Ollama is asked for a sign of
            life.
        alive_timeout_s: Seconds for that sign.

    Raises:
        ValueError: The host is malformed.
    """

    def __init__(
        self,
        host: str,
        model: str,
        context: int,
        *,
        first_piece_timeout_s: float = FIRST_PIECE_TIMEOUT_S,
        alive_timeout_s: float = ALIVE_TIMEOUT_S,
    ) -> None:
        self.name = f"{model} in Ollama"
        self._model = model
        self._first_piece_timeout_s = first_piece_timeout_s
        self._alive_timeout_s = alive_timeout_s
        self._where = str(address(host))
        # No proxy and no redirect: user content goes to the configured host and to no other.
        options = {"trust_env": False, "follow_redirects": False}
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
        self._client = AsyncClient(host, timeout=timeout, **options)
        self._options = {"num_ctx": context, "num_predict": min(MAX_REPLY_TOKENS, context // 2)}
        self._puller = Puller(self._pull)

    async def warm_up(self) -> None:
        """Log a warning where Ollama cannot be reached; it may be started later."""
        try:
            await self._check_alive()
        except ChatUnavailable:
            log.warning("Ollama cannot be reached at %s: conversations fail until it is started", self._where)

    async def close(self) -> None:
        """Stop a running pull and close the connections."""
        await self._puller.close()
        await self._client.close()  # type: ignore[no-untyped-call]

    async def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Generate the next reply; closing the generator closes the connection, at which Ollama stops.

        Raises:
            ChatUnavailable: Ollama cannot be reached.
            ChatModelMissing: It does not have the model and cannot pull it.
            ChatInterrupted: The connection broke in mid-reply.
            ModelFailed: It replied with an error.
        """
        messages = await asyncio.to_thread(_messages, turns)
        try:
            async with contextlib.aclosing(self._stream_reply(messages)) as reply:
                async for piece in reply:
                    yield piece
        except _ModelNotFound:
            async with contextlib.aclosing(self._puller.wait()) as pulling:
                async for progress in pulling:
                    yield progress
            yield PullProgress(1.0)
        else:
            return
        try:
            async with contextlib.aclosing(self._stream_reply(messages)) as reply:
                async for piece in reply:
                    yield piece
        except _ModelNotFound:
            raise self._missing() from None

    async def _stream_reply(self, messages: Sequence[Message]) -> AsyncGenerator[ChatPiece, None]:
        stream: AsyncIterator[ChatResponse] = await self._client.chat(
            model=self._model, messages=messages, stream=True, options=self._options, keep_alive=KEEP_ALIVE
        )
        async with self._translated(), _closing(stream):
            response = await self._first_piece(stream)
            while True:
                if response.message.content:
                    yield response.message.content
                if response.done:
                    break
                response = await anext(stream)
        yield Usage(response.prompt_eval_count, response.eval_count)

    async def _first_piece(self, stream: AsyncIterator[ChatResponse]) -> ChatResponse:
        """Wait for the first piece while the model loads; give up where Ollama shows no sign of life."""
        first = asyncio.ensure_future(anext(stream))
        try:
            done, _ = await asyncio.wait([first], timeout=self._first_piece_timeout_s)
            if not done:
                await self._check_alive()
            return await first
        finally:
            if not first.done():
                first.cancel()
                await asyncio.wait([first])

    async def _check_alive(self) -> None:
        """Check that Ollama answers.

        Raises:
            ChatUnavailable: It does not.
        """
        try:
            async with asyncio.timeout(self._alive_timeout_s), self._translated():
                # Ollama answers this at once, also while it loads a model.
                await self._client._client.get("/api/version")  # noqa: SLF001 - the package has no call for it
        except (TimeoutError, ChatInterrupted):
            raise self._unavailable() from None

    async def _pull(self) -> AsyncGenerator[ProgressResponse, None]:
        async with self._translated():
            try:
                async for report in await self._client.pull(self._model, stream=True):
                    yield report
            except ResponseError as error:
                log.warning("Ollama cannot pull %s", self._model)
                raise self._missing() from error

    @contextlib.asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Translate the errors of httpx and of Ollama into ours."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError) as error:
            raise self._unavailable() from error
        except (StopAsyncIteration, *_BROKEN_STREAM) as error:
            raise ChatInterrupted(f"Ollama at {self._where} broke off ({type(error).__name__}).") from error
        except ResponseError as error:
            if error.status_code == 404:
                raise _ModelNotFound from None
            # Not its message, which may repeat user content.
            log.warning("Ollama refused (status %d): %s", error.status_code, _reason(error.error))
            raise ModelFailed(f"Ollama at {self._where} refused: {_reason(error.error)}.") from None

    def _unavailable(self) -> ChatUnavailable:
        return ChatUnavailable(
            f"Ollama cannot be reached at {self._where}: start it (`ollama serve`), or correct OLLAMA_HOST.",
            where=self._where,
        )

    def _missing(self) -> ChatModelMissing:
        return ChatModelMissing(
            f"Ollama at {self._where} does not have {self._model} and cannot pull it: correct "
            f"BEHOLDER_CHAT_MODEL, or try `ollama pull {self._model}`.",
            model=self._model,
        )


class _ModelNotFound(Exception):
    """Ollama does not have the model (404)."""


@contextlib.asynccontextmanager
async def _closing(stream: AsyncIterator[ChatResponse]) -> AsyncIterator[None]:
    """Close the connection at the end: the package's type is an iterator, and the object a generator."""
    try:
        yield
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def _messages(turns: Sequence[PromptTurn]) -> list[Message]:
    return [
        Message(role=turn.role, content=turn.text, images=[_jpeg(each) for each in turn.pictures] or None)
        for turn in turns
    ]


def _jpeg(picture: Pictures.Image) -> Image:
    """Return an image as a file that Ollama reads; the same bytes for the same image, which Ollama caches."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    # Bytes, never text: the package would read a text as a path on this machine.
    return Image(value=buffer.getvalue())


def _reason(message: str) -> str:
    """Return an error's reason in words of our own: its message may repeat user content."""
    known = {
        "more system memory": "it has too little memory for this model",
        "out of memory": "it has too little memory for this model",
        "does not support": "this model cannot do that: choose one that sees",
        "unable to load": "it cannot load the model",
        "terminated": "the model's process ended",
    }
    return next((reason for part, reason in known.items() if part in message.lower()), "see Ollama's own log")
