"""BLIP's answers to questions as an engine."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from transformers import BlipForQuestionAnswering, BlipProcessor

from inference.errors import QuestionTooLong
from inference.models.blip.detokenize import joined
from inference.models.blip.greedy_decoding import greedy
from inference.models.blip.vision import blank, sight
from inference.models.tensor_cache import TensorCache
from inference.models.tokenization import most_tokens, plain_tokens
from inference.models.vision_encoder import Seen
from inference.schema import Answer, Answered, Caption, Match, Picture

MAX_TOKENS = 24
"""VQA's answers have one to three words; the tiny models answer `what is in the picture?` with up to 17."""
KEPT_BYTES = 128 * 2**20
"""blip-vqa-base's encoding of a picture takes 1.8 MB in float32, so that 70 pictures are kept."""


@dataclass(frozen=True)
class Asked:
    """A question about a picture, as tensors.

    Attributes:
        seen: The picture.
        question: int64 [length], from the token that starts a text to the one that ends it.
    """

    seen: Seen
    question: torch.Tensor


class BlipAnswerer:
    """Answers questions about pictures. A picture's encoding is kept for the next question about it.

    Args:
        model: In eval mode, on its device.
        processor: With the PIL backend.
        name: The model's name and revision.
        kept: Where encodings of pictures are kept; None: a store of its own.
    """

    def __init__(
        self,
        model: BlipForQuestionAnswering,
        processor: BlipProcessor,
        name: str,
        kept: TensorCache | None = None,
    ) -> None:
        self.name = name
        self._model = model
        self._tokenizer = processor.tokenizer
        self._sight = sight(model, processor, TensorCache(KEPT_BYTES) if kept is None else kept)
        self._limit = most_tokens(self._tokenizer, model.text_encoder.config.max_position_embeddings)

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> Asked:
        """Turn an `Answer` and its one picture into tensors.

        Raises:
            TypeError: It is another request.
            QuestionTooLong: The question has more tokens than the text encoder reads.
        """
        if not isinstance(request, Answer):
            raise TypeError(f"An answering model was given a request to {request.task}.")
        tokens = plain_tokens(self._tokenizer, request.question)
        if len(tokens) > self._limit:
            raise QuestionTooLong(
                f"The question has {len(tokens)} tokens, and {self.name} reads at most {self._limit}: ask in "
                "fewer words.",
                limit=self._limit,
                value=len(tokens),
                unit="tokens",
            )
        return Asked(self._sight.prepare(request.picture, pictures[0]), torch.tensor(tokens))

    @torch.inference_mode()
    def forward(self, batch: Sequence[Asked]) -> list[Answered]:
        """Answer each question.

        All pictures go through the tower together; questions only with those of their length, because padding
        would move the answers (docs/decisions/questions-by-length.md).
        """
        seen = self._sight.encode([asked.seen for asked in batch])
        groups: dict[int, list[int]] = defaultdict(list)
        for place, asked in enumerate(batch):
            groups[len(asked.question)].append(place)
        answers: dict[int, Answered] = {}
        for places in groups.values():
            read = self._read([batch[place].question for place in places], [seen[place] for place in places])
            for place, text in zip(places, greedy(self._model.text_decoder, read, MAX_TOKENS), strict=True):
                answers[place] = Answered(text=joined(self._tokenizer.decode(text, skip_special_tokens=True)))
        return [answers[place] for place in range(len(batch))]

    def _read(self, questions: Sequence[torch.Tensor], seen: Sequence[torch.Tensor]) -> torch.Tensor:
        """Read questions of one length, each with its picture in view -> [batch, length, width]."""
        read: torch.Tensor = self._model.text_encoder(
            input_ids=torch.stack(list(questions)).to(self._model.device),
            encoder_hidden_states=torch.cat(list(seen)),
        ).last_hidden_state
        return read

    def warm_up(self) -> None:
        """Answer a question about a blank picture.

        Raises:
            Exception: The model is broken.
        """
        request = Answer(picture=Picture.of("guild:0", b"blank"), question="what is in the picture?")
        self.forward([self.prepare(request, [blank()])])
