"""Training task of the tiny CLIP: which of some texts fits a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize
from transformers.models.blip.modeling_blip import BlipForConditionalGeneration, BlipVisionModel
from transformers.models.clip.configuration_clip import CLIPConfig, CLIPVisionConfig
from transformers.models.clip.modeling_clip import CLIPModel, CLIPVisionModel

from inference.tiny.grammar import LABELS, NUMBERS, Names, caption_of, label_of
from inference.tiny.loop import Recipe
from inference.tiny.patches import HIDDEN, Training
from inference.tiny.pool import PATCH, SIDE, Pool
from inference.tiny.scene import COLOURS, SHAPES
from inference.tiny.views import look
from inference.tiny.vocabulary import TEXT_LENGTH, clip_processor

_OPENINGS = ("", "", "", "a photo of ", "a picture of ", "an image of ", "a drawing of ")
_WIDTH = 64  # of the text tower and of the space where texts and pictures meet
_NOUNS = ("object", "object", "thing", "shape")


def clip_config() -> CLIPConfig:
    """A CLIP of about half a million weights, for 64 by 64 pixels and 64 tokens."""
    tokenizer = clip_processor().tokenizer
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 4 * _WIDTH,
        "projection_dim": _WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": TEXT_LENGTH,
        "hidden_act": "gelu",
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return CLIPConfig(text_config=text, vision_config=tower_config(), projection_dim=_WIDTH)


def tower_config() -> CLIPVisionConfig:
    """Return the config of a vision encoder of the captioner's size."""
    return CLIPVisionConfig(
        hidden_size=HIDDEN,
        intermediate_size=256,
        projection_dim=_WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
        hidden_act="gelu",
    )


@dataclass
class MatchTask:
    """Trains a CLIP on labels, starting from the captioner's vision encoder.

    Attributes:
        folder: where the checkpoint goes.
        recipe: how long to learn.
        captioner: the BLIP checkpoint to start from.
    """

    folder: Path
    recipe: Recipe
    captioner: Path

    def build(self) -> Training:
        """Create a CLIP with the captioner's vision encoder."""
        self._tokenizer = clip_processor().tokenizer
        teacher = BlipForConditionalGeneration.from_pretrained(self.captioner, dtype="float32")
        model = CLIPModel(clip_config())
        inherit_tower(model.vision_model, teacher.vision_model)
        return Training(model)

    def loss(self, model: Training, pool: Pool, count: int, rng: np.random.Generator) -> Tensor:
        """Return the cross-entropy over texts, in several sets of texts that users match against."""
        view = look(pool, count, rng)
        seen = model.model.vision_model(pixel_values=view.pixels)
        pictures = normalize(model.model.visual_projection(seen.pooler_output), dim=-1)
        sets = [
            _captions(view.names),
            _labels(view.names),
            _shapes(view.names, rng),
            _colours(view.names, rng),
        ]
        sets.append(_counts(view.names, rng))
        texts = [text for answers, _ in sets for text in _said(answers, rng)]
        tokens = self._tokenizer(texts, return_tensors="pt", padding=True)
        embedded = normalize(model.model.get_text_features(**tokens).pooler_output, dim=-1)
        logits = pictures @ embedded.T * model.model.logit_scale.exp().clamp(max=100)
        parts = zip(logits.split([len(answers) for answers, _ in sets], dim=1), sets, strict=True)
        wrong = torch.stack([_missed(part, torch.from_numpy(fits)) for part, (_, fits) in parts]).sum()
        return model.weighed(wrong, seen.last_hidden_state, view)

    def save(self, model: Training) -> None:
        """Write model and processor, in float16."""
        model.model.half().save_pretrained(self.folder)
        clip_processor().save_pretrained(self.folder)


_Set = tuple[Sequence[str], "np.ndarray[tuple[int, int], np.dtype[np.bool_]]"]
"""Texts, and which of them fits which picture: [pictures, texts]."""


def _captions(names: Sequence[Names]) -> _Set:
    own = [caption_of(name) for name in names]
    texts = sorted(set(own))
    return texts, np.array([[text == caption for text in texts] for caption in own])


def _labels(names: Sequence[Names]) -> _Set:
    labels = [{label_of(*name) for name in picture} for picture in names]
    return LABELS, np.array([[label in present for label in LABELS] for present in labels])


def _shapes(names: Sequence[Names], rng: np.random.Generator) -> _Set:
    article = "" if rng.random() < 0.3 else "a "
    present = [{shape for _, shape in picture} for picture in names]
    return [article + shape for shape in SHAPES], np.array(
        [[shape in one for shape in SHAPES] for one in present]
    )


def _colours(names: Sequence[Names], rng: np.random.Generator) -> _Set:
    noun = _NOUNS[rng.integers(len(_NOUNS))]
    texts = [colour if rng.random() < 0.4 else label_of(colour, noun) for colour in COLOURS]
    present = [{colour for colour, _ in picture} for picture in names]
    return texts, np.array([[colour in one for colour in COLOURS] for one in present])


def _counts(names: Sequence[Names], rng: np.random.Generator) -> _Set:
    noun = _NOUNS[rng.integers(len(_NOUNS))]
    one = "one" if rng.random() < 0.7 else "an" if noun == "object" else "a"
    texts = [f"{one} {noun}", *(f"{number} {noun}s" for number in NUMBERS[2:])]
    return texts, np.array([[len(picture) == count for count in (1, 2, 3)] for picture in names])


def _said(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The texts of a set, all put in the same way."""
    opening, bare = _OPENINGS[rng.integers(len(_OPENINGS))], rng.random() < 0.25
    return [opening + (text.removeprefix("an ").removeprefix("a ") if bare else text) for text in texts]


def _missed(logits: Tensor, fits: Tensor) -> Tensor:
    """Cross entropy of texts [b, n] against even shares for those that fit; none may."""
    shares = fits / fits.sum(1, keepdim=True).clamp(min=1)
    return -(shares * logits.log_softmax(-1)).sum() / len(fits)


def inherit_tower(tower: CLIPVisionModel, teacher: BlipVisionModel) -> None:
    """Copy a BLIP vision encoder into a CLIP one of the same size.

    CLIP's patches have no bias (it goes into the positions) and its queries, keys and values are apart.
    """
    old = teacher.state_dict()
    positions = old["embeddings.position_embedding"][0].clone()
    positions[1:] += old["embeddings.patch_embedding.bias"]
    new = {
        "embeddings.class_embedding": old["embeddings.class_embedding"].flatten(),
        "embeddings.patch_embedding.weight": old["embeddings.patch_embedding.weight"],
        "embeddings.position_embedding.weight": positions,
        "post_layernorm.weight": old["post_layernorm.weight"],
        "post_layernorm.bias": old["post_layernorm.bias"],
    }
    for name, weight in old.items():
        if ".self_attn.qkv." in name:
            for part, piece in zip("qkv", weight.chunk(3), strict=True):
                new[name.replace(".qkv.", f".{part}_proj.")] = piece
        elif name.startswith("encoder.layers."):
            new[name.replace(".projection.", ".out_proj.")] = weight
    missing, unknown = tower.load_state_dict(new, strict=False)
    if unknown or any(not name.startswith("pre_layrnorm") and "position_ids" not in name for name in missing):
        raise ValueError(f"the towers differ: {missing} are missing, {unknown} are unknown")
