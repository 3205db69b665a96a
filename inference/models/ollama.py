"""Conversations with a model that Ollama runs."""

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
CONNECT_SECONDS: Final = 2.0
"""After which an Ollama that does not take the connection is not there."""
SILENT_SECONDS: Final = 1.2
"""Without a first word, after which it is asked whether it lives: it may be loading the model."""
ALIVE_SECONDS: Final = 0.8
"""That it gets to say so."""
KEEP_ALIVE: Final = "10m"
"""For which the model stays in memory after an answer; people think between two turns."""
QUALITY: Final = 90
"""Of the JPEG files that it gets; it takes no HEIC, AVIF or TIFF."""

_TROUBLE: Final = (httpx.TransportError, json.JSONDecodeError, UnicodeDecodeError, ValidationError)
"""How a connection looks that broke in the middle of an answer, or led to something that is no Ollama."""


class OllamaChat:
    """A model in Ollama. Where it is missing there, it is fetched.

    Args:
        host: As OLLAMA_HOST has it.
        model: Its name in Ollama's library, with a tag or without.
        context: Tokens that a conversation may have (`num_ctx`).

    Raises:
        ValueError: The host is no address.
    """

    def __init__(self, host: str, model: str, context: int) -> None:
        self.name = f"{model} in Ollama"
        self._model = model
        self._where = str(address(host))
        # No proxy and no redirect: pictures go to the host that was named, and to no other.
        options = {"trust_env": False, "follow_redirects": False}
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        self._client = AsyncClient(host, timeout=timeout, **options)
        self._options = {"num_ctx": context, "num_predict": min(MAX_REPLY_TOKENS, context // 2)}
        self._puller = Puller(self._pull)

    async def warm_up(self) -> None:
        """Say in the log whether it is there; where it is not, it may come."""
        try:
            await self._alive()
        except ChatUnavailable:
            log.warning("Ollama is not at %s: conversations have to wait for it", self._where)

    async def close(self) -> None:
        """Let go of its connections."""
        await self._puller.close()
        await self._client.close()  # type: ignore[no-untyped-call]

    async def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Say what comes next; closing the generator closes the connection, at which Ollama stops.

        Raises:
            ChatUnavailable: It is not there.
            ChatModelMissing: It neither has the model nor can fetch it.
            ChatInterrupted: It broke off.
            ModelFailed: It says that it cannot.
        """
        messages = await asyncio.to_thread(_messages, turns)
        try:
            async with contextlib.aclosing(self._answer(messages)) as answer:
                async for piece in answer:
                    yield piece
        except _Missing:
            async with contextlib.aclosing(self._puller.wait()) as pulling:
                async for step in pulling:
                    yield step
            yield PullProgress(1.0)
        else:
            return
        try:
            async with contextlib.aclosing(self._answer(messages)) as answer:
                async for piece in answer:
                    yield piece
        except _Missing:
            raise self._missing() from None

    async def _answer(self, messages: Sequence[Message]) -> AsyncGenerator[ChatPiece, None]:
        stream: AsyncIterator[ChatResponse] = await self._client.chat(
            model=self._model, messages=messages, stream=True, options=self._options, keep_alive=KEEP_ALIVE
        )
        async with self._translated(), _closing(stream):
            response = await self._first(stream)
            while True:
                if response.message.content:
                    yield response.message.content
                if response.done:
                    break
                response = await anext(stream)
        yield Usage(response.prompt_eval_count, response.eval_count)

    async def _first(self, stream: AsyncIterator[ChatResponse]) -> ChatResponse:
        """Wait for the first word: while a model loads, but not for an Ollama that is dead."""
        first = asyncio.ensure_future(anext(stream))
        try:
            done, _ = await asyncio.wait([first], timeout=SILENT_SECONDS)
            if not done:
                await self._alive()
            return await first
        finally:
            if not first.done():
                first.cancel()
                await asyncio.wait([first])

    async def _alive(self) -> None:
        """See that Ollama answers.

        Raises:
            ChatUnavailable: It does not.
        """
        try:
            async with asyncio.timeout(ALIVE_SECONDS), self._translated():
                # Its version is answered at once, also while it loads a model.
                await self._client._client.get("/api/version")  # noqa: SLF001 - the package has no call for it
        except (TimeoutError, ChatInterrupted):
            raise self._unavailable() from None

    async def _pull(self) -> AsyncGenerator[ProgressResponse, None]:
        async with self._translated():
            try:
                async for step in await self._client.pull(self._model, stream=True):
                    yield step
            except ResponseError as error:
                log.warning("Ollama cannot fetch %s", self._model)
                raise self._missing() from error

    @contextlib.asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError) as error:
            raise self._unavailable() from error
        except (StopAsyncIteration, *_TROUBLE) as error:
            raise ChatInterrupted(f"Ollama at {self._where} broke off ({type(error).__name__}).") from error
        except ResponseError as error:
            if error.status_code == 404:
                raise _Missing from None
            # Not its words: nobody knows what they repeat.
            log.warning("Ollama refused (status %d): %s", error.status_code, _reason(error.error))
            raise ModelFailed(f"Ollama at {self._where} refused: {_reason(error.error)}.") from None

    def _unavailable(self) -> ChatUnavailable:
        return ChatUnavailable(
            f"Ollama is not at {self._where}: start it (`ollama serve`), or correct OLLAMA_HOST.",
            where=self._where,
        )

    def _missing(self) -> ChatModelMissing:
        return ChatModelMissing(
            f"Ollama at {self._where} does not have {self._model} and cannot fetch it: correct "
            f"BEHOLDER_CHAT_MODEL, or try `ollama pull {self._model}`.",
            model=self._model,
        )


class _Missing(Exception):
    """Ollama does not have the model."""


@contextlib.asynccontextmanager
async def _closing(stream: AsyncIterator[ChatResponse]) -> AsyncIterator[None]:
    """Close the connection in the end; the package says iterator, and it is a generator."""
    try:
        yield
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def _messages(turns: Sequence[PromptTurn]) -> list[Message]:
    return [
        Message(role=turn.role, content=turn.text, images=[_file(each) for each in turn.pictures] or None)
        for turn in turns
    ]


def _file(picture: Pictures.Image) -> Image:
    """Make a file that Ollama reads, always the same for the same picture: it knows it again by its bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    # Bytes, never text: the package would take a text for a path of this machine.
    return Image(value=buffer.getvalue())


def _reason(words: str) -> str:
    """Tell what an operator can do something about."""
    known = {
        "more system memory": "it has too little memory for this model",
        "out of memory": "it has too little memory for this model",
        "does not support": "this model cannot do that: choose one that sees",
        "unable to load": "it cannot load the model",
        "terminated": "the model's process ended",
    }
    return next((told for part, told in known.items() if part in words.lower()), "it says why in its own log")
