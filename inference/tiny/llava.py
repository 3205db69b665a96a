"""Training task of the tiny LLaVA: dialogues about pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers.models.clip.modeling_clip import CLIPModel
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llava.configuration_llava import LlavaConfig
from transformers.models.llava.modeling_llava import LlavaForConditionalGeneration

from inference.tiny.dialogue_batches import Dialogues, answer_weights, answering, talk_about
from inference.tiny.dialogue_tokens import END, IMAGE, IMAGE_TOKENS, LONGEST, PAD, UNKNOWN, llava_processor
from inference.tiny.loop import Recipe
from inference.tiny.match import tower_config
from inference.tiny.patches import HIDDEN, Training
from inference.tiny.pool import Pool
from inference.tiny.views import look

_DROPPED = 0.04  # share of those words that training reads as unknown, so that an unknown one does no harm
_DISPENSABLE = [
    "the",
    "in",
    "there",
    "do",
    "you",
    "see",
    "can",
    "this",
    "tell",
    "me",
    "please",
    "and",
    "thing",
]


def llava_config() -> LlavaConfig:
    """A LLaVA of under a million weights."""
    text = LlamaConfig(
        vocab_size=len(llava_processor().tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    return LlavaConfig(
        vision_config=tower_config(),
        text_config=text,
        image_token_index=IMAGE,
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        tie_word_embeddings=True,
    )


@dataclass
class ConverseTask:
    """Trains a LLaVA on dialogues, starting from the matcher's vision encoder.

    Attributes:
        folder: where the checkpoint goes.
        recipe: how long to learn.
        matcher: the CLIP checkpoint whose picture tower to start from; that tower has captioned before.
    """

    folder: Path
    recipe: Recipe
    matcher: Path

    def build(self) -> Training:
        """Create a LLaVA with the matcher's vision encoder."""
        self._tokenizer = llava_processor().tokenizer
        self._tokenizer.padding_side = "right"
        self._dispensable = torch.tensor(self._tokenizer.convert_tokens_to_ids(_DISPENSABLE))
        teacher = CLIPModel.from_pretrained(self.matcher, dtype="float32")
        model = LlavaForConditionalGeneration(llava_config())
        model.model.vision_tower.load_state_dict(teacher.vision_model.state_dict())
        return Training(model)

    def loss(self, model: Training, pool: Pool, count: int, rng: np.random.Generator) -> Tensor:
        """Return the answers' cross-entropy, plus the patch loss."""
        view = look(pool, count, rng)
        batch = talk_about(view, rng)
        tokens = self._tokenizer(
            batch.texts, return_tensors="pt", padding=True, add_special_tokens=False
        ).input_ids
        weights = answer_weights(tokens, batch.exchanges, batch.misled)
        llava = model.model
        seen = llava.get_image_features(view.pixels, return_dict=True)
        last = seen.last_hidden_state
        seen.pooler_output = [seen.pooler_output[place] for place in batch.shown]
        states = llava.model(
            input_ids=self._with_unknown(tokens, batch, rng),
            mm_encoder_outputs={"image": seen},
            use_cache=False,  # and no mask: nothing looks ahead at the padding on the right
        ).last_hidden_state
        asked = weights[:, 1:] > 0
        wrong = cross_entropy(llava.lm_head(states[:, :-1][asked]), tokens[:, 1:][asked], reduction="none")
        share = weights[:, 1:][asked]
        return model.weighed((wrong * share).sum() / share.sum(), last, view)

    def _with_unknown(self, tokens: Tensor, batch: Dialogues, rng: np.random.Generator) -> Tensor:
        """Replace some of the users' words by the unknown token, except where an answer repeats them."""
        dropped = torch.from_numpy(rng.random(tokens.shape) < _DROPPED) & torch.isin(
            tokens, self._dispensable
        )
        repeated = torch.tensor(
            [any(exchange.kind == "first asked" for exchange in talk) for talk in batch.exchanges]
        )
        return tokens.masked_fill(dropped & ~repeated[:, None] & ~answering(tokens), UNKNOWN)

    def save(self, model: Training) -> None:
        """Write model and processor, in float16."""
        llava = model.model.half()
        llava.generation_config.update(eos_token_id=END, pad_token_id=PAD, bos_token_id=None)
        llava.save_pretrained(self.folder)
        llava_processor().save_pretrained(self.folder)
