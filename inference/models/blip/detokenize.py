"""Decoded word pieces -> readable text, for alt text and answers."""

import re

EMPTY_CAPTION = "a picture"
"""The caption where nothing is left of the model's text."""

_SPACE_BEFORE_MARK = re.compile(r"\s+([,.;:!?%)\]])")
_SPACE_AFTER_BRACKET = re.compile(r"([(\[])\s+")
_APOSTROPHE = re.compile(r"\s*'\s*(s|t|re|ve|ll|d|m)\b")
_HYPHEN = re.compile(r"(?<=\w) - (?=\w)")
_POINT_IN_NUMBER = re.compile(r"(?<=\d) ?([.,:]) (?=\d)")
_REPETITION = re.compile(r"\b(\w+(?:,? \w+){0,5}?)(?:,? \1\b)+")
# blip-image-captioning-large begins many captions with a word that does not exist: "arafed view of a street".
_NONSENSE_WORD = re.compile(r"\baraf\w*\s*")


def join_word_pieces(text: str) -> str:
    """Join what a word-piece tokenizer separates: `it ' s a t - shirt , 3 . 5` -> `it's a t-shirt, 3.5`."""
    text = " ".join(text.split())
    text = _POINT_IN_NUMBER.sub(r"\1", text)
    text = _SPACE_BEFORE_MARK.sub(r"\1", text)
    text = _SPACE_AFTER_BRACKET.sub(r"\1", text)
    text = _APOSTROPHE.sub(r"'\1", text)
    return _HYPHEN.sub("-", text).strip()


def clean_caption(text: str) -> str:
    """Turn a model's caption into one that is usable as alt text.

    Args:
        text: The decoded tokens.

    Returns:
        One line, never empty, without repetitions (greedy decoding produces `a dog and a dog and a dog`).
    """
    text = _NONSENSE_WORD.sub("", join_word_pieces(text))
    text = _REPETITION.sub(r"\1", text).strip(" ,;:-")
    return text or EMPTY_CAPTION
