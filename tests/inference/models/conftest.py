"""Random models, saved once for each test process, and requests for them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from inference.engines import Engine
from inference.models.loading import load_folder
from inference.schema import Picture, Task
from tests.inference.models import random_models

# The models are tiny: threads would wait for each other longer than their products take, above all on a busy
# machine.
torch.set_num_threads(1)

LoadRandom = Callable[[Task], Engine]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, Path]:
    """A folder with a random model for each task."""
    root = tmp_path_factory.mktemp("random_models")
    tasks: tuple[Task, ...] = ("caption", "answer", "match")
    return {task: random_models.save(task, root / task) for task in tasks}


@pytest.fixture
def load_random(folders: dict[Task, Path]) -> LoadRandom:
    """Loads an engine with a random model, with nothing kept from before."""

    def load(task: Task) -> Engine:
        return load_folder(task, folders[task], f"random {task}", torch.device("cpu"))

    return load


def picture_of(number: int, size: tuple[int, int] = (40, 40)) -> Image.Image:
    """Noise that is always the same for the same number."""
    generator = torch.Generator().manual_seed(number)
    # Coarse, so that it is still there when the processor has resized it.
    pixels = torch.randint(0, 256, (4, 4, 3), generator=generator, dtype=torch.uint8)
    return Image.fromarray(pixels.numpy()).resize(size, Image.Resampling.NEAREST)


def name_of(number: int, scope: str = "guild:1") -> Picture:
    """Name that picture."""
    return Picture.of(scope, str(number).encode())
