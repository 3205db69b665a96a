"""What the worker asks of a model that converses, whatever runs it; and how turns are put to one."""

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from PIL import Image

from inference.schema import Turn

MAX_REPLY_TOKENS: Final = 1024
"""Some 4000 characters: a model that cannot stop must not go on for ever."""

_CONTROL: Final = re.compile(r"<(?=\||/?s>|image|start_of_|end_of_|/?think>)|\[(?=img|/?INST)", re.IGNORECASE)
"""How the marks begin that templates and tokenizers of chat models read as more than text. Ollama takes
`[img]` and `[img-0]` in a prompt for a picture, LLaVA `<image>`."""
_UNPRINTED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Usage:
    """What an answer took.

    Attributes:
        prompt_tokens: Of the conversation, pictures included; None: not known.
        reply_tokens: Of the answer; None: not known.
    """

    prompt_tokens: int | None = None
    reply_tokens: int | None = None


@dataclass(frozen=True)
class Pulling:
    """The model is being fetched first.

    Attributes:
        done: From 0 to 1; None: not known yet.
    """

    done: float | None = None


@dataclass(frozen=True)
class PromptTurn:
    """A turn as it is put to a model.

    Attributes:
        role: `user` or `assistant`.
        text: What was said, by whom where several people speak, with nothing in it that is a model's mark.
        pictures: Upright RGB, long side at most 1536.
    """

    role: str
    text: str
    pictures: tuple[Image.Image, ...] = ()


ChatPiece = str | Pulling | Usage


class ChatEngine(Protocol):
    """A model that converses."""

    name: str
    """The model's name, for logs."""

    def chat(self, turns: Sequence[PromptTurn]) -> AsyncGenerator[ChatPiece, None]:
        """Say what comes next in a conversation. Closing the generator ends the work, on a server as well.

        Args:
            turns: The oldest first; the last is a person's.

        Yields:
            Pieces of the text as they are made; before them how far the model is fetched, where it must be;
            after them what it took.

        Raises:
            ConversationTooLong: It has more tokens than the model reads.
            ChatError: The model cannot be reached or had, or broke off.
            Exception: Anything else; the worker answers that the model failed.
        """

    async def warm_up(self) -> None:
        """Make ready for the first conversation, where that can be done.

        Raises:
            Exception: The model is broken; the worker exits.
        """

    async def close(self) -> None:
        """Let go of connections and threads."""


def prompt_turns(turns: Sequence[Turn], pictures: Sequence[Image.Image]) -> list[PromptTurn]:
    """Put a conversation to a model: pictures with the turns they came with, and names where several speak.

    Args:
        turns: The oldest first.
        pictures: Of all turns, in order.

    Raises:
        ValueError: There are more or fewer pictures than the turns have.
    """
    expected = sum(len(turn.pictures) for turn in turns)
    if len(pictures) != expected:
        raise ValueError(f"{len(pictures)} pictures for turns that have {expected}")
    several = len({turn.speaker for turn in turns if turn.role == "user" and turn.speaker}) > 1
    rest = iter(pictures)
    return [
        PromptTurn(turn.role, _words(turn, named=several), tuple(islice(rest, len(turn.pictures))))
        for turn in turns
    ]


def _words(turn: Turn, *, named: bool) -> str:
    text = neutralized(turn.text).strip()
    speaker = " ".join(neutralized(turn.speaker).replace(":", " ").split())
    return f"{speaker}: {text}" if named and speaker and turn.role == "user" else text


def neutralized(text: str, marks: Sequence[str] = ()) -> str:
    """Take the meaning from whatever in a text a model would read as more than text.

    Args:
        text: What people wrote.
        marks: Further marks of the model in question; in any case the usual ones are broken up.
    """
    text = _CONTROL.sub(lambda found: f"{found[0]} ", _UNPRINTED.sub("", text))
    for mark in marks:
        text = re.sub(re.escape(mark), _apart, text, flags=re.IGNORECASE)
    return text


def _apart(mark: re.Match[str]) -> str:
    return f"{mark[0][0]} {mark[0][1:]}"
