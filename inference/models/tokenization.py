"""What people typed -> tokens, and nothing but what they typed."""

from transformers import PreTrainedTokenizerBase


def plain_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokenise a text, with the tokens around it that the model expects.

    A token that steers the model, typed by a person (`[SEP]`, `<|endoftext|>`), stays the characters that it
    is: otherwise it would end the text early, or make BLIP's decoder out of its encoder.
    """
    tokens: list[int] = tokenizer(text, split_special_tokens=True, truncation=False, verbose=False)[
        "input_ids"
    ]
    return tokens


def most_tokens(tokenizer: PreTrainedTokenizerBase, positions: int) -> int:
    """Say how many tokens a text encoder reads, those around the text included.

    Args:
        tokenizer: Its own limit is absurdly large where none was saved with it.
        positions: How many positions the text encoder has.
    """
    return min(positions, int(tokenizer.model_max_length))
