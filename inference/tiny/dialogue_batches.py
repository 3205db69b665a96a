"""Training batches of dialogues as text, with the weights of their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inference.tiny.dialogue import DIALOGUE_ONLY, Exchange, converse
from inference.tiny.dialogue_tokens import ASSISTANT, END, IMAGE, IMAGE_TOKENS, PAD, SPECIAL, USER
from inference.tiny.views import View

_TURNS, _TURN_SHARES = (1, 2, 3, 4, 5, 8), (0.08, 0.17, 0.25, 0.24, 0.18, 0.08)
_TWO_PICTURES = 0.15  # share of the steps in which each dialogue has a second picture
_NO_PICTURE = 0.03  # share of the dialogues without one
_MISLED = 0.08  # share of the dialogues that are about another picture than the one shown
_NAMED = 0.15  # share of the dialogues in which each question begins with its asker's name
_ASKERS = ("ann", "bob smith", "x_y-77", "zo\u00eb of the hills", "#1!")


@dataclass(frozen=True)
class Dialogues:
    """The dialogues of one training step.

    Attributes:
        texts: as the chat template has them, a picture being `IMAGE_TOKENS` tokens.
        exchanges: what is said in each.
        misled: whether each is about another picture than the one shown.
        shown: the numbers of the pictures in all of them, in order.
    """

    texts: list[str]
    exchanges: list[list[Exchange]]
    misled: list[bool]
    shown: list[int]


def talk_about(view: View, rng: np.random.Generator) -> Dialogues:
    """Generate dialogues about the pictures of a view, all of the same number of turns."""
    each = 2 if rng.random() < _TWO_PICTURES else 1
    turns = max(each, int(rng.choice(_TURNS, p=_TURN_SHARES)))
    batch = Dialogues([], [], [], [])
    for start in range(0, len(view.names), each):
        pictures = list(range(start, start + each))
        chance = rng.random()
        misled = each == 1 and chance < _MISLED
        if each == 1 and chance > 1 - _NO_PICTURE:
            pictures = []
        told = [view.names[(place + misled) % len(view.names)] for place in pictures]
        exchanges = converse(told, rng, turns)
        batch.exchanges.append(exchanges)
        asker = str(rng.choice(_ASKERS)) if rng.random() < _NAMED else ""
        batch.texts.append(dialogue_text(exchanges, asker))
        batch.misled.append(misled)
        batch.shown.extend(pictures)
    return batch


def dialogue_text(exchanges: Sequence[Exchange], asker: str) -> str:
    """Return a dialogue in the chat template's form."""
    user, assistant, end = SPECIAL[USER], SPECIAL[ASSISTANT], SPECIAL[END]
    picture, name = SPECIAL[IMAGE] * IMAGE_TOKENS, f"{asker}: " if asker else ""
    return "".join(
        f"{user}{picture if exchange.picture is not None else ''}{name}{exchange.asked}{end}"
        f"{assistant}{exchange.answer}{end}"
        for exchange in exchanges
    )


def answering(tokens: Tensor) -> Tensor:
    """Return a mask [b, n] of the answers' tokens, their end tokens included."""
    open_turn = (tokens == ASSISTANT).cumsum(1) == (tokens == USER).cumsum(1)
    return open_turn & (tokens != ASSISTANT) & (tokens != PAD)


def answer_weights(tokens: Tensor, exchanges: Sequence[Sequence[Exchange]], misled: Sequence[bool]) -> Tensor:
    """Return the weight of each token in the loss: float32 [b, n], 0 for all but answers.

    An answer of n tokens counts as much as the root of n. Of a dialogue about a picture that is not
    shown only what the dialogue itself answers counts.

    Args:
        tokens: padded on the right: int64 [b, n].
        exchanges: of each dialogue.
        misled: whether each dialogue is about another picture.
    """
    counted = torch.tensor(
        [
            [not lost or exchange.kind in DIALOGUE_ONLY for exchange in talk]
            for talk, lost in zip(exchanges, misled, strict=True)
        ]
    )
    answers = answering(tokens)
    turn = ((tokens == ASSISTANT).cumsum(1) - 1).clamp(min=0)
    lengths = torch.zeros(counted.shape).scatter_add_(1, turn, answers.float())
    return answers * (counted / lengths.sqrt()).gather(1, turn)
