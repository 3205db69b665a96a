"""Fits a conversation into the model's context window, by token counts and estimates.

Pictures come before words: first those that the turn to answer is about, then earlier ones, the newest first.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from handlers.chat.models import Exchange, PostedImage, Subject, TokenCount
from inference.schema import MAX_CHAT_PICTURES, MAX_PICTURES, MAX_TURNS

TOKENS_PER_TURN: Final = 12
"""Of a turn's role and name."""
BYTES_PER_TOKEN: Final = 3.0
"""Of UTF-8 text. English has about 4, most languages fewer; an estimate that is too high is safe."""
MAX_REPLY_TOKENS: Final = 1024
"""Tokens reserved for the answer, at most."""
MAX_EARLIER_SHARE: Final = 0.7
"""Share of the room up to which earlier images come before earlier words: a conversation with many images
must not lose all that was said."""
MAX_APART_TURNS: Final = 2 * MAX_CHAT_PICTURES // MAX_PICTURES
"""Turns before the first exchange with the images that are in none of the others."""
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
        exchanges: The oldest first; the last is the one to answer.
        images: Those shown with the turn of each exchange.
        apart: Those that are shown before the first exchange: the subject's, and of turns that were left out.
        left_out: Whether all images of each exchange were left out.
        asked: How many images the turn to answer is about.
        seen: How many of these fit.
        unseen_earlier: How many of the other images were left out.
        dropped: Whether exchanges were left out.
    """

    exchanges: tuple[Exchange, ...]
    images: tuple[tuple[PostedImage, ...], ...]
    apart: tuple[PostedImage, ...] = ()
    left_out: tuple[bool, ...] = ()
    asked: int = 0
    seen: int = 0
    unseen_earlier: int = 0
    dropped: bool = False

    @property
    def image_count(self) -> int:
        """The number of images."""
        return len(self.apart) + sum(map(len, self.images))


@dataclass(frozen=True)
class PlacedImages:
    """The images of a conversation, each once.

    Attributes:
        subject: The subject's that no turn is shown with.
        turns: Those that each exchange's turn is shown with, at most `MAX_PICTURES`.
    """

    subject: tuple[PostedImage, ...]
    turns: tuple[tuple[PostedImage, ...], ...]


def place_images(subject: Subject, exchanges: Sequence[Exchange]) -> PlacedImages:
    """Say with which turn each image of a conversation is shown: with the last that has it, or is about it.

    A turn in reply to a message is about that message's images; where these are the ones talked about
    already, they stay where they are.
    """
    current, turns = subject.pictures, []
    for said in (each.said for each in exchanges):
        is_elsewhere = {each.which for each in said.about} != {each.which for each in current}
        images = (*said.pictures, *(said.about if is_elsewhere else ()))
        turns.append(images)
        current = images or current
    placed: set[tuple[int, str]] = set()

    def new(images: Iterable[PostedImage]) -> tuple[PostedImage, ...]:
        found = {each.which: each for each in images if each.which not in placed}
        shown = tuple(found.values())[:MAX_PICTURES]
        placed.update(each.which for each in shown)
        return shown

    in_turns = tuple(new(each) for each in reversed(turns))[::-1]
    return PlacedImages(new(subject.pictures), in_turns)


def fit_history(
    subject: Subject,
    exchanges: Sequence[Exchange],
    known: TokenCount | None,
    context: int,
    sizes: TokenSizes = DEFAULT_TOKEN_SIZES,
) -> FittedHistory:
    """Leave out the images and the exchanges that do not fit.

    Args:
        subject: The images that the conversation began with.
        exchanges: All exchanges, the oldest first; the last is the one to answer.
        known: The engine's token count of the previous turn.
        context: Tokens of the context window, including the answer.
        sizes: Token sizes of the model.

    Returns:
        Always the last exchange, and of the images that it is about as many as fit, at least one. Then
        earlier images, the newest first, in `MAX_EARLIER_SHARE` of the room, or in all of it where nothing
        else is left out. Then the first exchange, if it fits, and the newest of the others.
    """
    room = context - min(MAX_REPLY_TOKENS, context // 4)
    placed = place_images(subject, exchanges)
    groups = [each for each in (*placed.turns[::-1], placed.subject) if each]
    asked = len(groups[0]) if groups else 0
    ranked = [image for each in groups for image in each]

    def cost(kept: Sequence[Exchange], images: int) -> float:
        return _tokens(kept, images, exchanges, known, placed, sizes)

    # Also where the engine's count is lower than the estimate: it may count a part of the prompt only.
    most = min(len(ranked), MAX_CHAT_PICTURES, max(1, int(room / sizes.picture)))
    last = exchanges[-1:]
    count = min(asked, most)
    while count > 1 and cost(last, count) > room:
        count -= 1
    seen = count
    if seen < asked:
        most = seen
    while count < most and cost(last, count + 1) <= room:
        if (count + 1) * sizes.picture > room * MAX_EARLIER_SHARE:
            break
        count += 1
    kept = _newest(exchanges, lambda some: _is_valid(some) and cost(some, count) <= room)
    if len(kept) == len(exchanges):
        while count < most and cost(kept, count + 1) <= room:
            count += 1
    return _fitted(exchanges, kept, placed, ranked[:count], asked=asked, seen=seen)


def _newest(exchanges: Sequence[Exchange], fits: Callable[[Sequence[Exchange]], bool]) -> list[Exchange]:
    """Return the last exchange, the first one if it fits, and as many of the newest others as fit."""
    first, rest = list(exchanges[:1]), list(exchanges[1:][-MAX_TURNS // 2 :])
    for head in (first, []):
        tail = list(rest)
        while len(tail) > 1 and not fits([*head, *tail]):
            tail.pop(0)
        kept = [*head, *tail]
        if not rest or fits(kept):
            break
    return kept


def _fitted(
    exchanges: Sequence[Exchange],
    kept: Sequence[Exchange],
    placed: PlacedImages,
    images: Sequence[PostedImage],
    *,
    asked: int,
    seen: int,
) -> FittedHistory:
    """Put what was chosen together."""
    chosen, ids = {each.which for each in images}, {each.said.turn_id for each in kept}
    own, left_out, apart = [], [], [each for each in placed.subject if each.which in chosen]
    for exchange, shown in zip(exchanges, placed.turns, strict=True):
        fitting = tuple(each for each in shown if each.which in chosen)
        if exchange.said.turn_id in ids:
            own.append(fitting)
            left_out.append(bool(shown) and not fitting)
        else:
            apart += fitting
    everything = len(placed.subject) + sum(map(len, placed.turns))
    return FittedHistory(
        tuple(kept),
        tuple(own),
        tuple(apart),
        tuple(left_out),
        asked=asked,
        seen=seen,
        unseen_earlier=everything - asked - (len(images) - seen),
        dropped=len(kept) < len(exchanges),
    )


def estimate_tokens(exchanges: Iterable[Exchange], images: int, sizes: TokenSizes) -> float:
    """Estimate the tokens of a conversation's words and of so many images."""
    return sizes.picture * images + sum(_exchange_tokens(each, sizes) for each in exchanges)


