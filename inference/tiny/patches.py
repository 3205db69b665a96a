"""A training head that classifies each patch; it is dropped after training.

Captions alone teach a tower from scratch slowly; naming what lies in each patch teaches it to see.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from inference.tiny.pool import NOTHING
from inference.tiny.views import View

HIDDEN = 96
"""The width of every tiny model's vision encoder."""

_COUNTS = 3  # a patch holds the centres of none, one, or two things; three don't fit
_WEIGHT = 0.3  # of the patches' part in a loss


class Training(nn.Module):
    """A model with its training head.

    Args:
        model: any of the tiny models; its own class's methods differ, so its type is open.
    """

    model: Any

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(HIDDEN, NOTHING + 1 + _COUNTS)

    def weighed(self, loss: Tensor, seen: Tensor, view: View) -> Tensor:
        """Add the patch loss: what covers each patch, and how many things are centred in it.

        Args:
            loss: a scalar.
            seen: the tower's last states [b, 65, hidden], the first being no patch's.
            view: what was looked at.
        """
        covers, centres = self.head(seen[:, 1:]).split((NOTHING + 1, _COUNTS), dim=-1)
        wrong = cross_entropy(covers.flatten(0, 1), view.covers.flatten())
        wrong = wrong + cross_entropy(centres.flatten(0, 1), view.centres.flatten().clamp(max=_COUNTS - 1))
        return loss + _WEIGHT * wrong
