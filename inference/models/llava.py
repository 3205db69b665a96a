"""Conversations with a LLaVA on transformers."""

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

LEAST_REPLY: Final = 16
"""Tokens that must be left for an answer."""
BLANK: Final = (PromptTurn("user", "?", (Image.new("RGB", (32, 32)),)),)
"""What it is warmed up with."""


class LlavaChat:
    """A LLaVA in this process; several conversations at a time, each in a thread of its own.

    Args:
        model: In eval mode, on its device.
        processor: With a chat template.
        name: The model's name and revision.
        context: Tokens that a conversation may have; the model's own limit holds besides.
        chats: Conversations at a time; a further one waits.
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
        self._marks = [mark for mark in _marks(processor) if len(mark) > 1]
        # Tokenizers may not be used by two threads at a time: one prepares, several generate.
        self._prepare = ModelThread("llava prepare", timeout_s)
        self._lanes = [ModelThread(f"llava {number}", timeout_s) for number in range(chats)]
        self._idle: asyncio.LifoQueue[ModelThread] = asyncio.LifoQueue()
        for lane in self._lanes:
            self._idle.put_nowait(lane)

    async def warm_up(self) -> None:
        """Say two tokens about a blank picture."""
        inputs = await self._prepare.call(self._inputs, BLANK)
        lane = self._lanes[0]
        await lane.call(self._generate, inputs, 2, _Streamer(self._decode, lambda _: None), threading.Event())

    async def close(self) -> None:
        """Let the threads end."""
        for lane in (self._prepare, *self._lanes):
            lane.close()

    async def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Say what comes next; closing the generator ends the work with the token that is being made.

        Raises:
            ConversationTooLong: It leaves no room for an answer.
            Hanging: The model does not come back.
        """
        inputs = await self._prepare.call(self._inputs, turns)
        length = int(inputs["input_ids"].shape[1])
        room = self._room(length, int((inputs["input_ids"] == self._model.config.image_token_id).sum()))
        lane = await self._idle.get()
        stop = threading.Event()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def tell(piece: str | None) -> None:
            # A loop that was closed meanwhile has nobody left who listens.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        streamer = _Streamer(self._decode, tell)
        call = asyncio.create_task(lane.call(self._generate, inputs, room, streamer, stop))
        call.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            yield Usage(length, await call)
        finally:
            stop.set()
            # The lane is for the next one when its thread is free again, which nobody has to wait for.
            call.add_done_callback(lambda _: self._idle.put_nowait(lane))
            call.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _room(self, length: int, picture_tokens: int) -> int:
        """Say how many tokens an answer to a prompt of `length` tokens may have.

        Raises:
            ConversationTooLong: None to speak of.
        """
        room = min(MAX_REPLY_TOKENS, self._context - length)
        if room < LEAST_REPLY:
            limit = self._context - LEAST_REPLY
            raise ConversationTooLong(
                f"The conversation has {length} tokens, and {self.name} reads {limit}: leave old turns out.",
                limit=limit,
                value=length,
                picture_tokens=picture_tokens,
                unit="tokens",
            )
        return room

    def _inputs(self, turns: Sequence[PromptTurn]) -> dict[str, torch.Tensor]:
        """Put a conversation into the template's words, and those into tensors."""
        messages: list[Any] = [
            {
                "role": turn.role,
                "content": [
                    *({"type": "image"} for _ in turn.pictures),
                    {"type": "text", "text": neutralized(turn.text, self._marks)},
                ],
            }
            for turn in turns
        ]
        pictures = [picture for turn in turns for picture in turn.pictures]
        prompt: str = self._processor.apply_chat_template(messages, add_generation_prompt=True)
        if prompt.count(self._processor.image_token) != len(pictures):
            raise ValueError("the template does not have each picture once")
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
        self, inputs: dict[str, torch.Tensor], room: int, streamer: "_Streamer", stop: threading.Event
    ) -> int:
        """Generate until the end, a stop, or the last token that there is room for.

        Returns:
            How many tokens there were.
        """
        model: Any = self._model
        made = model.generate(
            **inputs,
            max_new_tokens=room,
            streamer=streamer,
            stopping_criteria=StoppingCriteriaList([_Stop(stop)]),
        )
        return int(made.shape[1]) - int(inputs["input_ids"].shape[1])

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._processor.tokenizer.decode(tokens, skip_special_tokens=True)
        return text


class _Stop(StoppingCriteria):
    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:  # noqa: ANN401, ARG002
        return torch.full((input_ids.shape[0],), self._event.is_set(), device=input_ids.device)


class _Streamer(BaseStreamer):
    """Tells each piece of the text as soon as no later token can change it.

    Args:
        decode: Makes text of tokens.
        tell: Gets the pieces, in the thread that generates.
    """

    def __init__(self, decode: Callable[[list[int]], str], tell: Callable[[str], None]) -> None:
        self._decode = decode
        self._tell = tell
        self._prompt = True
        self._tokens: list[int] = []
        self._told = 0

    def put(self, value: torch.Tensor) -> None:
        """Take in the prompt, then token after token."""
        if self._prompt:
            self._prompt = False
            return
        self._tokens.extend(value.flatten().tolist())
        text = self._decode(self._tokens)
        if text.endswith("\ufffd"):
            return  # the first bytes of a letter
        self._say(text)

    def end(self) -> None:
        """Tell what is left."""
        self._say(self._decode(self._tokens))

    def _say(self, text: str) -> None:
        if len(text) > self._told:
            self._tell(text[self._told :])
            self._told = len(text)


def _marks(processor: LlavaProcessor) -> list[str]:
    """List what the tokenizer reads as one special token, the longest first."""
    tokenizer = processor.tokenizer
    added = [str(token) for token in tokenizer.added_tokens_decoder.values()]
    return sorted({*tokenizer.all_special_tokens, *added}, key=len, reverse=True)