def count_tokens(
    given: FittedHistory,
    prompt_tokens: int | None,
    reply_tokens: int | None,
    sizes: TokenSizes = DEFAULT_TOKEN_SIZES,
) -> TokenCount | None:
    """Make a token count of the engine's numbers; None if there are none or they are implausibly low."""
    estimate = estimate_tokens(given.exchanges, given.image_count, sizes)
    if prompt_tokens is None or prompt_tokens < MIN_PLAUSIBLE_SHARE * estimate:
        return None
    turns = tuple(each.said.turn_id for each in given.exchanges)
    return TokenCount(turns=turns, tokens=prompt_tokens + (reply_tokens or 0), pictures=given.image_count)


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
    text = sum(_exchange_tokens(each, DEFAULT_TOKEN_SIZES) for each in exchanges)
    return TokenSizes(
        picture=picture_tokens / pictures if pictures else DEFAULT_TOKEN_SIZES.picture,
        text=(tokens - picture_tokens) / text,
    )


def _is_valid(kept: Sequence[Exchange]) -> bool:
    """Return whether a request may have so many turns."""
    return MAX_APART_TURNS + sum(2 if each.replied else 1 for each in kept) <= MAX_TURNS


def _tokens(
    kept: Sequence[Exchange],
    images: int,
    exchanges: Sequence[Exchange],
    known: TokenCount | None,
    placed: PlacedImages,
    sizes: TokenSizes,
) -> float:
    """Take the engine's count, and estimate what was added or left out since.

    Args:
        kept: Exchanges of the prompt.
        images: The number of its images.
        exchanges: All exchanges.
        known: The engine's count.
        placed: All images.
        sizes: Token sizes of the model.
    """
    if known is None:
        return estimate_tokens(kept, images, sizes)
    ids, counted = {each.said.turn_id for each in kept}, set(known.turns)
    added = sum(_exchange_tokens(each, sizes) for each in kept if each.said.turn_id not in counted)
    left_out = sum(
        _exchange_tokens(each, sizes)
        for each in exchanges
        if each.said.turn_id in counted and each.said.turn_id not in ids
    )
    before = known.pictures
    if before is None:
        shown = zip(exchanges, placed.turns, strict=True)
        before = len(placed.subject) + sum(len(own) for each, own in shown if each.said.turn_id in counted)
    per_image = sizes.picture
    if images < before:
        # The model's images may be smaller than the estimate, and together they were no more than everything.
        per_image = min(per_image, known.tokens / before)
    return max(0, known.tokens - left_out) + added + per_image * (images - before)


def _exchange_tokens(exchange: Exchange, sizes: TokenSizes) -> float:
    """Estimate the tokens of an exchange's words."""
    said, replied = exchange.said, exchange.replied
    return sizes.text * (
        _text_tokens(said.speaker + said.text) + (_text_tokens(replied.text) if replied else 0)
    )


def _text_tokens(text: str) -> int:
    """Estimate the tokens of a turn with this text."""
    return TOKENS_PER_TURN + round(len(text.encode(errors="replace")) / BYTES_PER_TOKEN + 0.5)
