"""BLIP's answers to questions as an engine."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from transformers import BlipForQuestionAnswering, BlipProcessor

from inference.errors import QuestionTooLong
from inference.models.blip.detokenize import join_word_pieces
from inference.models.blip.greedy_decoding import greedy_decode
from inference.models.blip.vision import blank_image, vision_encoder
from inference.models.tensor_cache import TensorCache
from inference.models.tokenization import max_tokens, tokenize
from inference.models.vision_encoder import ImageInput
from inference.schema import Answer, Answered, Caption, Match, Picture

MAX_TOKENS = 24
"""VQA's answers have one to three words; the tiny models answer `what is in the picture?` with up to 17."""
CACHE_BYTES = 128 * 2**20
"""blip-vqa-base's encoding of an image takes 1.8 MB in float32, so that 70 images are cached."""


@dataclass(frozen=True)
class QuestionInput:
    """A question about an image, as tensors.

    Attributes:
        image: The image.
        question: int64 [length], from the token that starts a text to the one that ends it.
    """

    image: ImageInput
    question: torch.Tensor


class BlipAnswerer:
    """Answers questions about images. An image's encoding is cached for the next question about it.

    Args:
        model: In eval mode, on its device.
        processor: With the PIL backend.
        name: The model's name and revision.
        cache: Holds the images' encodings; None: a cache of its own.
    """

    def __init__(
        self,
        model: BlipForQuestionAnswering,
        processor: BlipProcessor,
        name: str,
        cache: TensorCache | None = None,
    ) -> None:
        self.name = name
        self._model = model
        self._tokenizer = processor.tokenizer
        self._cache = TensorCache(CACHE_BYTES) if cache is None else cache
        self._vision_encoder = vision_encoder(model, processor, self._cache)
        self._max_tokens = max_tokens(self._tokenizer, model.text_encoder.config.max_position_embeddings)

    def prepare(self, request: Caption | Answer | Match, pictures: Sequence[Image.Image]) -> QuestionInput:
        """Turn an `Answer` and its image into tensors.

        Raises:
            TypeError: The request is of another task.
            QuestionTooLong: The question has more tokens than the text encoder reads.
        """
        if not isinstance(request, Answer):
            raise TypeError(f"An answering model was given a request to {request.task}.")
        tokens = tokenize(self._tokenizer, request.question)
        if len(tokens) > self._max_tokens:
            raise QuestionTooLong(
                f"The question has {len(tokens)} tokens, and {self.name} reads at most {self._max_tokens}: "
                "ask in fewer words.",
                limit=self._max_tokens,
                value=len(tokens),
                unit="tokens",
            )
        return QuestionInput(self._vision_encoder.prepare(request.picture, pictures[0]), torch.tensor(tokens))

    @torch.inference_mode()
    def forward(self, batch: Sequence[QuestionInput]) -> list[Answered]:
        """Answer each question.

        All images are encoded together; questions only with those of the same length, because padding would
        change the answers (docs/decisions/questions-by-length.md).
        """
        encodings = self._vision_encoder.encode([each.image for each in batch])
        by_length: dict[int, list[int]] = defaultdict(list)
        for place, each in enumerate(batch):
            by_length[len(each.question)].append(place)
        answers: dict[int, Answered] = {}
        for places in by_length.values():
            states = self._encode_questions(
                [batch[place].question for place in places], [encodings[place] for place in places]
            )
            texts = greedy_decode(self._model.text_decoder, states, MAX_TOKENS)
            for place, tokens in zip(places, texts, strict=True):
                text = join_word_pieces(self._tokenizer.decode(tokens, skip_special_tokens=True))
                answers[place] = Answered(text=text)
        return [answers[place] for place in range(len(batch))]

    def _encode_questions(
        self, questions: Sequence[torch.Tensor], encodings: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Encode questions of one length, each attending to its image -> [batch, length, width]."""
        states: torch.Tensor = self._model.text_encoder(
            input_ids=torch.stack(list(questions)).to(self._model.device),
            encoder_hidden_states=torch.cat(list(encodings)),
        ).last_hidden_state
        return states

    def warm_up(self) -> None:
        """Answer a question about a blank image.

        Raises:
            Exception: The model is broken.
        """
        request = Answer(picture=Picture.of("guild:0", b"blank"), question="what is in the picture?")
        self.forward([self.prepare(request, [blank_image()])])
