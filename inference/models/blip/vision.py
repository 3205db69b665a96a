"""BLIP's vision tower, the same for captions and answers."""

from typing import Any

import torch
from PIL import Image
from transformers import BlipProcessor

from inference.models.tensor_cache import TensorCache
from inference.models.vision_encoder import Sight


def sight(model: Any, processor: BlipProcessor, kept: TensorCache) -> Sight:  # noqa: ANN401 - either BLIP
    """Make a BLIP's pictures-to-encodings.

    BLIP's processor squashes a picture to its square: nothing of it is cropped away.

    Args:
        model: A BlipForConditionalGeneration or BlipForQuestionAnswering.
        processor: The one that belongs to it.
        kept: Where encodings are kept; each is [1, patches + 1, width] in the model's dtype.
    """

    def tower(pixels: torch.Tensor) -> torch.Tensor:
        encodings: torch.Tensor = model.vision_model(pixel_values=pixels).last_hidden_state
        if not bool(torch.isfinite(encodings).all()):
            raise FloatingPointError(
                f"The vision tower of {model.config.name_or_path or 'BLIP'} gave numbers that are none in "
                f"{model.dtype} on {model.device}: its weights are broken."
            )
        return encodings

    def pixels(picture: Image.Image) -> torch.Tensor:
        made: torch.Tensor = processor.image_processor(images=[picture], return_tensors="pt")["pixel_values"]
        return made

    return Sight(tower, pixels, kept, model.device, model.dtype)


def blank() -> Image.Image:
    """Make the picture that engines warm up on: grey, 64 by 64."""
    return Image.new("RGB", (64, 64), (128, 128, 128))
