"""The device, dtype and number of threads of a model."""

import math
import os
from pathlib import Path

import torch

from inference.models.errors import ModelUnavailable

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def device_for(setting: str) -> torch.device:
    """Return the device.

    Args:
        setting: `auto` (a GPU where there is one), `cpu`, `cuda` or `cuda:<number>`.

    Raises:
        ModelUnavailable: The chosen GPU does not exist.
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
    """Return the dtype: float16 on a GPU, float32 on a CPU.

    Many CPUs compute float16 in software: matrix products ran about 165 times slower on one with AVX2 (torch
    2.13, 2026-11).
    """
    return torch.float16 if device.type == "cuda" else torch.float32


def limit_threads() -> None:
    """Limit torch's threads to the cores that this process may use, unless OMP_NUM_THREADS is set.

    torch counts the machine's cores: in a container with two of 64 its threads would wait for each other.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), available_cores()))


def available_cores(quota_file: Path = CPU_QUOTA) -> int:
    """Return the number of cores that this process may use: its CPU affinity, within its cgroup's quota.

    Args:
        quota_file: The cgroup's `cpu.max`; where it does not exist there is no quota.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup, or one without a quota ("max")
        return cores
