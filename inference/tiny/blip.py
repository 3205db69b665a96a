"""Training tasks of the tiny BLIPs: captions, and answers to questions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers.models.blip.configuration_blip import BlipConfig
from transformers.models.blip.modeling_blip import BlipForConditionalGeneration, BlipForQuestionAnswering

from inference.tiny.grammar import PICTURE_WORDS, ask, caption_of
from inference.tiny.loop import Recipe
from inference.tiny.patches import HIDDEN, Training
from inference.tiny.pool import PATCH, SIDE, Pool
from inference.tiny.views import look
from inference.tiny.vocabulary import BEGIN, PAD, SEPARATOR, TEXT_LENGTH, UNKNOWN, blip_processor

_DISPENSABLE = ("the", "in", "there", "do", "you", "see", "can", "of", "this", "tell", "me", *PICTURE_WORDS)
_DROPPED = 0.06  # share of those words that training reads as unknown, so that an unknown one does no harm


def blip_config() -> BlipConfig:
    """A BLIP of under a million weights, for 64 by 64 pixels and 64 tokens."""
    tokenizer = blip_processor().tokenizer
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": TEXT_LENGTH,
        "bos_token_id": BEGIN,
        "eos_token_id": SEPARATOR,
        "sep_token_id": SEPARATOR,
        "pad_token_id": PAD,
    }
    vision = {
        "hidden_size": HIDDEN,
        "intermediate_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": SIDE,
        "patch_size": PATCH,
        "initializer_range": 0.02,  # the class's default, 1e-10, is for weights that are loaded
    }
    return BlipConfig(
        text_config=text, vision_config=vision, projection_dim=HIDDEN, image_text_hidden_size=HIDDEN
    )


@dataclass
class CaptionTask:
    """Trains a BLIP on captions."""

    folder: Path
    recipe: Recipe

    def build(self) -> Training:
        """Create a BLIP with random weights."""
        self._tokenizer = blip_processor().tokenizer
        return Training(BlipForConditionalGeneration(blip_config()))

    def loss(self, model: Training, pool: Pool, count: int, rng: np.random.Generator) -> Tensor:
        """Return the captions' cross-entropy, plus the patch loss."""
        view = look(pool, count, rng)
        texts = [caption_of(names) for names in view.names]
        tokens = self._tokenizer(texts, return_tensors="pt", padding=True).input_ids
        tokens[:, 0] = BEGIN
        outcome = model.model(
            pixel_values=view.pixels, input_ids=tokens, labels=tokens.masked_fill(tokens == PAD, -100)
        )
        return model.weighed(outcome.loss, outcome.last_hidden_state, view)

    def save(self, model: Training) -> None:
        """Write model and processor, in float16."""
        _save(model, self.folder)


@dataclass
class AnswerTask:
    """Trains a BLIP on questions and answers, starting from the captioner's weights.

    Attributes:
        folder: where the checkpoint goes.
        recipe: how long to learn.
        captioner: the checkpoint to start from.
    """

    folder: Path
    recipe: Recipe
    captioner: Path

    def build(self) -> Training:
        """Create a BLIP from the captioner; its text encoder starts from the decoder's weights."""
        self._tokenizer = blip_processor().tokenizer
        teacher = BlipForConditionalGeneration.from_pretrained(self.captioner, dtype="float32")
        model = BlipForQuestionAnswering(blip_config())
        model.vision_model.load_state_dict(teacher.vision_model.state_dict())
        model.text_decoder.load_state_dict(teacher.text_decoder.state_dict())
        model.text_encoder.load_state_dict(teacher.text_decoder.bert.state_dict())
        return Training(model)

    def loss(self, model: Training, pool: Pool, count: int, rng: np.random.Generator) -> Tensor:
        """Return the answers' cross-entropy, plus the patch loss."""
        view = look(pool, count, rng)
        asked = [ask(names, rng) for names in view.names]
        questions = self._tokenizer([question.text for question in asked], return_tensors="pt", padding=True)
        answers = self._tokenizer(
            [question.answer for question in asked], return_tensors="pt", padding=True
        ).input_ids
        answers[:, 0] = BEGIN
        outcome = model.model(
            pixel_values=view.pixels,
            input_ids=self._with_unknown(questions.input_ids, rng),
            attention_mask=questions.attention_mask,
            decoder_input_ids=answers,
            labels=answers.masked_fill(answers == PAD, -100),
        )
        return model.weighed(outcome.loss, outcome.last_hidden_state, view)

    def _with_unknown(self, tokens: Tensor, rng: np.random.Generator) -> Tensor:
        dispensable = torch.tensor(self._tokenizer.convert_tokens_to_ids(list(_DISPENSABLE)))
        dropped = torch.from_numpy(rng.random(tokens.shape) < _DROPPED)
        return tokens.masked_fill(torch.isin(tokens, dispensable) & dropped, UNKNOWN)

    def save(self, model: Training) -> None:
        """Write model and processor, in float16."""
        _save(model, self.folder)


def _save(model: Training, folder: Path) -> None:
    model.model.half().save_pretrained(folder)
    blip_processor().save_pretrained(folder)
