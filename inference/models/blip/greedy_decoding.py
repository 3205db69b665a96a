"""Greedy decoding with BLIP's text decoder: token by token, always the most probable one."""

from typing import Any

import torch


def greedy_decode(
    decoder: Any,  # noqa: ANN401 - a BlipTextLMHeadModel; importing it here would cost tests seconds
    context: torch.Tensor,
    max_tokens: int,
) -> list[list[int]]:
    """Generate a text for each row.

    There is no mask for `context`: transformers 5.23 drops it before the cross-attention (BlipTextAttention
    does not pass it on), so that padding would change the text. All rows must have the same length.

    Args:
        decoder: A BlipTextLMHeadModel.
        context: The states that it attends to, float [batch, length, width], without padding.
        max_tokens: The longest text.

    Returns:
        The tokens of each row, without the one that starts a text and the one that ends it.
    """
    config = decoder.config
    rows = context.shape[0]
    tokens = torch.full((rows, 1), config.bos_token_id, device=context.device)
    ended = torch.zeros(rows, dtype=torch.bool, device=context.device)
    generated: list[torch.Tensor] = []
    past = None
    for _ in range(max_tokens):
        step = decoder(
            input_ids=tokens,
            encoder_hidden_states=context,
            past_key_values=past,
            use_cache=True,
            is_decoder=True,
            logits_to_keep=1,
        )
        past = step.past_key_values
        tokens = step.logits[:, -1].argmax(dim=-1, keepdim=True)
        ended = ended | (tokens[:, 0] == config.sep_token_id)
        generated.append(tokens.masked_fill(ended[:, None], -1))
        if bool(ended.all()):
            break
    return [[token for token in row if token >= 0] for row in torch.cat(generated, dim=1).tolist()]
