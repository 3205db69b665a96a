"""Conversations in a real Redis."""

import pytest

from handlers.chat.history import RETENTION_S, ConversationKey, History
from handlers.chat.models import BotReply, PostedImage, Subject, TokenCount, UserTurn
from inference.queue.connection import Client

HERE, THERE = ConversationKey(1), ConversationKey(1, 77)


def turn(number: int, text: str = "words") -> UserTurn:
    return UserTurn(turn_id=number, speaker="Ada", text=text, message_id=number)


def image(number: int) -> PostedImage:
    return PostedImage(channel_id=1, message_id=number, key="1", url="https://cdn.discordapp.com/1")


@pytest.fixture
def history(redis: Client) -> History:
    return History(redis, "42")


async def texts(history: History, place: ConversationKey) -> list[tuple[str, str | None]]:
    return [
        (each.said.text, each.replied.text if each.replied else None)
        for each in await history.exchanges(place)
    ]


async def test_turns_are_ordered_by_id_each_with_its_answer(history: History) -> None:
    for number in (30, 10, 20):
        await history.say(HERE, turn(number, str(number)))
    await history.reply(HERE, BotReply(turn_id=10, text="ten"))
    assert await texts(history, HERE) == [("10", "ten"), ("20", None), ("30", None)]
    assert len(await history.exchanges(HERE, until=20)) == 2


async def test_conversations_in_one_channel_are_separate(history: History) -> None:
    await history.say(HERE, turn(10, "here"))
    await history.say(THERE, turn(20, "there"))
    assert await texts(history, HERE) == [("here", None)]
    assert await texts(history, THERE) == [("there", None)]
    assert await history.places(20) == [THERE]
    assert await history.places(10) == [HERE]


async def test_a_subject_is_set_once(history: History) -> None:
    await history.begin(HERE, Subject(pictures=(image(5),)))
    await history.begin(HERE, Subject(pictures=(image(6),)))
    subject = await history.subject(HERE)
    assert subject is not None
    assert [each.message_id for each in subject.pictures] == [5]


async def test_a_turn_that_is_delivered_twice_is_added_once(history: History) -> None:
    assert await history.say(HERE, turn(10, "once"))
    assert not await history.say(HERE, turn(10, "twice"))
    assert await texts(history, HERE) == [("once", None)]


async def test_an_edit_replaces_the_turn_and_deletes_the_token_count(history: History) -> None:
    await history.say(HERE, turn(10, "before"))
    await history.reply(HERE, BotReply(turn_id=10, text="yes"), TokenCount(turns=(10,), tokens=50))
    assert await history.measured(HERE) is not None
    assert await history.edit(turn(10, "before")) == []
    assert await history.measured(HERE) is not None, "nothing was edited"
    assert await history.edit(turn(10, "after")) == [HERE]
    assert await texts(history, HERE) == [("after", "yes")]
    assert await history.measured(HERE) is None


async def test_a_deleted_message_deletes_its_turn_and_answer(history: History) -> None:
    await history.begin(HERE, Subject(pictures=(image(5),)))
    await history.say(HERE, turn(10))
    await history.reply(HERE, BotReply(turn_id=10, text="yes"))
    assert await history.delete(10) == {HERE: False}
    assert await texts(history, HERE) == []
    assert await history.delete(10) == {}


async def test_a_deleted_answer_and_a_deleted_subject_are_deleted(history: History) -> None:
    await history.begin(HERE, Subject(pictures=(image(5),)))
    await history.say(HERE, turn(10))
    await history.reply(HERE, BotReply(turn_id=10, text="yes"))
    await history.shown(HERE, 10, [11, 12])
    await history.delete(12)
    assert await texts(history, HERE) == [("words", None)]
    assert await history.messages(HERE, 10) == (11,)
    assert await history.delete(5) == {HERE: True}
    assert await history.subject(HERE) == Subject(gone=True)


async def test_an_answer_to_a_deleted_turn_is_not_stored(history: History) -> None:
    await history.say(HERE, turn(10))
    await history.delete(10)
    await history.reply(HERE, BotReply(turn_id=10, text="yes"))
    await history.say(HERE, turn(10, "again"))
    assert await texts(history, HERE) == [("again", None)]


