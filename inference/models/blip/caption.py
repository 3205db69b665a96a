"""BLIP's captions as an engine."""

from collections.abc import Sequence

import torch
from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

from inference.models.blip.detokenize import clean_caption
from inference.models.blip.greedy_decoding import greedy_decode
from inference.models.blip.vision import blank_image, vision_encoder
from inference.models.tensor_cache import TensorCache
from inference.models.vision_encoder import ImageInput
from inference.schema import Answer, Caption, Captioned, Match, Picture

MAX_TOKENS = 40
"""COCO's captions, on which BLIP was fine-tuned, usually have 10 words and hardly ever 30."""


class BlipCaptioner:
    """Describes images.

    Args:
        model: In eval mode, on its device.
        processor: With the PIL backend.
        name: The model's name and revision.
    """

    def __init__(self, model: BlipForConditionalGeneration, processor: BlipProcessor, name: str) -> None:
        self.name = name
        self._model = model
        self._tokenizer = processor.tokenizer
        # An image is captioned once and the result is kept, so that a cache of encodings would save nothing.
        self._vision_encoder = vision_encoder(model, processor, TensorCache(0))

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> ImageInput:
        """Turn a `Caption` and its image into pixels."""
        return self._vision_encoder.prepare(request.pictures[0], pictures[0])

    @torch.inference_mode()
    def forward(self, batch: Sequence[ImageInput]) -> list[Captioned]:
        """Describe each image. There is no prompt, so nothing is padded."""
        encodings = torch.cat(self._vision_encoder.encode(batch))
        return [
            Captioned(text=clean_caption(self._tokenizer.decode(tokens, skip_special_tokens=True)))
            for tokens in greedy_decode(self._model.text_decoder, encodings, MAX_TOKENS)
        ]

    def warm_up(self) -> None:
        """Describe a blank image.

        Raises:
            Exception: The model is broken.
        """
        self.forward([self.prepare(Caption(picture=Picture.of("guild:0", b"blank")), [blank_image()])])
