"""BLIP's vision encoder, the same for captions and answers."""

from typing import Any

import torch
from PIL import Image
from transformers import BlipProcessor

from inference.models.tensor_cache import TensorCache
from inference.models.vision_encoder import VisionEncoder


def vision_encoder(
    model: Any,  # noqa: ANN401 - either BLIP
    processor: BlipProcessor,
    cache: TensorCache,
) -> VisionEncoder:
    """Return the vision encoder of a BLIP.

    BLIP's processor squeezes an image to its square: nothing of it is cropped.

    Args:
        model: A BlipForConditionalGeneration or BlipForQuestionAnswering.
        processor: The model's processor.
        cache: Holds the encodings; each is [1, patches + 1, width] in the model's dtype.
    """

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        encodings: torch.Tensor = model.vision_model(pixel_values=pixels).last_hidden_state
        if not bool(torch.isfinite(encodings).all()):
            raise FloatingPointError(
                f"The vision encoder of {model.config.name_or_path or 'BLIP'} returned numbers that are not "
                f"finite, in {model.dtype} on {model.device}: its weights are broken."
            )
        return encodings

    def preprocess(picture: Image.Image) -> torch.Tensor:
        pixels: torch.Tensor = processor.image_processor(images=[picture], return_tensors="pt")[
            "pixel_values"
        ]
        return pixels

    return VisionEncoder(encode, preprocess, cache, model.device, model.dtype)


def blank_image() -> Image.Image:
    """Return the image for an engine's warm-up: grey, 64 by 64."""
    return Image.new("RGB", (64, 64), (128, 128, 128))
