"""Where a model runs, in which numbers, on how many cores."""

import math
import os
from pathlib import Path

import torch

from inference.models.errors import ModelUnavailable

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def device_for(setting: str) -> torch.device:
    """Choose the device.

    Args:
        setting: `auto` (a GPU where there is one), `cpu`, `cuda` or `cuda:<number>`.

    Raises:
        ModelUnavailable: A GPU is asked for that is not there.
    """
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(setting)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelUnavailable(
            f"BEHOLDER_DEVICE is {setting}, and torch finds {torch.cuda.device_count()} GPUs: set it to cpu "
            "or auto, or install a torch that is built for your driver's CUDA."
        )
    return device


def dtype_for(device: torch.device) -> torch.dtype:
    """Choose the numbers: float16 on a GPU, float32 on a CPU.

    Many CPUs compute float16 in software: matrix products ran about 165 times slower on one with AVX2
    (torch 2.13, 2026-11).
    """
    return torch.float16 if device.type == "cuda" else torch.float32


def use_our_cores() -> None:
    """Tell torch to compute on as many cores as this process may use, unless OMP_NUM_THREADS says how many.

    torch counts the machine's cores: in a container with two of 64 its threads would wait for each other.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), _cores()))


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup, or one without a limit ("max")
        return cores
