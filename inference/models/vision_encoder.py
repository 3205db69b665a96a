"""Images -> a vision encoder's output, each image encoded once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from inference.models.tensor_cache import TensorCache
from inference.schema import Picture

MAX_PASS = 16
"""Image parts in one pass of the encoder, at most: more save no time and take more memory."""

Key = tuple[str, str]
"""An image's scope and digest."""


@dataclass(frozen=True)
class ImageInput:
    """An image that is ready for the encoder.

    Attributes:
        key: Its scope and digest.
        pixels: float32 [parts, 3, height, width], normalised; None where the encoding is cached.
        encoding: The encoder's output [parts, ...] from an earlier job, or None.
    """

    key: Key
    pixels: torch.Tensor | None = None
    encoding: torch.Tensor | None = None


class VisionEncoder:
    """A vision encoder with a cache of its outputs.

    Args:
        encode: Float pixels [n, 3, height, width] on the model's device -> [n, ...].
        preprocess: An image -> float32 [parts, 3, height, width], in one part or several.
        cache: Holds the outputs by the image's scope and digest.
        device: The encoder's device.
        dtype: The encoder's dtype.
    """

    def __init__(
        self,
        encode: Callable[[torch.Tensor], torch.Tensor],
        preprocess: Callable[[Image.Image], torch.Tensor],
        cache: TensorCache,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._encode = encode
        self._preprocess = preprocess
        self._cache = cache
        self._device = device
        self._dtype = dtype

    def prepare(self, name: Picture, picture: Image.Image) -> ImageInput:
        """Preprocess an image, unless its encoding is cached."""
        key = (name.scope, name.digest)
        encoding = self._cache.get(key)
        if encoding is not None:
            return ImageInput(key, encoding=encoding)
        return ImageInput(key, self._preprocess(picture))

    def encode(self, images: Sequence[ImageInput]) -> list[torch.Tensor]:
        """Return the encoder's output [parts, ...] for each image; the same image is encoded once."""
        encodings: dict[Key, torch.Tensor] = {}
        missing: dict[Key, torch.Tensor] = {}
        for image in images:
            # Another batch may have encoded it since `prepare`.
            encoding = image.encoding if image.encoding is not None else self._cache.get(image.key)
            if encoding is not None:
                encodings[image.key] = encoding
            elif image.pixels is not None:
                missing[image.key] = image.pixels
        keys = [key for key in missing if key not in encodings]
        if keys:
            passes = torch.split(torch.cat([missing[key] for key in keys]), MAX_PASS)
            output = torch.cat(
                [self._encode(some.to(device=self._device, dtype=self._dtype)) for some in passes]
            )
            for key, encoding in zip(
                keys, torch.split(output, [len(missing[key]) for key in keys]), strict=True
            ):
                encodings[key] = encoding
                self._cache.put(key, encoding)
        return [encodings[image.key] for image in images]
