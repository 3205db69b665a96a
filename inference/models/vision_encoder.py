"""From pictures to what a vision tower makes of them, each picture once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from inference.models.tensor_cache import TensorCache
from inference.schema import Picture

PASS = 16
"""The most parts of pictures in one pass of the tower: more gains no time and takes more memory."""

Key = tuple[str, str]


@dataclass(frozen=True)
class Seen:
    """A picture on its way to the tower.

    Attributes:
        key: Its scope and digest.
        pixels: float32 [parts, 3, height, width], normalised; None where the tower's output is kept already.
        encoding: The tower's output [parts, ...], kept from an earlier job, or None.
    """

    key: Key
    pixels: torch.Tensor | None = None
    encoding: torch.Tensor | None = None


class Sight:
    """A vision tower that remembers.

    Args:
        tower: Float pixels [n, 3, height, width] on the model's device -> [n, ...].
        pixels: A picture -> float32 [parts, 3, height, width], in one part or several.
        kept: Where outputs are kept, by the picture's scope and digest.
        device: Where the tower is.
        dtype: What it computes in.
    """

    def __init__(
        self,
        tower: Callable[[torch.Tensor], torch.Tensor],
        pixels: Callable[[Image.Image], torch.Tensor],
        kept: TensorCache,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._tower = tower
        self._pixels = pixels
        self._kept = kept
        self._device = device
        self._dtype = dtype

    def prepare(self, name: Picture, picture: Image.Image) -> Seen:
        """Make a picture ready for the tower, unless what the tower made of it is still kept."""
        key = (name.scope, name.digest)
        encoding = self._kept.get(key)
        return Seen(key, encoding=encoding) if encoding is not None else Seen(key, self._pixels(picture))

    def encode(self, seen: Sequence[Seen]) -> list[torch.Tensor]:
        """Return the tower's output [parts, ...] for each picture; the same picture goes through once."""
        encodings: dict[Key, torch.Tensor] = {}
        waiting: dict[Key, torch.Tensor] = {}
        for one in seen:
            # What another batch worked out since `prepare` is used as well.
            encoding = one.encoding if one.encoding is not None else self._kept.get(one.key)
            if encoding is not None:
                encodings[one.key] = encoding
            elif one.pixels is not None:
                waiting[one.key] = one.pixels
        keys = [key for key in waiting if key not in encodings]
        if keys:
            parts = torch.split(torch.cat([waiting[key] for key in keys]), PASS)
            made = torch.cat([self._tower(some.to(device=self._device, dtype=self._dtype)) for some in parts])
            each = torch.split(made, [len(waiting[key]) for key in keys])
            for key, encoding in zip(keys, each, strict=True):
                encodings[key] = encoding
                self._kept.put(key, encoding)
        return [encodings[one.key] for one in seen]
