"""Training batches of a pool's pictures: mirrored, lighter or darker, normalised."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from inference.tiny.pool import GRID, Pool
from inference.tiny.scene import COLOURS, SHAPES

Names = list[tuple[str, str]]


@dataclass(frozen=True)
class View:
    """A batch of b pictures with their contents.

    Attributes:
        pixels: float32 [b, 3, 64, 64], normalised as the processors do.
        covers: int64 [b, 64], for each patch the class of the thing that covers most of it, or `NOTHING`.
        centres: int64 [b, 64], for each patch how many things have their centre in it.
        names: the (colour, shape) of each picture's things.
    """

    pixels: Tensor
    covers: Tensor
    centres: Tensor
    names: Sequence[Names]


def look(pool: Pool, count: int, rng: np.random.Generator) -> View:
    """Sample pictures, each mirrored or not, and with its own brightness."""
    rows = rng.integers(len(pool), size=count)
    mirrored = rng.random(count) < 0.5
    pixels, covers, centres = pool.pixels[rows], pool.covers[rows], pool.centres[rows]
    pixels[mirrored] = pixels[mirrored, :, ::-1]
    for cells in (covers, centres):
        cells[mirrored] = cells[mirrored].reshape(-1, GRID, GRID)[:, :, ::-1].reshape(-1, GRID * GRID)
    light = rng.uniform((0.92, -0.03), (1.06, 0.03), size=(count, 2)).astype(np.float32)
    return View(
        normalised(pixels, light),
        torch.from_numpy(covers).long(),
        torch.from_numpy(centres).long(),
        [names_of(row) for row in pool.classes[rows]],
    )


def normalised(pixels: npt.NDArray[np.uint8], light: npt.NDArray[np.float32] | None = None) -> Tensor:
    """Return pixels as model input.

    Args:
        pixels: uint8 [b, 64, 64, 3].
        light: float32 [b, 2], what to multiply levels (0 to 1) by, and then to add to them.

    Returns:
        float32 [b, 3, 64, 64]. Source of mean and deviation: CLIP's processor, which BLIP's follows.
    """
    levels = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    if light is not None:
        factor, shift = torch.from_numpy(light)[:, :, None, None, None].unbind(1)
        levels = (levels * factor + shift).clamp(0, 1)
    kinds = (CLIPImageProcessorPil.image_mean, CLIPImageProcessorPil.image_std)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in kinds)
    return ((levels - mean) / deviation).contiguous()


def names_of(classes: npt.NDArray[np.int8]) -> Names:
    """Return the (colour, shape) of each class number that is not -1."""
    return [
        (COLOURS[number // len(SHAPES)], SHAPES[number % len(SHAPES)]) for number in classes if number >= 0
    ]
