"""From a tokenizer's text to one that reads well: as alt text, or as an answer."""

import re

NOTHING_SAID = "a picture"

_BEFORE_MARK = re.compile(r"\s+([,.;:!?%)\]])")
_AFTER_BRACKET = re.compile(r"([(\[])\s+")
_APOSTROPHE = re.compile(r"\s*'\s*(s|t|re|ve|ll|d|m)\b")
_HYPHEN = re.compile(r"(?<=\w) - (?=\w)")
_POINT_IN_NUMBER = re.compile(r"(?<=\d) ?([.,:]) (?=\d)")
_STAMMER = re.compile(r"\b(\w+(?:,? \w+){0,5}?)(?:,? \1\b)+")
# blip-image-captioning-large opens many captions with a word that is none: "arafed view of a street".
_NO_WORD = re.compile(r"\baraf\w*\s*")


def joined(text: str) -> str:
    """Join what a word-piece tokenizer parts: `it ' s a t - shirt , 3 . 5` -> `it's a t-shirt, 3.5`."""
    text = " ".join(text.split())
    text = _POINT_IN_NUMBER.sub(r"\1", text)
    text = _BEFORE_MARK.sub(r"\1", text)
    text = _AFTER_BRACKET.sub(r"\1", text)
    text = _APOSTROPHE.sub(r"'\1", text)
    return _HYPHEN.sub("-", text).strip()


def as_caption(text: str) -> str:
    """Make a caption usable as alt text.

    Args:
        text: What the tokenizer decoded.

    Returns:
        One line without the model's stammering (greedy decoding repeats itself: `a dog and a dog and a dog`),
        never empty.
    """
    text = _NO_WORD.sub("", joined(text))
    text = _STAMMER.sub(r"\1", text).strip(" ,;:-")
    return text or NOTHING_SAID
