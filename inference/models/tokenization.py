"""User input -> tokens."""

from transformers import PreTrainedTokenizerBase


def tokenize(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokenize a text, with the tokens before and after it that the model expects.

    A control token that a user types (`[SEP]`, `<|endoftext|>`) is split into characters: otherwise it would
    end the text early, or make BLIP's decoder out of its encoder.
    """
    tokens: list[int] = tokenizer(text, split_special_tokens=True, truncation=False, verbose=False)[
        "input_ids"
    ]
    return tokens


def max_tokens(tokenizer: PreTrainedTokenizerBase, positions: int) -> int:
    """Return the number of tokens that a text encoder reads, including those before and after the text.

    Args:
        tokenizer: Its own limit is absurdly large where none was saved with it.
        positions: The number of positions of the text encoder.
    """
    return min(positions, int(tokenizer.model_max_length))
