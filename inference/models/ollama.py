"""A model in Ollama as a chat engine."""

import asyncio
import contextlib
import io
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import httpx
from ollama import AsyncClient, ChatResponse, Image, Message, ProgressResponse
from PIL import Image as Pictures

from inference.engines import (
    MAX_REPLY_TOKENS,
    BusyRetry,
    ChatPiece,
    PromptTurn,
    PullProgress,
    Thinking,
    Usage,
)
from inference.errors import BeholderError, ChatBusy, ChatInterrupted, ChatNotOllama, ModelFailed
from inference.models.ollama_errors import ModelNotFound, OllamaErrors, ServerBusy, raise_where_busy
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
BUSY_DELAYS_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt while Ollama is overloaded and does not say how long."""
MAX_BUSY_DELAY_S: Final = 60.0
"""Seconds for which an overloaded Ollama may ask; where it asks for more, the member is told to come back."""


class OllamaChat:
    """A model in Ollama. Where Ollama does not have it, it is pulled first.

    Args:
        host: In the form of OLLAMA_HOST.
        model: The model's name in Ollama's library, with a tag or without.
        context: Tokens of a conversation with its reply (`num_ctx`).
        first_piece_timeout_s: Seconds without a first piece of text after which Ollama is asked for a sign of
            life.
        alive_timeout_s: Seconds for that sign.
        sleep: Waits so many seconds before an overloaded Ollama is asked again.

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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = f"{model} in Ollama"
        self._model = model
        self._first_piece_timeout_s = first_piece_timeout_s
        self._alive_timeout_s = alive_timeout_s
        self._sleep = sleep
        self._where = str(address(host))
        self._errors = OllamaErrors(self._where, model)
        # No proxy and no redirect: user content goes to the configured host and to no other.
        options = {"trust_env": False, "follow_redirects": False}
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
        self._client = AsyncClient(
            host, timeout=timeout, event_hooks={"response": [raise_where_busy]}, **options
        )
        self._options = {"num_ctx": context, "num_predict": min(MAX_REPLY_TOKENS, context // 2)}
        self._thinks: bool | None = None
        self._puller = Puller(self._pull)

    async def warm_up(self) -> None:
        """Log a warning where Ollama cannot be used; it may be started, or put right, later."""
        try:
            await self._check_alive()
        except BeholderError as error:
            log.warning("%s Conversations fail until then.", error)

    async def close(self) -> None:
        """Stop a running pull and close the connections."""
        await self._puller.close()
        await self._client.close()  # type: ignore[no-untyped-call]

    async def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Generate the next reply; closing the generator closes the connection, at which Ollama stops.

        Raises:
            ChatError: Ollama cannot be reached or used, does not have the model and cannot pull it, stays
                overloaded, or broke off in mid-reply.
            ModelFailed: It replied with another error.
        """
        messages = await asyncio.to_thread(_messages, turns)
        try:
            async with contextlib.aclosing(self._retry_while_busy(messages)) as reply:
                async for piece in reply:
                    yield piece
        except ModelNotFound:
            async with contextlib.aclosing(self._puller.wait()) as pulling:
                async for progress in pulling:
                    yield progress
            yield PullProgress(1.0)
        else:
            return
        try:
            async with contextlib.aclosing(self._retry_while_busy(messages)) as reply:
                async for piece in reply:
                    yield piece
        except ModelNotFound:
            raise self._errors.missing() from None

    async def _retry_while_busy(self, messages: Sequence[Message]) -> AsyncGenerator[ChatPiece, None]:
        """Stream the reply; ask again, with backoff, while Ollama is overloaded.

        Raises:
            ChatBusy: It stays so (`retry_after`: seconds, where Ollama says when to come back).
        """
        for delay_s in (*BUSY_DELAYS_S, None):
            try:
                async with contextlib.aclosing(self._stream_reply(messages)) as reply:
                    async for piece in reply:
                        yield piece
            except ServerBusy as error:
                wait_s = delay_s if error.retry_after_s is None else error.retry_after_s
                if delay_s is None or wait_s is None or wait_s > MAX_BUSY_DELAY_S:
                    known = {} if error.retry_after_s is None else {"retry_after": error.retry_after_s}
                    raise ChatBusy(
                        f"Ollama at {self._where} is overloaded: give it fewer to do.", **known
                    ) from None
                yield BusyRetry(wait_s)
                await self._sleep(wait_s)
            else:
                return

    async def _can_think(self) -> bool:
        """Tell whether Ollama can tell the model to answer without thinking; False where that is unknown."""
        if self._thinks is None:
            # What is wrong shows in the chat itself.
            with contextlib.suppress(BeholderError, ModelNotFound, ServerBusy, TimeoutError):
                async with asyncio.timeout(self._alive_timeout_s), self._translated():
                    shown = await self._client.show(self._model)
                    self._thinks = "thinking" in (shown.capabilities or ())
        return bool(self._thinks)

    async def _stream_reply(self, messages: Sequence[Message]) -> AsyncGenerator[ChatPiece, None]:
        stream: AsyncIterator[ChatResponse] = await self._client.chat(
            model=self._model,
            messages=messages,
            stream=True,
            # Ollama refuses this for a model that cannot think. One that thinks all the same does it apart.
            think=False if await self._can_think() else None,
            options=self._options,
            keep_alive=KEEP_ALIVE,
        )
        async with _closing(stream):
            async with self._translated():
                response = await self._first_piece(stream)
            while True:
                if response.message.thinking:
                    yield Thinking()
                if response.message.content:
                    yield response.message.content
                if response.done:
                    break
                async with self._translated(begun=True):
                    response = await anext(stream)
        cut_off = response.done_reason == "length"
        yield Usage(response.prompt_eval_count, response.eval_count, cut_off=cut_off)

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
        except ServerBusy:
            return  # It answers.
        except (TimeoutError, ChatInterrupted, ChatNotOllama):
            raise self._errors.unavailable() from None

    async def _pull(self) -> AsyncGenerator[ProgressResponse, None]:
        try:
            async with self._translated():
                async for report in await self._client.pull(self._model, stream=True):
                    yield report
        except ServerBusy:
            raise ChatBusy(f"Ollama at {self._where} is overloaded: give it fewer to do.") from None
        except (ModelNotFound, ModelFailed):
            raise self._errors.missing() from None

    @contextlib.asynccontextmanager
    async def _translated(self, *, begun: bool = False) -> AsyncIterator[None]:
        """Translate the errors of httpx and of Ollama's package into ours."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - one that is not known is raised as it is
            raise self._errors.translated(error, begun=begun) from None


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
