"""CLIP's scores of images against labels as an engine."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from inference.errors import LabelTooLong
from inference.models.blip.vision import blank_image
from inference.models.tensor_cache import TensorCache
from inference.models.tiling import tiles
from inference.models.tokenization import max_tokens, tokenize
from inference.models.vision_encoder import ImageInput, VisionEncoder
from inference.schema import Answer, Caption, Match, Matched, Picture

CACHE_BYTES = 16 * 2**20
"""Bytes of each of the two caches. An embedding takes 2 KB in float32, so that 8,000 are cached; an image has
one for each tile."""
MAX_PASS = 64
"""Labels in one pass of the text encoder, at most."""


@dataclass(frozen=True)
class LabelInput:
    """A label, as tensors.

    Attributes:
        key: The guild or DM of the request, and the label's text.
        tokens: From the token that starts a text to the one that ends it.
        embedding: The cached embedding, float [width] of length 1, or None.
    """

    key: tuple[str, str]
    tokens: tuple[int, ...]
    embedding: torch.Tensor | None


@dataclass(frozen=True)
class MatchInput:
    """A `Match`, as tensors: its images and its labels, in the request's order."""

    images: tuple[ImageInput, ...]
    labels: tuple[LabelInput, ...]


class ClipMatcher:
    """Scores images against labels. Embeddings of both are cached for the next request.

    Labels are embedded as they are written, without a template such as `a photo of ...`: the effect of a
    template on the scores was not measured, and the tiny model was trained on bare labels.

    Args:
        model: In eval mode, on its device.
        processor: With the PIL backend.
        name: The model's name and revision.
        image_cache: Holds the images' embeddings; None: a cache of its own.
        label_cache: Holds the labels' embeddings; None: a cache of its own.
    """

    def __init__(
        self,
        model: CLIPModel,
        processor: CLIPProcessor,
        name: str,
        image_cache: TensorCache | None = None,
        label_cache: TensorCache | None = None,
    ) -> None:
        self.name = name
        self._model = model
        self._tokenizer = processor.tokenizer
        self._image_processor = processor.image_processor
        self._label_cache = TensorCache(CACHE_BYTES) if label_cache is None else label_cache
        self._image_cache = TensorCache(CACHE_BYTES) if image_cache is None else image_cache
        self._vision_encoder = VisionEncoder(
            self._embed_images, self._preprocess, self._image_cache, model.device, model.dtype
        )
        self._max_tokens = max_tokens(self._tokenizer, model.text_model.config.max_position_embeddings)

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> MatchInput:
        """Turn a `Match` and its images into tensors.

        Raises:
            TypeError: The request is of another task.
            LabelTooLong: A label has more tokens than the text encoder reads.
        """
        if not isinstance(request, Match):
            raise TypeError(f"A matching model was given a request to {request.task}.")
        scope = request.pictures[0].scope
        labels = tuple(self._label(scope, label, number) for number, label in enumerate(request.labels, 1))
        images = (
            self._vision_encoder.prepare(name, picture)
            for name, picture in zip(request.pictures, pictures, strict=True)
        )
        return MatchInput(tuple(images), labels)

    def _label(self, scope: str, text: str, number: int) -> LabelInput:
        tokens = tokenize(self._tokenizer, text)
        if len(tokens) > self._max_tokens:
            raise LabelTooLong(
                f"Label {number} has {len(tokens)} tokens, and {self.name} reads at most {self._max_tokens}: "
                "shorten it.",
                label=number,
                limit=self._max_tokens,
                value=len(tokens),
                unit="tokens",
            )
        key = (scope, text)
        return LabelInput(key, tuple(tokens), self._label_cache.get(key))

    def _preprocess(self, picture: Image.Image) -> torch.Tensor:
        pixels: torch.Tensor = self._image_processor(images=tiles(picture), return_tensors="pt")[
            "pixel_values"
        ]
        return pixels

    def _embed_images(self, pixels: torch.Tensor) -> torch.Tensor:
        return _normalised(self._model.get_image_features(pixel_values=pixels).pooler_output)

    @torch.inference_mode()
    def forward(self, batch: Sequence[MatchInput]) -> list[Matched]:
        """Score each request's images against its labels.

        Raises:
            FloatingPointError: The model returned numbers that are not finite.
        """
        embeddings = iter(self._vision_encoder.encode([image for each in batch for image in each.images]))
        labels = self._embed_labels([label for each in batch for label in each.labels])
        return [
            self._scores(
                [next(embeddings) for _ in each.images],
                torch.stack([labels[label.key] for label in each.labels]),
            )
            for each in batch
        ]

    def _embed_labels(self, labels: Sequence[LabelInput]) -> dict[tuple[str, str], torch.Tensor]:
        """Embed the labels that are not cached, those of one length together, so that nothing is padded."""
        embeddings: dict[tuple[str, str], torch.Tensor] = {}
        by_length: dict[int, dict[tuple[str, str], tuple[int, ...]]] = defaultdict(dict)
        for label in labels:
            if label.embedding is not None:
                embeddings[label.key] = label.embedding
            elif label.key not in embeddings:
                by_length[len(label.tokens)][label.key] = label.tokens
        for group in by_length.values():
            keys = list(group)
            for start in range(0, len(keys), MAX_PASS):
                some = keys[start : start + MAX_PASS]
                tokens = torch.tensor([group[key] for key in some], device=self._model.device)
                embedded = _normalised(self._model.get_text_features(input_ids=tokens).pooler_output)
                for key, embedding in zip(some, embedded, strict=True):
                    embeddings[key] = embedding
                    self._label_cache.put(key, embedding)
        return embeddings

    def _scores(self, images: Sequence[torch.Tensor], labels: torch.Tensor) -> Matched:
        """Score images, each [tiles, width]; an image's score for a label is that of its best tile."""
        best = [(tiled @ labels.T).amax(dim=0) for tiled in images]
        cosine = torch.stack(best).double().clamp(-1, 1)
        if not bool(torch.isfinite(cosine).all()):
            raise FloatingPointError(
                f"{self.name} returned numbers that are not finite, in {self._model.dtype} on "
                f"{self._model.device}: its weights are broken."
            )
        share = (cosine * self._model.logit_scale.double().exp()).softmax(dim=-1)
        return Matched(cosine=_rows(cosine), share=_rows(share))

    def warm_up(self) -> None:
        """Score a blank image against two labels.

        Raises:
            Exception: The model is broken.
        """
        request = Match(pictures=(Picture.of("guild:0", b"blank"),), labels=("a picture", "nothing"))
        self.forward([self.prepare(request, [blank_image()])])


def _normalised(embeddings: torch.Tensor) -> torch.Tensor:
    # In float32: in float16 the squares of a long vector add up to infinity.
    wide = embeddings.float()
    unit: torch.Tensor = wide / wide.norm(dim=-1, keepdim=True)
    return unit


def _rows(table: torch.Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())
