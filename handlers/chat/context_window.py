"""Fits a conversation into the model's context window, by token counts and estimates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from handlers.chat.models import Exchange, Subject, TokenCount
from inference.schema import MAX_CHAT_PICTURES, MAX_TURNS

TOKENS_PER_TURN: Final = 12
"""Of a turn's role and name."""
BYTES_PER_TOKEN: Final = 3.0
"""Of UTF-8 text. English has about 4, most languages fewer; an estimate that is too high is safe."""
MAX_REPLY_TOKENS: Final = 1024
"""Tokens reserved for the answer, at most."""
MAX_SUBJECT_SHARE: Final = 0.7
"""Share of the room that the subject's images may use: an album must leave room for the turns."""
MIN_PLAUSIBLE_SHARE: Final = 0.4
"""A count below this share of the estimate excludes what the engine had in its cache."""


@dataclass(frozen=True)
class TokenSizes:
    """Tokens per image and per estimated text token, as far as the model is known.

    Attributes:
        picture: Tokens per image. LLaVA has 576 patches for 336 x 336 pixels, and some tokens around them.
        text: Tokens per estimated token of text.
    """

    picture: float = 600.0
    text: float = 1.0


DEFAULT_TOKEN_SIZES: Final = TokenSizes()
"""Sizes for a model that has not reported any count."""


@dataclass(frozen=True)
class FittedHistory:
    """The part of a conversation that fits into the context window.

    Attributes:
        subject: With the images that fit.
        exchanges: The oldest first; the last is the one to answer.
        dropped: Whether exchanges were left out.
        unseen: How many of the subject's images were left out.
    """

    subject: Subject
    exchanges: tuple[Exchange, ...]
    dropped: bool
    unseen: int = 0


def fit_history(
    subject: Subject,
    exchanges: Sequence[Exchange],
    known: TokenCount | None,
    context: int,
    sizes: TokenSizes = DEFAULT_TOKEN_SIZES,
) -> FittedHistory:
    """Leave out the oldest exchanges that do not fit, but never the subject.

    Args:
        subject: Its images are counted before everything else.
        exchanges: All exchanges, the oldest first; the last is the one to answer.
        known: The engine's token count of the previous turn.
        context: Tokens of the context window, including the answer.
        sizes: Token sizes of the model.

    Returns:
        Always the last exchange; the first one if it fits beside the last; of the subject's images those that
        fit into `MAX_SUBJECT_SHARE` of the room, at least one.
    """
    room = context - min(MAX_REPLY_TOKENS, context // 4)
    max_images = max(1, int(room * MAX_SUBJECT_SHARE / sizes.picture))
    fitted = subject.model_copy(update={"pictures": subject.pictures[:max_images]})
    first, rest = list(exchanges[:1]), list(exchanges[1:][-MAX_TURNS // 2 :])

    def newest(head: list[Exchange]) -> list[Exchange]:
        """Return `head` with as many of the newest others as fit, the last in any case."""
        tail = list(rest)
        while len(tail) > 1 and not fits([*head, *tail]):
            tail.pop(0)
        return [*head, *tail]

    def fits(kept: list[Exchange]) -> bool:
        return _is_valid(fitted, kept) and _tokens(fitted, kept, exchanges, known, sizes) <= room

    kept = newest(first)
    if rest and not fits(kept):
        # The first turn is too long: drop it too. The subject's images come with the next turn.
        kept = newest([])
    unseen = len(subject.pictures) - len(fitted.pictures)
    return FittedHistory(fitted, tuple(kept), dropped=len(kept) < len(exchanges), unseen=unseen)


def estimate_tokens(subject: Subject, exchanges: Iterable[Exchange], sizes: TokenSizes) -> float:
    """Estimate the tokens of a conversation, including its images."""
    return sizes.picture * len(subject.pictures) + sum(_exchange_tokens(each, sizes) for each in exchanges)


def count_tokens(
    given: FittedHistory,
    prompt_tokens: int | None,
    reply_tokens: int | None,
    sizes: TokenSizes = DEFAULT_TOKEN_SIZES,
) -> TokenCount | None:
    """Make a token count of the engine's numbers; None if there are none or they are implausibly low."""
    estimate = estimate_tokens(given.subject, given.exchanges, sizes)
    if prompt_tokens is None or prompt_tokens < MIN_PLAUSIBLE_SHARE * estimate:
        return None
    turns = tuple(each.said.turn_id for each in given.exchanges)
    return TokenCount(turns=turns, tokens=prompt_tokens + (reply_tokens or 0))


def learn_token_sizes(
    exchanges: Sequence[Exchange], pictures: int, tokens: int, picture_tokens: int
) -> TokenSizes:
    """Derive a model's token sizes from its count of a prompt.

    Args:
        exchanges: The exchanges of the prompt.
        pictures: The number of its images.
        tokens: The model's count of all tokens.
        picture_tokens: How many of those are its images'.
    """
    text = sum(_exchange_tokens(each, TokenSizes(picture=0.0)) for each in exchanges)
    return TokenSizes(
        picture=picture_tokens / pictures if pictures else DEFAULT_TOKEN_SIZES.picture,
        text=(tokens - picture_tokens) / text,
    )


def _is_valid(subject: Subject, kept: Sequence[Exchange]) -> bool:
    """Return whether a request may have so many turns and images."""
    # The prompt may have two more turns for the subject's images.
    turns = 2 + sum(2 if each.replied else 1 for each in kept)
    images = sum(len(each.said.pictures) for each in kept) + len(subject.pictures)
    return turns <= MAX_TURNS and images <= MAX_CHAT_PICTURES


def _tokens(
    subject: Subject,
    kept: Sequence[Exchange],
    exchanges: Sequence[Exchange],
    known: TokenCount | None,
    sizes: TokenSizes,
) -> float:
    """Take the engine's count, and estimate exchanges that were added or left out since."""
    if known is None:
        return estimate_tokens(subject, kept, sizes)
    ids, counted = {each.said.turn_id for each in kept}, set(known.turns)
    added = sum(_exchange_tokens(each, sizes) for each in kept if each.said.turn_id not in counted)
    left_out = sum(
        _exchange_tokens(each, sizes)
        for each in exchanges
        if each.said.turn_id in counted and each.said.turn_id not in ids
    )
    return max(0, known.tokens - left_out) + added


def _exchange_tokens(exchange: Exchange, sizes: TokenSizes) -> float:
    said, replied = exchange.said, exchange.replied
    turn = sizes.text * _text_tokens(said.speaker + said.text) + sizes.picture * len(said.pictures)
    return turn + (sizes.text * _text_tokens(replied.text) if replied else 0)


def _text_tokens(text: str) -> int:
    """Estimate the tokens of a turn with this text."""
    return TOKENS_PER_TURN + round(len(text.encode(errors="replace")) / BYTES_PER_TOKEN + 0.5)
