"""What of a conversation goes to the model: the picture and the last turn always, then what is newest."""

from hypothesis import given
from hypothesis import strategies as st

from handlers.chat.models import (
    SIZES,
    BotReply,
    Exchange,
    FittedHistory,
    PostedImage,
    Subject,
    TokenCount,
    TokenSizes,
    UserTurn,
    guessed,
    learned,
    measured,
    trim,
)
from inference.schema import MAX_CHAT_PICTURES, MAX_TURNS


def shown(number: int) -> PostedImage:
    return PostedImage(channel_id=1, message_id=number, key="1", url="https://cdn.discordapp.com/1")


SUBJECT = Subject(pictures=(shown(1),))


def exchange(number: int, text: str = "words", *, pictures: int = 0) -> Exchange:
    said = UserTurn(
        turn_id=number, text=text, pictures=tuple(shown(100 * number + each) for each in range(pictures))
    )
    return Exchange(said, BotReply(turn_id=number, text=text))


def ids(exchanges: tuple[Exchange, ...]) -> list[int]:
    return [each.said.turn_id for each in exchanges]


@given(
    st.lists(st.tuples(st.text(max_size=3000), st.integers(0, 4)), min_size=1, max_size=30),
    st.integers(512, 8192),
)
def test_the_last_turn_is_always_there_and_the_rest_is_the_first_and_the_newest(
    turns: list[tuple[str, int]], context: int
) -> None:
    exchanges = [exchange(number, text, pictures=some) for number, (text, some) in enumerate(turns, 1)]
    found = trim(SUBJECT, exchanges, None, context)
    kept = ids(found.exchanges)
    assert kept[-1] == len(turns)
    tail = kept[1:] if kept[0] == 1 and len(kept) > 1 else kept
    assert tail == list(range(len(turns) - len(tail) + 1, len(turns) + 1))
    assert found.dropped == (len(kept) < len(turns))
    if len(kept) > 1:
        used = guessed(found.subject, found.exchanges, SIZES)
        assert used <= context
        assert sum(len(each.said.pictures) for each in found.exchanges) + 1 <= MAX_CHAT_PICTURES


def test_nothing_is_left_out_that_fits() -> None:
    exchanges = [exchange(number) for number in range(1, 6)]
    assert trim(SUBJECT, exchanges, None, 4096).exchanges == tuple(exchanges)


def test_there_are_never_more_turns_than_a_job_may_have() -> None:
    exchanges = [exchange(number, "a") for number in range(1, 200)]
    found = trim(Subject(), exchanges, None, 2**20).exchanges
    assert sum(2 for _ in found) <= MAX_TURNS
    assert ids(found)[0] == 1


def test_what_the_engine_counted_stands_in_for_the_estimate() -> None:
    exchanges = [exchange(number, "x" * 600) for number in range(1, 6)]
    guess = trim(SUBJECT, exchanges, None, 2600)
    assert guess.dropped
    known = TokenCount(turns=(1, 2, 3, 4), tokens=700)
    assert not trim(SUBJECT, exchanges, known, 2600).dropped
    many = TokenCount(turns=(1, 2, 3, 4), tokens=2500)
    assert trim(SUBJECT, exchanges, many, 2600).dropped


def test_what_was_counted_and_left_out_since_counts_no_more() -> None:
    exchanges = [exchange(number, "x" * 600) for number in range(1, 6)]
    known = TokenCount(turns=(1, 2, 3, 4), tokens=1900)
    found = trim(SUBJECT, exchanges, known, 2600)
    assert ids(found.exchanges) == [1, 3, 4, 5]


def test_a_count_that_cannot_be_the_whole_is_not_believed() -> None:
    exchanges = [exchange(1), exchange(2)]
    assert measured(FittedHistory(SUBJECT, tuple(exchanges), dropped=False), None, 3) is None
    assert measured(FittedHistory(SUBJECT, tuple(exchanges), dropped=False), 20, 3) is None, (
        "llama.cpp counts only what was not in its cache"
    )
    assert measured(FittedHistory(SUBJECT, tuple(exchanges), dropped=False), 700, 3) == TokenCount(
        turns=(1, 2), tokens=703
    )


def test_what_a_model_counted_tells_how_long_its_words_and_pictures_are() -> None:
    exchanges = [exchange(number, "x" * 600, pictures=number % 2) for number in range(1, 4)]
    of_the_model = TokenSizes(picture=64, text=0.5)
    tokens = guessed(SUBJECT, exchanges, of_the_model)
    assert learned(exchanges, 3, round(tokens), 3 * 64) == of_the_model
    assert trim(SUBJECT, exchanges, None, round(tokens * 4 / 3) + 1, of_the_model).exchanges == tuple(
        exchanges
    )
    assert trim(SUBJECT, exchanges, None, round(tokens), of_the_model).dropped


def test_without_a_picture_nothing_is_learned_of_pictures() -> None:
    assert learned([exchange(1)], 0, 14, 0).picture == SIZES.picture


def test_an_album_leaves_room_for_what_is_said_of_it() -> None:
    album = Subject(pictures=tuple(shown(each) for each in range(1, 11)))
    exchanges = [exchange(number, "x" * 60) for number in range(1, 8)]
    found = trim(album, exchanges, None, 4096)
    assert len(found.subject.pictures) == 3
    assert found.unseen == 7
    assert ids(found.exchanges) == [1, 2, 3, 4, 5, 6, 7]


def test_a_long_first_turn_does_not_cost_the_others() -> None:
    exchanges = [exchange(1, "x" * 4000), *(exchange(number, "x" * 300) for number in range(2, 6))]
    assert ids(trim(SUBJECT, exchanges, None, 2600).exchanges) == [2, 3, 4, 5]
