"""Protocols of the engines that the worker runs, and the data types that they exchange with it.

`Engine` serves caption, answer and match jobs in batches; `ChatEngine` streams replies to conversations. A
worker knows a model only by one of these two, whichever library runs it.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from PIL import Image

from inference.schema import Answer, Answered, Caption, Captioned, Match, Matched

MAX_REPLY_TOKENS: Final = 1024
"""Some 4000 characters: the limit for a model that does not end its reply by itself."""


class Engine(Protocol):
    """A model that serves one task. Its methods block: the worker calls them in threads of their own."""

    name: str
    """The model's name and revision, for logs."""

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> Any:  # noqa: ANN401
        """Turn one job into the model's input tensors. It may run while another batch is in `forward`.

        Args:
            request: The job's request.
            pictures: Upright RGB images, long side at most 1536 pixels, in the request's order.

        Returns:
            One element of the batch that this engine's `forward` takes.

        Raises:
            RequestError: The request exceeds the model's limits (a question or label with too many tokens).
        """

    def forward(self, batch: Sequence[Any]) -> list[Captioned | Answered | Matched]:
        """Run the model on a batch. No outcome depends on the other elements of the batch.

        Args:
            batch: Results of `prepare`.

        Returns:
            One outcome for each element, in the batch's order.

        Raises:
            Exception: Of any type; the worker then splits the batch until the failing job is isolated.
        """

    def warm_up(self) -> None:
        """Run one pass on a blank image, so that the first job finds everything compiled and allocated.

        Raises:
            Exception: The model is broken; the worker exits.
        """


@dataclass(frozen=True)
class Usage:
    """Token counts of a finished reply, and how it ended.

    Attributes:
        prompt_tokens: Tokens of the conversation, images included; None when unknown.
        reply_tokens: Tokens of the reply; None when unknown.
        cut_off: Whether it ended at the limit of its tokens, and not by itself.
    """

    prompt_tokens: int | None = None
    reply_tokens: int | None = None
    cut_off: bool = False


@dataclass(frozen=True)
class Thinking:
    """The model thinks: a sign of life between two pieces of text."""


@dataclass(frozen=True)
class PullProgress:
    """Progress of fetching the model, which happens before the reply where the model is missing.

    Attributes:
        fraction: From 0 to 1; None when unknown.
    """

    fraction: float | None = None


@dataclass(frozen=True)
class BusyRetry:
    """The model server is overloaded, and is asked again.

    Attributes:
        delay_s: Seconds until then.
    """

    delay_s: float


@dataclass(frozen=True)
class PromptTurn:
    """A turn of a conversation in the form in which a chat model gets it.

    Attributes:
        role: `user` or `assistant`.
        text: The text, with the speaker's name before it where several people speak. It contains no control
            token of a model.
        pictures: Upright RGB images, long side at most 1536 pixels.
    """

    role: str
    text: str
    pictures: tuple[Image.Image, ...] = ()


ChatPiece = str | PullProgress | BusyRetry | Thinking | Usage
"""What a chat engine yields."""


class ChatEngine(Protocol):
    """A model that replies to conversations."""

    name: str
    """The model's name, for logs."""

    def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Generate the next reply of a conversation.

        Closing the generator cancels the generation, on a model server as well.

        Args:
            turns: The oldest first; the last one is a user's.

        Yields:
            First `PullProgress`, where the model has to be fetched, and `BusyRetry`, where the server is
            overloaded; then the text in pieces, with the model's thoughts still in it where the model marks
            them in its text, and `Thinking` for those that come apart from it; at the end `Usage`.

        Raises:
            ConversationTooLong: The conversation exceeds the model's context.
            ChatError: The model server cannot be reached or used, does not have the model, or broke off.
            Exception: Of any other type; the worker replies that the model failed.
        """

    async def warm_up(self) -> None:
        """Prepare for the first conversation, where the engine can.

        Raises:
            Exception: The model is broken; the worker exits.
        """

    async def close(self) -> None:
        """Close connections and end threads."""
