"""AdamW for most weights; Muon's orthogonal steps for the matrices inside a transformer.

On two cores samples are dear, and Muon needs fewer of them (inference/tiny/README.md has the figures).
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_QUINTIC = (
    3.4445,
    -4.7750,
    2.0315,
)  # Source: Jordan et al., Muon, 2024: Newton-Schulz to about +-0.3 in 5 steps
_STEPS = 5


class Muon:
    """Momentum whose step is the nearest orthogonal matrix; equal shapes go through one batched product.

    Args:
        matrices: the weights [rows, columns] to train.
        rate: how far a step goes, as the root mean square of a weight's change, like AdamW's.
        momentum: how much of the last steps' direction is kept, 0 to 1.
        decay: how much a weight shrinks with each step, times the rate.
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], rate: float, momentum: float = 0.95, decay: float = 0.02
    ) -> None:
        self.rate = rate
        self._momentum, self._decay = momentum, decay
        groups: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
        for matrix in matrices:
            groups[(matrix.shape[0], matrix.shape[1])].append(matrix)
        self._groups = [(group, torch.zeros(len(group), *shape)) for shape, group in groups.items()]

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights against their gradients; a weight without one is left as it is."""
        for group, velocity in self._groups:
            gradient = torch.stack(
                [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in group]
            )
            velocity.lerp_(gradient, 1 - self._momentum)
            direction = orthogonal(gradient.lerp(velocity, self._momentum))
            # Steps of AdamW's usual size. Source: Liu et al., Muon is Scalable for LLM Training, 2025.
            scale = 0.2 * max(direction.shape[1:]) ** 0.5 * self.rate
            for weight, change in zip(group, direction, strict=True):
                weight.mul_(1 - self.rate * self._decay).add_(change, alpha=-scale)


def orthogonal(matrices: Tensor) -> Tensor:
    """Give each matrix [n, rows, columns] singular values of about one."""
    first, second, third = _QUINTIC
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_STEPS):
        square = x @ x.transpose(1, 2)
        x = first * x + (second * square + third * square @ square) @ x
    result: Tensor = x.transpose(1, 2) if tall else x
    return result
