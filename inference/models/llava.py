"""A LLaVA on transformers as a chat engine."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Final

import torch
from PIL import Image
from transformers import LlavaForConditionalGeneration, LlavaProcessor, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from inference.engines import MAX_REPLY_TOKENS, ChatPiece, PromptTurn, Usage
from inference.errors import ConversationTooLong
from inference.model_thread import ModelThread
from inference.models.prompt_text import neutralized

MIN_REPLY_TOKENS: Final = 16
"""Tokens that must be left for the reply."""
WARM_UP_TURNS: Final = (PromptTurn("user", "?", (Image.new("RGB", (32, 32)),)),)
WARM_UP_TOKENS: Final = 2
"""The conversation of the warm-up, and the tokens of its reply."""


class LlavaChat:
    """A LLaVA in this process. It generates several replies at a time, each in a thread of its own.

    Args:
        model: In eval mode, on its device.
        processor: With a chat template.
        name: The model's name and revision.
        context: Tokens of a conversation with its reply; the model's own limit applies too.
        chats: Replies that are generated at a time; further ones wait.
        timeout_s: Seconds after which a generation counts as hanging.
    """

    def __init__(
        self,
        model: LlavaForConditionalGeneration,
        processor: LlavaProcessor,
        name: str,
        *,
        context: int,
        chats: int,
        timeout_s: float,
    ) -> None:
        self.name = name
        self._model = model
        self._processor = processor
        own: int | None = getattr(model.config.text_config, "max_position_embeddings", None)
        self._context = min(context, own or context)
        self._control_tokens = [token for token in _control_tokens(processor) if len(token) > 1]
        # A tokenizer must not be used by two threads at a time: one thread prepares, several generate.
        self._prepare_thread = ModelThread("llava prepare", timeout_s)
        self._model_threads = [ModelThread(f"llava {number}", timeout_s) for number in range(chats)]
        self._idle: asyncio.LifoQueue[ModelThread] = asyncio.LifoQueue()
        for model_thread in self._model_threads:
            self._idle.put_nowait(model_thread)

    async def warm_up(self) -> None:
        """Generate a few tokens about a blank image."""
        inputs = await self._prepare_thread.call(self._inputs, WARM_UP_TURNS)
        streamer = _Streamer(self._decode, lambda _: None)
        await self._model_threads[0].call(self._generate, inputs, WARM_UP_TOKENS, streamer, threading.Event())

    async def close(self) -> None:
        """Let the threads end after their current calls."""
        for model_thread in (self._prepare_thread, *self._model_threads):
            model_thread.close()

    async def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Generate the next reply; closing the generator ends the generation after the current token.

        Raises:
            ConversationTooLong: It leaves no room for a reply.
            CallTimeout: The model does not return.
        """
        inputs = await self._prepare_thread.call(self._inputs, turns)
        length = int(inputs["input_ids"].shape[1])
        max_new_tokens = self._reply_tokens(
            length, int((inputs["input_ids"] == self._model.config.image_token_id).sum())
        )
        model_thread = await self._idle.get()
        stop = threading.Event()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def on_text(piece: str | None) -> None:
            # The loop may have been closed meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        streamer = _Streamer(self._decode, on_text)
        call = asyncio.create_task(model_thread.call(self._generate, inputs, max_new_tokens, streamer, stop))
        call.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            made, cut_off = await call
            yield Usage(length, made, cut_off=cut_off)
        finally:
            stop.set()
            # The thread is idle again once the call returns; the caller does not wait for that.
            call.add_done_callback(lambda _: self._idle.put_nowait(model_thread))
            call.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _reply_tokens(self, length: int, picture_tokens: int) -> int:
        """Return the number of tokens that the reply to a prompt of `length` tokens may have.

        Raises:
            ConversationTooLong: Fewer than `MIN_REPLY_TOKENS` are left.
        """
        left = min(MAX_REPLY_TOKENS, self._context - length)
        if left < MIN_REPLY_TOKENS:
            limit = self._context - MIN_REPLY_TOKENS
            raise ConversationTooLong(
                f"The conversation has {length} tokens, and {self.name} reads {limit}: leave old turns out.",
                limit=limit,
                value=length,
                picture_tokens=picture_tokens,
                unit="tokens",
            )
        return left

    def _inputs(self, turns: Sequence[PromptTurn]) -> dict[str, torch.Tensor]:
        """Apply the chat template to a conversation, and turn the prompt and its images into tensors."""
        messages: list[Any] = [
            {
                "role": turn.role,
                "content": [
                    *({"type": "image"} for _ in turn.pictures),
                    {"type": "text", "text": neutralized(turn.text, self._control_tokens)},
                ],
            }
            for turn in turns
        ]
        pictures = [picture for turn in turns for picture in turn.pictures]
        prompt: str = self._processor.apply_chat_template(messages, add_generation_prompt=True)
        if prompt.count(self._processor.image_token) != len(pictures):
            raise ValueError("the chat template does not contain each image once")
        bos = self._processor.tokenizer.bos_token
        made = self._processor(
            images=pictures or None,
            text=prompt,
            add_special_tokens=not (bos and prompt.startswith(bos)),
            return_tensors="pt",
        )
        return dict(made.to(self._model.device, self._model.dtype))

    @torch.inference_mode()
    def _generate(
        self,
        inputs: dict[str, torch.Tensor],
        max_new_tokens: int,
        streamer: "_Streamer",
        stop: threading.Event,
    ) -> tuple[int, bool]:
        """Generate until the reply ends, `stop` is set, or `max_new_tokens` is reached.

        Returns:
            The number of tokens, and whether they ended at `max_new_tokens`.
        """
        model: Any = self._model
        made = model.generate(
            **inputs,
            max_new_tokens=max_new_tokens,
            streamer=streamer,
            stopping_criteria=StoppingCriteriaList([_StopOnEvent(stop)]),
        )
        tokens = int(made.shape[1]) - int(inputs["input_ids"].shape[1])
        ends = model.generation_config.eos_token_id
        is_ended = int(made[0, -1]) in (ends if isinstance(ends, list) else [ends])
        return tokens, tokens >= max_new_tokens and not is_ended

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._processor.tokenizer.decode(tokens, skip_special_tokens=True)
        return text


