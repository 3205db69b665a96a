"""The training loop: two single-thread processes with averaged gradients, the same in every run."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from inference.tiny.optimiser import Muon
from inference.tiny.patches import Training
from inference.tiny.pool import Pool

PROCESSES = 2
"""Processes that share a batch; another number results in another model."""


@dataclass(frozen=True)
class Recipe:
    """Number of steps and learning rate.

    Attributes:
        steps: optimiser steps.
        batch: pictures a step, in each process.
        rate: the peak learning rate.
        warmup: steps until it is reached; from there it falls to zero as a cosine does.
        decay: weight decay.
        seed: of the first weights and of the batches.
    """

    steps: int
    batch: int = 32
    rate: float = 2e-3
    warmup: int = 150
    decay: float = 0.02
    seed: int = 1


class Task(Protocol):
    """A training task."""

    recipe: Recipe

    def build(self) -> Training:
        """Create the model with its initial weights, and the parts that are dropped after training."""

    def loss(self, model: Training, pool: Pool, count: int, rng: np.random.Generator) -> Tensor:
        """Draw a batch and return its loss, a scalar."""

    def save(self, model: Training) -> None:
        """Write the model and its processor as a checkpoint."""


def train(task: Task, open_pool: Callable[[], Pool]) -> None:
    """Train and save.

    Args:
        task: what to learn; it is sent to the processes, so it must pickle.
        open_pool: opens the pictures to learn from, in each process.
    """
    with TemporaryDirectory() as folder:
        spawn(_run, (task, open_pool, f"{folder}/meeting"), nprocs=PROCESSES)  # type: ignore[no-untyped-call]


def _run(rank: int, task: Task, open_pool: Callable[[], Pool], meeting: str) -> None:
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=PROCESSES)
    torch.manual_seed(task.recipe.seed)
    model = task.build()
    model.train()
    _fit(task, model, open_pool(), rank)
    if rank == 0:
        task.save(model)
    dist.destroy_process_group()


def _fit(task: Task, model: Training, pool: Pool, rank: int) -> None:
    recipe = task.recipe
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    adam, muon = _optimisers(model, recipe)
    rng = np.random.default_rng((recipe.seed, rank))
    mean = 0.0
    for step in range(recipe.steps):
        rate = recipe.rate * _pace(step, recipe)
        muon.rate = adam.param_groups[0]["lr"] = adam.param_groups[1]["lr"] = rate
        loss = task.loss(model, pool, recipe.batch, rng)
        loss.backward()  # type: ignore[no-untyped-call]
        _share_gradients(weights)
        nn.utils.clip_grad_norm_(weights, 1.0, foreach=True)
        adam.step()
        muon.step()
        model.zero_grad()
        mean += (loss.item() - mean) * max(0.01, 1 / (step + 1))
        if rank == 0 and (step % 250 == 249 or step + 1 == recipe.steps):
            spent = time.process_time()
            print(f"step {step + 1} of {recipe.steps}: loss {mean:.4f}, {spent:.0f} s", flush=True)  # noqa: T201


def _optimisers(model: Training, recipe: Recipe) -> tuple[torch.optim.AdamW, Muon]:
    inner = {name for name, weight in model.named_parameters() if weight.ndim == 2 and ".layer" in name}
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    rest = [weight for name, weight in named if name not in inner]
    groups = [
        {"params": [weight for weight in rest if weight.ndim > 1], "weight_decay": recipe.decay},
        {"params": [weight for weight in rest if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), fused=True)
    return adam, Muon((weight for name, weight in named if name in inner), recipe.rate, decay=recipe.decay)


def _pace(step: int, recipe: Recipe) -> float:
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1 + math.cos(math.pi * done))


def _share_gradients(weights: list[nn.Parameter]) -> None:
    """Give every process the mean of all processes' gradients."""
    given = [weight for weight in weights if weight.grad is not None]
    flat = torch.cat([weight.grad.ravel() for weight in given if weight.grad is not None])
    dist.all_reduce(flat)
    flat /= PROCESSES
    start = 0
    for weight in given:
        weight.grad = flat[start : start + weight.numel()].view_as(weight)
        start += weight.numel()
