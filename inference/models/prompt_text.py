"""Conversation turns -> the text that a chat model reads. Free of torch.

What people write reaches the model as text only: control tokens that they type are broken up here.
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

from PIL import Image

from inference.engines import PromptTurn
from inference.schema import Turn
from inference.text import visible_text

_CONTROL_TOKEN: Final = re.compile(
    r"<(?=\||/?s>|image|start_of_|end_of_|/?think>)|\[(?=img|/?INST)", re.IGNORECASE
)
"""How the control tokens of chat templates and tokenizers begin. Ollama reads `[img]` and `[img-0]` in a
prompt as an image, LLaVA `<image>`."""


def prompt_turns(turns: Sequence[Turn], pictures: Sequence[Image.Image]) -> list[PromptTurn]:
    """Build a chat model's turns: each with its images, and with speakers' names where several people speak.

    Args:
        turns: The oldest first.
        pictures: The images of all turns, in order.

    Raises:
        ValueError: The number of images differs from the number that the turns have.
    """
    expected = sum(len(turn.pictures) for turn in turns)
    if len(pictures) != expected:
        raise ValueError(f"{len(pictures)} pictures for turns that have {expected}")
    with_names = len({turn.speaker for turn in turns if turn.role == "user" and turn.speaker}) > 1
    rest = iter(pictures)
    return [
        PromptTurn(
            turn.role, _prompt_text(turn, with_name=with_names), tuple(islice(rest, len(turn.pictures)))
        )
        for turn in turns
    ]


def _prompt_text(turn: Turn, *, with_name: bool) -> str:
    text = neutralized(turn.text).strip()
    speaker = " ".join(neutralized(turn.speaker).replace(":", " ").split())
    return f"{speaker}: {text}" if with_name and speaker and turn.role == "user" else text


def neutralized(text: str, tokens: Sequence[str] = ()) -> str:
    """Break up every control token in a text, so that a model reads it as characters.

    Args:
        text: User input.
        tokens: Further control tokens of the model in question, besides the usual ones.
    """
    text = _CONTROL_TOKEN.sub(lambda found: f"{found[0]} ", visible_text(text))
    for token in tokens:
        text = re.sub(re.escape(token), _broken_up, text, flags=re.IGNORECASE)
    return text


def _broken_up(token: re.Match[str]) -> str:
    return f"{token[0][0]} {token[0][1:]}"
