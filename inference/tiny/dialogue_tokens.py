"""The tiny LLaVA's processor: its tokenizer, its pictures, and how a dialogue becomes one text."""

import re

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.processing_llava import LlavaProcessor
from transformers.tokenization_utils_tokenizers import TokenizersBackend

from inference.tiny import dialogue_wordings
from inference.tiny.pool import GRID, PATCH, SIDE
from inference.tiny.vocabulary import words

SPECIAL = ("<pad>", "<unk>", "<|end|>", "<image>", "<|user|>", "<|assistant|>")
"""The control tokens; user input must not contain any."""

PAD, UNKNOWN, END, IMAGE, USER, ASSISTANT = range(len(SPECIAL))
"""The ids of these tokens."""

IMAGE_TOKENS = GRID * GRID
"""Tokens of a picture."""

LONGEST = 320
"""Tokens of a dialogue with its pictures, at most; README.md has the accuracy by length."""

TEMPLATE = (
    "{%- for message in messages if message.role in ('user', 'assistant') -%}"
    "<|{{ message.role }}|>"
    "{%- if message.content is string -%}{{ message.content }}"
    "{%- else -%}"
    "{%- for part in message.content if part.type == 'image' -%}<image>{%- endfor -%}"
    "{%- for part in message.content if part.type == 'text' -%}{{ part.text }}{%- endfor -%}"
    "{%- endif -%}"
    "<|end|>"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"
)
"""The chat template: turns of user and assistant, each with its pictures first; other roles are left out."""

_MARKS = ("'s", "?", ".", ",", "!", "'", ":")
_PIECES = r"'s\b|\w+|[^\w\s]"


def dialogue_words() -> tuple[str, ...]:
    """Return all words of dialogues, sorted."""
    found = set(words())
    for template in dialogue_wordings.TEMPLATES:
        found.update(re.findall(r"[a-z]+", re.sub(r"\{\w+\}|'s", "", template.lower())))
    return tuple(sorted(found))


def llava_tokenizer() -> TokenizersBackend:
    """Return a tokenizer with one token for each word, in lower case; it pads on the left, for generation."""
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *_MARKS, *dialogue_words()))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), "removed", invert=True)
    tokenizer.decoder = decoders.WordPiece()
    return TokenizersBackend(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[PAD],
        unk_token=SPECIAL[UNKNOWN],
        eos_token=SPECIAL[END],
        additional_special_tokens=[SPECIAL[place] for place in (IMAGE, USER, ASSISTANT)],
        padding_side="left",
        model_max_length=LONGEST,
    )


def llava_processor() -> LlavaProcessor:
    """Return the processor: pictures (64 by 64 pixels, 64 tokens each) and dialogues -> tensors."""
    square = {"height": SIDE, "width": SIDE}
    return LlavaProcessor(  # type: ignore[no-untyped-call]
        CLIPImageProcessorPil(size=square, crop_size=square, do_center_crop=False),
        llava_tokenizer(),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )
