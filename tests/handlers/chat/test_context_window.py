"""Fitting a conversation into the context window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.chat.context_window import (
    DEFAULT_TOKEN_SIZES,
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
        assert estimate_tokens(found.exchanges, found.image_count, DEFAULT_TOKEN_SIZES) <= context
    everything = 1 + sum(some for _, some in turns)
    assert found.image_count + found.unseen_earlier + found.asked - found.seen == everything
    assert 1 <= found.image_count <= max(1, min(context // 600, MAX_CHAT_PICTURES))


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
    fitted = fit_history(SUBJECT, [exchange(1), exchange(2)], None, 4096)
    assert count_tokens(fitted, None, 3) is None
    assert count_tokens(fitted, 20, 3) is None, "llama.cpp counts only what was not in its cache"
    assert count_tokens(fitted, 700, 3) == TokenCount(turns=(1, 2), tokens=703, pictures=1)


def test_token_sizes_are_learned_from_a_count() -> None:
    exchanges = [exchange(number, "x" * 600, pictures=number % 2) for number in range(1, 4)]
    model_sizes = TokenSizes(picture=64, text=0.5)
    tokens = estimate_tokens(exchanges, 3, model_sizes)
    assert learn_token_sizes(exchanges, 3, round(tokens), 3 * 64) == model_sizes
    assert not fit_history(SUBJECT, exchanges, None, round(tokens * 4 / 3) + 1, model_sizes).dropped
    assert fit_history(SUBJECT, exchanges, None, round(tokens), model_sizes).dropped


def test_a_prompt_without_images_keeps_the_default_image_size() -> None:
    assert learn_token_sizes([exchange(1)], 0, 14, 0).picture == DEFAULT_TOKEN_SIZES.picture


def test_pictures_that_are_asked_about_come_before_words() -> None:
    album = Subject(pictures=tuple(image(each) for each in range(1, 11)))
    exchanges = [exchange(number, "x" * 60) for number in range(1, 8)]
    found = fit_history(album, exchanges, None, 4096)
    # 3072 tokens for the prompt: five images of 600.
    assert found.apart == album.pictures[:5]
    assert (found.asked, found.seen, found.dropped) == (10, 5, True)


@pytest.mark.parametrize("posted", range(4, 11))
def test_a_question_after_an_album_is_about_the_album(posted: int) -> None:
    exchanges = [exchange(1), exchange(2, pictures=posted), exchange(3)]
    found = fit_history(SUBJECT, exchanges, None, 4096)
    shown = [each for some in (found.apart, *found.images) for each in some]
    assert shown == list(exchanges[1].said.pictures[:5])
    assert (found.asked, found.seen) == (posted, min(posted, 5))
    assert found.unseen_earlier == 1


def test_earlier_pictures_leave_room_for_words() -> None:
    exchanges = [exchange(number, "x" * 300, pictures=1) for number in range(1, 11)]
    found = fit_history(SUBJECT, exchanges, None, 4096)
    shown = [each for some in (found.apart, *found.images) for each in some]
    assert [each.message_id for each in shown] == [800, 900, 1000]
    assert found.unseen_earlier == 8
    assert len(found.exchanges) > 2


def about(number: int, *images: PostedImage, posted: tuple[PostedImage, ...] = ()) -> Exchange:
    return Exchange(UserTurn(turn_id=number, text="words", pictures=posted, about=images))


def test_a_reply_to_an_earlier_picture_is_shown_with_that_picture() -> None:
    exchanges = [exchange(1), exchange(2, pictures=1), about(3, image(1))]
    found = fit_history(SUBJECT, exchanges, None, 4096)
    assert (found.apart, found.images) == ((), ((), (image(200),), (image(1),)))
    assert found.asked == 1


def test_a_reply_about_the_picture_that_is_talked_about_leaves_it_where_it_is() -> None:
    exchanges = [about(1, image(1)), about(2, image(1)), about(3, image(2)), about(4, image(2))]
    found = fit_history(SUBJECT, exchanges, None, 4096)
    assert (found.apart, found.images) == ((image(1),), ((), (), (image(2),), ()))


def test_a_picture_posted_in_reply_to_another_is_shown_with_both() -> None:
    exchanges = [exchange(1), exchange(2, pictures=1), about(3, image(1), posted=(image(9),)), about(4)]
    found = fit_history(SUBJECT, exchanges, None, 4096)
    assert found.images == ((), (image(200),), (image(9), image(1)), ())
    assert found.asked == 2


def test_no_more_pictures_are_sent_than_the_window_holds_whatever_was_counted() -> None:
    exchanges = [exchange(number, pictures=1) for number in range(1, 12)]
    known = TokenCount(turns=tuple(range(1, 11)), tokens=600, pictures=4)
    assert fit_history(SUBJECT, exchanges, known, 4096).image_count == 5


def test_fewer_pictures_than_counted_never_make_a_prompt_smaller_than_its_words() -> None:
    exchanges = [exchange(1, pictures=5), *(exchange(number, "x" * 3000) for number in range(2, 9))]
    known = TokenCount(turns=(1,), tokens=500, pictures=5)
    assert fit_history(Subject(), exchanges, known, 4096).dropped


def test_a_long_first_turn_is_left_out_before_the_others() -> None:
    exchanges = [exchange(1, "x" * 4000), *(exchange(number, "x" * 300) for number in range(2, 6))]
    assert ids(fit_history(SUBJECT, exchanges, None, 2600).exchanges) == [2, 3, 4, 5]
