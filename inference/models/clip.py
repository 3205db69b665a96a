"""CLIP's scores of pictures against labels as an engine."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from inference.errors import LabelTooLong
from inference.models.blip.vision import blank
from inference.models.tensor_cache import TensorCache
from inference.models.tiling import tiles
from inference.models.tokenization import most_tokens, plain_tokens
from inference.models.vision_encoder import Seen, Sight
from inference.schema import Answer, Caption, Match, Matched, Picture

KEPT_BYTES = 16 * 2**20
"""Of each kind: an embedding takes 2 KB in float32, so that 8,000 are kept, of pictures one for each tile."""
PASS = 64
"""The most labels in one pass of the text tower."""


@dataclass(frozen=True)
class Label:
    """A label, as tensors.

    Attributes:
        key: The server or DM where it was asked, and its text.
        tokens: From the token that starts a text to the one that ends it.
        embedding: What is kept from an earlier job, float [width] of length 1, or None.
    """

    key: tuple[str, str]
    tokens: tuple[int, ...]
    embedding: torch.Tensor | None


@dataclass(frozen=True)
class ToMatch:
    """A `Match`, as tensors: its pictures and its labels, in the request's order."""

    pictures: tuple[Seen, ...]
    labels: tuple[Label, ...]


class ClipMatcher:
    """Scores pictures against labels. Both sides' embeddings are kept for the next request about them.

    Labels are read as they are written, without a template such as `a photo of ...`: what a template does to
    scores was not measured here, and the tiny model learnt bare labels.

    Args:
        model: In eval mode, on its device.
        processor: With the PIL backend.
        name: The model's name and revision.
        kept_pictures: Where pictures' embeddings are kept; None: a store of its own.
        kept_labels: Where labels' embeddings are kept; None: a store of its own.
    """

    def __init__(
        self,
        model: CLIPModel,
        processor: CLIPProcessor,
        name: str,
        kept_pictures: TensorCache | None = None,
        kept_labels: TensorCache | None = None,
    ) -> None:
        self.name = name
        self._model = model
        self._tokenizer = processor.tokenizer
        self._images = processor.image_processor
        self._kept_labels = TensorCache(KEPT_BYTES) if kept_labels is None else kept_labels
        kept = TensorCache(KEPT_BYTES) if kept_pictures is None else kept_pictures
        self._sight = Sight(self._embed_pictures, self._pixels, kept, model.device, model.dtype)
        self._limit = most_tokens(self._tokenizer, model.text_model.config.max_position_embeddings)

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> ToMatch:
        """Turn a `Match` and its pictures into tensors.

        Raises:
            TypeError: It is another request.
            LabelTooLong: A label has more tokens than the text tower reads.
        """
        if not isinstance(request, Match):
            raise TypeError(f"A matching model was given a request to {request.task}.")
        scope = request.pictures[0].scope
        labels = tuple(self._label(scope, label, number) for number, label in enumerate(request.labels, 1))
        seen = (
            self._sight.prepare(name, picture)
            for name, picture in zip(request.pictures, pictures, strict=True)
        )
        return ToMatch(tuple(seen), labels)

    def _label(self, scope: str, text: str, number: int) -> Label:
        tokens = plain_tokens(self._tokenizer, text)
        if len(tokens) > self._limit:
            raise LabelTooLong(
                f"Label {number} has {len(tokens)} tokens, and {self.name} reads at most {self._limit}: "
                "shorten it.",
                label=number,
                limit=self._limit,
                value=len(tokens),
                unit="tokens",
            )
        key = (scope, text)
        return Label(key, tuple(tokens), self._kept_labels.get(key))

    def _pixels(self, picture: Image.Image) -> torch.Tensor:
        made: torch.Tensor = self._images(images=tiles(picture), return_tensors="pt")["pixel_values"]
        return made

    def _embed_pictures(self, pixels: torch.Tensor) -> torch.Tensor:
        return _of_length_1(self._model.get_image_features(pixel_values=pixels).pooler_output)

    @torch.inference_mode()
    def forward(self, batch: Sequence[ToMatch]) -> list[Matched]:
        """Score each request's pictures against its labels.

        Raises:
            FloatingPointError: The model's numbers are none.
        """
        seen = iter(self._sight.encode([seen for one in batch for seen in one.pictures]))
        labels = self._embed_labels([label for one in batch for label in one.labels])
        return [
            self._scores(
                [next(seen) for _ in one.pictures],
                torch.stack([labels[label.key] for label in one.labels]),
            )
            for one in batch
        ]

    def _embed_labels(self, labels: Sequence[Label]) -> dict[tuple[str, str], torch.Tensor]:
        """Embed what is not kept. Labels of one length go through together, so that nothing is padded."""
        made: dict[tuple[str, str], torch.Tensor] = {}
        waiting: dict[int, dict[tuple[str, str], tuple[int, ...]]] = defaultdict(dict)
        for label in labels:
            if label.embedding is not None:
                made[label.key] = label.embedding
            elif label.key not in made:
                waiting[len(label.tokens)][label.key] = label.tokens
        for group in waiting.values():
            keys = list(group)
            for start in range(0, len(keys), PASS):
                some = keys[start : start + PASS]
                tokens = torch.tensor([group[key] for key in some], device=self._model.device)
                embedded = _of_length_1(self._model.get_text_features(input_ids=tokens).pooler_output)
                for key, embedding in zip(some, embedded, strict=True):
                    made[key] = embedding
                    self._kept_labels.put(key, embedding)
        return made

    def _scores(self, pictures: Sequence[torch.Tensor], labels: torch.Tensor) -> Matched:
        """Score pictures, each [tiles, width]: a label is as near to a picture as to its nearest tile."""
        nearest = [(tiled @ labels.T).amax(dim=0) for tiled in pictures]
        cosine = torch.stack(nearest).double().clamp(-1, 1)
        if not bool(torch.isfinite(cosine).all()):
            raise FloatingPointError(
                f"{self.name} gave numbers that are none in {self._model.dtype} on {self._model.device}: its "
                "weights are broken."
            )
        share = (cosine * self._model.logit_scale.double().exp()).softmax(dim=-1)
        return Matched(cosine=_rows(cosine), share=_rows(share))

    def warm_up(self) -> None:
        """Score a blank picture against two labels.

        Raises:
            Exception: The model is broken.
        """
        request = Match(pictures=(Picture.of("guild:0", b"blank"),), labels=("a picture", "nothing"))
        self.forward([self.prepare(request, [blank()])])


def _of_length_1(embeddings: torch.Tensor) -> torch.Tensor:
    # In float32: in float16 the squares of a long vector add up to infinity.
    wide = embeddings.float()
    unit: torch.Tensor = wide / wide.norm(dim=-1, keepdim=True)
    return unit


def _rows(table: torch.Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())
