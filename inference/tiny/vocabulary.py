"""Tokenizers and processors of the tiny models, of the same classes as the big ones'."""

import json
import re

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers.models.bert.tokenization_bert import BertTokenizer
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.blip.processing_blip import BlipProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.processing_clip import CLIPProcessor
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from inference.tiny import grammar
from inference.tiny.pool import SIDE
from inference.tiny.scene import COLOURS, SHAPES

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]")
_MARKS = tuple("?.,!'")
_CLIP_SPECIAL = ("<|startoftext|>", "<|endoftext|>")
_SQUARE = {"height": SIDE, "width": SIDE}

PAD, UNKNOWN, SEPARATOR, BEGIN = (_SPECIAL.index(token) for token in ("[PAD]", "[UNK]", "[SEP]", "[DEC]"))
"""Ids of BLIP's special tokens: padding, an unknown word, a text's end, an answer's beginning."""

TEXT_LENGTH = 64
"""The most tokens that the tiny models read or write."""


def words() -> tuple[str, ...]:
    """Return all words of the world's captions, questions and answers, sorted."""
    found = {*COLOURS, *SHAPES, *(f"{shape}s" for shape in SHAPES), *grammar.PICTURE_WORDS, *grammar.NUMBERS}
    found |= {"0", "1", "2", "3", "yes", "no", "an", "and", "colour", "object", "objects", "thing", "things"}
    found |= {"shapes", "one"}
    for template in grammar.TEMPLATES:
        found.update(re.findall(r"[a-z]+", re.sub(r"\{\w+\}", "", template)))
    return tuple(sorted(found))


def blip_processor() -> BlipProcessor:
    """Return BLIP's processor: pictures (64 by 64 pixels) and texts (one token for each word) -> tensors."""
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *_MARKS, *words()))}
    tokenizer = BertTokenizer(
        vocab=vocabulary,
        bos_token=_SPECIAL[BEGIN],
        additional_special_tokens=["[ENC]"],
        model_max_length=TEXT_LENGTH,
    )
    return BlipProcessor(BlipImageProcessorPil(size=_SQUARE), tokenizer)  # type: ignore[no-untyped-call]


def clip_processor() -> CLIPProcessor:
    """Return CLIP's processor; it squeezes a picture instead of cropping it."""
    image_processor = CLIPImageProcessorPil(size=_SQUARE, crop_size=_SQUARE, do_center_crop=False)
    return CLIPProcessor(image_processor, clip_tokenizer())  # type: ignore[no-untyped-call]


def clip_tokenizer() -> CLIPTokenizer:
    """Return a byte-level BPE in which each of the world's words is one token."""
    letters = _byte_letters()
    pairs = Tokenizer(BPE(end_of_word_suffix="</w>"))
    # Merges learnt until every word is whole: those made by hand would compete for the same letters.
    pairs.train_from_iterator(
        words(), BpeTrainer(end_of_word_suffix="</w>", vocab_size=5000, show_progress=False)
    )
    merges = [(left, right) for left, right in json.loads(pairs.to_str())["model"]["merges"]]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(left + right for left, right in merges)]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(dict.fromkeys((*tokens, *_CLIP_SPECIAL)))},
        merges=merges,  # type: ignore[arg-type]  # pairs, as its own tokenizer.json has them
        model_max_length=TEXT_LENGTH,
    )


def _byte_letters() -> list[str]:
    """Return the 256 letters for bytes in byte-level BPE. Source: GPT-2's bytes_to_unicode."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [*(chr(byte) for byte in plain), *(chr(256 + place) for place in range(len(others)))]
