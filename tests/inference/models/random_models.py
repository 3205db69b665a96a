"""Models of the real classes with random weights and tokenizers of their own, saved as folders.

Weights are drawn wide enough that texts and scores depend on the input: a model that says the same of
everything would pass any test of independence.
"""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForQuestionAnswering,
    BlipProcessor,
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from inference.schema import Task

SIDE = 32
TEXT_LENGTH = 40
_SENTENCES = """what colour color shape is are the a an red green blue yellow circle circles square squares
triangle triangles object picture of in to how many there and one two three left right you see can that this
it does look like tell me please ? ! , . ' - s"""
WORDS = _SENTENCES.split()
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]")


def save(task: Task, folder: Path) -> Path:
    """Save the model and the processor that serve a task, and return the folder."""
    model, processor = {"caption": _caption, "answer": _answer, "match": _match}[task]()
    _draw(model)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_llava(folder: Path) -> Path:
    """Save a LLaVA and its processor, and return the folder."""
    processor = llava_processor()
    model = LlavaForConditionalGeneration(_llava_config(processor))
    _draw(model)
    # Nothing that it says ends by itself: how long it speaks is for whoever asks to say.
    model.generation_config.eos_token_id = None
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _draw(model: PreTrainedModel) -> None:
    torch.manual_seed(2)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "norm" not in name.lower() and weights.ndim > 0:
                weights.normal_(std=0.2)


def _blip_config() -> BlipConfig:
    special = {"bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    tower = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "hidden_size": 32}
    text = {
        "vocab_size": len(_SPECIAL) + len(WORDS),
        "max_position_embeddings": TEXT_LENGTH,
        "encoder_hidden_size": 32,
        "projection_dim": 32,
    }
    return BlipConfig(
        text_config={**tower, **text, **special},
        vision_config={**tower, "image_size": SIDE, "patch_size": 8, "projection_dim": 32},
        projection_dim=32,
        image_text_hidden_size=32,
    )


def blip_processor(side: int = SIDE) -> BlipProcessor:
    """Make a BLIP's processor, with a tokenizer of a few words."""
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *WORDS))}
    tokenizer = BertTokenizer(vocab=vocabulary, additional_special_tokens=["[DEC]", "[ENC]"])
    images = BlipImageProcessorPil(size={"height": side, "width": side})
    return BlipProcessor(images, tokenizer)  # type: ignore[no-untyped-call]


def _caption() -> tuple[PreTrainedModel, BlipProcessor]:
    return BlipForConditionalGeneration(_blip_config()), blip_processor()


def _answer() -> tuple[PreTrainedModel, BlipProcessor]:
    return BlipForQuestionAnswering(_blip_config()), blip_processor()


def _match() -> tuple[PreTrainedModel, CLIPProcessor]:
    tokenizer = _clip_tokenizer()
    tower = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "hidden_size": 32}
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = CLIPConfig(
        text_config={**tower, **special, "vocab_size": len(tokenizer), "max_position_embeddings": 77},
        vision_config={**tower, "image_size": SIDE, "patch_size": 8},
        projection_dim=16,
    )
    return CLIPModel(config), clip_processor()


def clip_processor(side: int = SIDE) -> CLIPProcessor:
    """Make a CLIP's processor, with a tokenizer of a few words."""
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    return CLIPProcessor(images, _clip_tokenizer())  # type: ignore[no-untyped-call]


def _clip_tokenizer() -> CLIPTokenizer:
    pairs = Tokenizer(BPE(end_of_word_suffix="</w>"))
    pairs.train_from_iterator(WORDS, BpeTrainer(end_of_word_suffix="</w>", show_progress=False))
    letters = [chr(code) for code in range(33, 127)]
    special = ("<|startoftext|>", "<|endoftext|>")
    tokens = dict.fromkeys((*letters, *(f"{letter}</w>" for letter in letters), *pairs.get_vocab(), *special))
    saved = json.loads(pairs.to_str())["model"]["merges"]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=[(left, right) for left, right in saved],  # type: ignore[misc]
        model_max_length=77,
    )


TALK = """{% for message in messages %}{{ message.role }}: {% for part in message.content %}{% if part.type \
== 'image' %}<image>
{% else %}{{ part.text }}{% endif %}{% endfor %}</s>
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"""
"""The chat template, as LLaVA's are made."""


def llava_processor(side: int = SIDE) -> LlavaProcessor:
    """Make a LLaVA's processor, with a tokenizer of bytes."""
    tokens = Tokenizer(BPE())
    tokens.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokens.decoder = ByteLevelDecoder()
    alphabet = ByteLevel.alphabet()
    special = ["<unk>", "</s>", "<image>"]
    trainer = BpeTrainer(special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokens.train_from_iterator(WORDS, trainer)
    roles = {"unk_token": special[0], "eos_token": special[1], "pad_token": special[1]}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, **roles)  # type: ignore[no-untyped-call]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    return LlavaProcessor(  # type: ignore[no-untyped-call]
        images,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=TALK,
        num_additional_image_tokens=1,
    )


def _llava_config(processor: LlavaProcessor) -> LlavaConfig:
    tower: dict[str, Any] = {
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "hidden_size": 32,
    }
    text = LlamaConfig(
        **tower,
        vocab_size=len(processor.tokenizer),
        max_position_embeddings=512,
        num_key_value_heads=4,
        bos_token_id=None,
        eos_token_id=processor.tokenizer.eos_token_id,
        pad_token_id=processor.tokenizer.pad_token_id,
    )
    return LlavaConfig(
        vision_config=CLIPVisionConfig(**tower, image_size=SIDE, patch_size=8),
        text_config=text,
        image_token_index=processor.image_token_id,
        vision_feature_layer=-1,
    )
