"""BLIP's captions as an engine."""

from collections.abc import Sequence

import torch
from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

from inference.models.blip.detokenize import as_caption
from inference.models.blip.greedy_decoding import greedy
from inference.models.blip.vision import blank, sight
from inference.models.tensor_cache import TensorCache
from inference.models.vision_encoder import Seen
from inference.schema import Answer, Caption, Captioned, Match, Picture

MAX_TOKENS = 40
"""COCO's captions, on which BLIP was tuned, have 10 words as a rule and hardly ever 30."""


class BlipCaptioner:
    """Describes pictures.

    Args:
        model: In eval mode, on its device.
        processor: With the PIL backend.
        name: The model's name and revision.
    """

    def __init__(self, model: BlipForConditionalGeneration, processor: BlipProcessor, name: str) -> None:
        self.name = name
        self._model = model
        self._tokenizer = processor.tokenizer
        # A caption is asked for once and its result kept: nothing to gain from keeping encodings.
        self._sight = sight(model, processor, TensorCache(0))

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> Seen:
        """Turn a `Caption` and its one picture into pixels."""
        return self._sight.prepare(request.pictures[0], pictures[0])

    @torch.inference_mode()
    def forward(self, batch: Sequence[Seen]) -> list[Captioned]:
        """Describe each picture. There is no prompt, so nothing is padded."""
        texts = greedy(self._model.text_decoder, torch.cat(self._sight.encode(batch)), MAX_TOKENS)
        return [
            Captioned(text=as_caption(self._tokenizer.decode(text, skip_special_tokens=True)))
            for text in texts
        ]

    def warm_up(self) -> None:
        """Describe a blank picture.

        Raises:
            Exception: The model is broken.
        """
        self.forward([self.prepare(Caption(picture=Picture.of("guild:0", b"blank")), [blank()])])