class _StopOnEvent(StoppingCriteria):
    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:  # noqa: ANN401, ARG002
        return torch.full((input_ids.shape[0],), self._event.is_set(), device=input_ids.device)


class _Streamer(BaseStreamer):
    """Reports each piece of the text as soon as no later token can change it.

    Args:
        decode: Decodes tokens.
        on_text: Called with each piece, in the thread that generates.
    """

    def __init__(self, decode: Callable[[list[int]], str], on_text: Callable[[str], None]) -> None:
        self._decode = decode
        self._on_text = on_text
        self._before_prompt = True
        self._tokens: list[int] = []
        self._reported = 0

    def put(self, value: torch.Tensor) -> None:
        """Take the prompt, then each token."""
        if self._before_prompt:
            self._before_prompt = False
            return
        self._tokens.extend(value.flatten().tolist())
        text = self._decode(self._tokens)
        if text.endswith("\ufffd"):
            return  # the first bytes of a character
        self._report(text)

    def end(self) -> None:
        """Report the rest."""
        self._report(self._decode(self._tokens))

    def _report(self, text: str) -> None:
        if len(text) > self._reported:
            self._on_text(text[self._reported :])
            self._reported = len(text)


def _control_tokens(processor: LlavaProcessor) -> list[str]:
    """Return the texts that the tokenizer reads as one special token, the longest first."""
    tokenizer = processor.tokenizer
    added = [str(token) for token in tokenizer.added_tokens_decoder.values()]
    return sorted({*tokenizer.all_special_tokens, *added}, key=len, reverse=True)