async def test_a_reset_deletes_everything_but_the_subject(history: History) -> None:
    subject = Subject(pictures=(image(5),))
    await history.begin(HERE, subject)
    await history.say(HERE, turn(10))
    await history.first_time(HERE, "trimmed")
    await history.reset(HERE)
    assert await texts(history, HERE) == []
    assert await history.subject(HERE) == subject
    assert await history.first_time(HERE, "trimmed")


async def test_a_notice_is_shown_once(history: History) -> None:
    assert await history.first_time(HERE, "unseen")
    assert not await history.first_time(HERE, "unseen")
    assert await history.first_time(THERE, "unseen")


async def test_the_latest_conversation_is_the_one_answered_last(history: History) -> None:
    assert await history.latest(1) is None
    assert await history.newest(HERE, 10) is None
    assert await history.newest(THERE, 20) is None
    assert await history.newest(THERE, 30) == 20
    assert await history.latest(1) == THERE


async def test_everything_expires_seven_days_after_the_last_turn(history: History, redis: Client) -> None:
    await history.begin(HERE, Subject(pictures=(image(5),)))
    await history.say(HERE, turn(10))
    await history.shown(HERE, 10, [11])
    await history.newest(HERE, 10)
    keys = [key async for key in redis.scan_iter("beholder:*")]
    assert len(keys) == 5
    for key in keys:
        await redis.expire(key, 60)
    await history.say(HERE, turn(20))
    await history.newest(HERE, 20)
    for key in [key async for key in redis.scan_iter("beholder:*")]:
        assert RETENTION_S - 10 < await redis.ttl(key) <= RETENTION_S, key


async def test_a_turn_of_another_version_is_skipped(history: History, redis: Client) -> None:
    await history.say(HERE, turn(10))
    await redis.hset("beholder:talk:42:1:0", "said:20", '{"v": 9}')
    assert await texts(history, HERE) == [("words", None)]


async def test_turns_that_no_prompt_contains_any_more_are_deleted(redis: Client) -> None:
    history = History(redis, "42", max_turns=10)
    for number in range(1, 17):
        await history.say(HERE, turn(number))
        await history.reply(HERE, BotReply(turn_id=number, text="yes"))
    stored = [each.said.turn_id for each in await history.exchanges(HERE)]
    assert stored == [1, 12, 13, 14, 15, 16]


async def test_every_key_expires(history: History, redis: Client) -> None:
    await history.first_time(ConversationKey(1), "unseen")
    await history.shown(ConversationKey(2), 10, [11])
    await history.newest(ConversationKey(3), 10)
    await history.belongs(ConversationKey(4), [12])
    await history.say(ConversationKey(5), turn(13))
    await history.delete(11)
    keys = [key async for key in redis.scan_iter("*")]
    assert len(keys) > 5
    assert all([0 < await redis.ttl(key) <= RETENTION_S for key in keys])


async def test_a_message_is_about_its_turns_pictures_or_those_of_the_turns_before(history: History) -> None:
    await history.begin(HERE, Subject(pictures=(image(5),)))
    with_picture = turn(20).model_copy(update={"pictures": (image(20),)})
    in_reply = turn(40).model_copy(update={"about": (image(5),)})
    for said in (turn(10), with_picture, turn(30), in_reply, turn(50)):
        await history.say(HERE, said)
        await history.shown(HERE, said.turn_id, [said.turn_id + 1, said.turn_id + 2])

    async def about(message_id: int) -> list[int]:
        return [each.message_id for each in await history.pictures_of(HERE, message_id)]

    assert [await about(each) for each in (5, 10, 11, 12)] == [[5]] * 4
    assert [await about(each) for each in (20, 21, 22, 30, 31)] == [[20]] * 5
    assert [await about(each) for each in (40, 41, 50, 52)] == [[5]] * 4
    assert await about(60) == []


async def test_a_deleted_image_is_taken_out_of_the_turns_that_are_about_it(history: History) -> None:
    await history.say(HERE, turn(40).model_copy(update={"about": (image(5), image(6))}))
    await history.say(THERE, turn(50))
    assert await history.places(5) == [HERE]
    assert await history.delete(5) == {HERE: True}
    [exchange] = await history.exchanges(HERE)
    assert [each.message_id for each in exchange.said.about] == [6]
    assert await history.delete(40) == {HERE: False}
    assert await history.exchanges(HERE) == []
