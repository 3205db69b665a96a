"""BLIP's text decoder, word by word, always the likeliest."""

from typing import Any

import torch


def greedy(
    decoder: Any,  # noqa: ANN401 - a BlipTextLMHeadModel; importing it here would cost tests seconds
    seen: torch.Tensor,
    most_tokens: int,
) -> list[list[int]]:
    """Generate a text for each row.

    There is no mask for `seen`: transformers 5.23 drops it on the way to the cross-attention
    (BlipTextAttention does not pass it on), so that padding would move the text. Rows of one length only.

    Args:
        decoder: A BlipTextLMHeadModel.
        seen: What it looks at, float [batch, length, width], without padding.
        most_tokens: How long a text may get.

    Returns:
        The tokens of each row, without the one that starts a text and the one that ends it.
    """
    config = decoder.config
    rows = seen.shape[0]
    tokens = torch.full((rows, 1), config.bos_token_id, device=seen.device)
    ended = torch.zeros(rows, dtype=torch.bool, device=seen.device)
    kept: list[torch.Tensor] = []
    past = None
    for _ in range(most_tokens):
        step = decoder(
            input_ids=tokens,
            encoder_hidden_states=seen,
            past_key_values=past,
            use_cache=True,
            is_decoder=True,
            logits_to_keep=1,
        )
        past = step.past_key_values
        tokens = step.logits[:, -1].argmax(dim=-1, keepdim=True)
        ended = ended | (tokens[:, 0] == config.sep_token_id)
        kept.append(tokens.masked_fill(ended[:, None], -1))
        if bool(ended.all()):
            break
    return [[token for token in row if token >= 0] for row in torch.cat(kept, dim=1).tolist()]
