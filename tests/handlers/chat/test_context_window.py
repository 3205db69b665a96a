"""Fitting a conversation into the context window."""

from hypothesis import given
from hypothesis import strategies as st

from handlers.chat.context_window import (
    DEFAULT_TOKEN_SIZES,
    FittedHistory,
    TokenSizes,
    count_tokens,
    estimate_tokens,
    fit_history,
    learn_token_sizes,
)
from handlers.chat.models import BotReply, Exchange, PostedImage, Subject, TokenCount, UserTurn
from inference.schema import MAX_CHAT_PICTURES, MAX_TURNS


def image(number: int) -> PostedImage:
    return PostedImage(channel_id=1, message_id=number, key="1", url="https://cdn.discordapp.com/1")


SUBJECT = Subject(pictures=(image(1),))


def exchange(number: int, text: str = "words", *, pictures: int = 0) -> Exchange:
    said = UserTurn(
        turn_id=number, text=text, pictures=tuple(image(100 * number + each) for each in range(pictures))
    )
    return Exchange(said, BotReply(turn_id=number, text=text))


def ids(exchanges: tuple[Exchange, ...]) -> list[int]:
    return [each.said.turn_id for each in exchanges]


@given(
    st.lists(st.tuples(st.text(max_size=1000), st.integers(0, 4)), min_size=1, max_size=20),
    st.integers(512, 8192),
)
def test_the_last_turn_is_always_kept_then_the_first_and_the_newest(
    turns: list[tuple[str, int]], context: int
) -> None:
    exchanges = [exchange(number, text, pictures=some) for number, (text, some) in enumerate(turns, 1)]
    found = fit_history(SUBJECT, exchanges, None, context)
    kept = ids(found.exchanges)
    assert kept[-1] == len(turns)
    tail = kept[1:] if kept[0] == 1 and len(kept) > 1 else kept
    assert tail == list(range(len(turns) - len(tail) + 1, len(turns) + 1))
    assert found.dropped == (len(kept) < len(turns))
    if len(kept) > 1:
        used = estimate_tokens(found.subject, found.exchanges, DEFAULT_TOKEN_SIZES)
        assert used <= context
        assert sum(len(each.said.pictures) for each in found.exchanges) + 1 <= MAX_CHAT_PICTURES


def test_all_turns_are_kept_if_they_fit() -> None:
    exchanges = [exchange(number) for number in range(1, 6)]
    assert fit_history(SUBJECT, exchanges, None, 4096).exchanges == tuple(exchanges)


def test_a_prompt_has_at_most_the_turns_of_a_job() -> None:
    exchanges = [exchange(number, "a") for number in range(1, 200)]
    found = fit_history(Subject(), exchanges, None, 2**20).exchanges
    assert sum(2 for _ in found) <= MAX_TURNS
    assert ids(found)[0] == 1


def test_the_engines_count_replaces_the_estimate() -> None:
    exchanges = [exchange(number, "x" * 600) for number in range(1, 6)]
    guess = fit_history(SUBJECT, exchanges, None, 2600)
    assert guess.dropped
    known = TokenCount(turns=(1, 2, 3, 4), tokens=700)
    assert not fit_history(SUBJECT, exchanges, known, 2600).dropped
    many = TokenCount(turns=(1, 2, 3, 4), tokens=2500)
    assert fit_history(SUBJECT, exchanges, many, 2600).dropped


def test_turns_left_out_since_the_count_are_subtracted() -> None:
    exchanges = [exchange(number, "x" * 600) for number in range(1, 6)]
    known = TokenCount(turns=(1, 2, 3, 4), tokens=1900)
    found = fit_history(SUBJECT, exchanges, known, 2600)
    assert ids(found.exchanges) == [1, 3, 4, 5]


def test_an_implausible_count_is_ignored() -> None:
    exchanges = [exchange(1), exchange(2)]
    assert count_tokens(FittedHistory(SUBJECT, tuple(exchanges), dropped=False), None, 3) is None
    assert count_tokens(FittedHistory(SUBJECT, tuple(exchanges), dropped=False), 20, 3) is None, (
        "llama.cpp counts only what was not in its cache"
    )
    assert count_tokens(FittedHistory(SUBJECT, tuple(exchanges), dropped=False), 700, 3) == TokenCount(
        turns=(1, 2), tokens=703
    )


def test_token_sizes_are_learned_from_a_count() -> None:
    exchanges = [exchange(number, "x" * 600, pictures=number % 2) for number in range(1, 4)]
    model_sizes = TokenSizes(picture=64, text=0.5)
    tokens = estimate_tokens(SUBJECT, exchanges, model_sizes)
    assert learn_token_sizes(exchanges, 3, round(tokens), 3 * 64) == model_sizes
    assert fit_history(SUBJECT, exchanges, None, round(tokens * 4 / 3) + 1, model_sizes).exchanges == tuple(
        exchanges
    )
    assert fit_history(SUBJECT, exchanges, None, round(tokens), model_sizes).dropped


def test_a_prompt_without_images_keeps_the_default_image_size() -> None:
    assert learn_token_sizes([exchange(1)], 0, 14, 0).picture == DEFAULT_TOKEN_SIZES.picture


def test_an_album_leaves_room_for_turns() -> None:
    album = Subject(pictures=tuple(image(each) for each in range(1, 11)))
    exchanges = [exchange(number, "x" * 60) for number in range(1, 8)]
    found = fit_history(album, exchanges, None, 4096)
    assert len(found.subject.pictures) == 3
    assert found.unseen == 7
    assert ids(found.exchanges) == [1, 2, 3, 4, 5, 6, 7]


def test_a_long_first_turn_is_left_out_before_the_others() -> None:
    exchanges = [exchange(1, "x" * 4000), *(exchange(number, "x" * 300) for number in range(2, 6))]
    assert ids(fit_history(SUBJECT, exchanges, None, 2600).exchanges) == [2, 3, 4, 5]
