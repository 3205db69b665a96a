"""What of a history goes to a worker, with the real queue and the real history."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from handlers.chat.history import ConversationKey, History
from handlers.chat.models import BotReply, PostedImage, Subject, TokenCount, UserTurn
from handlers.chat.prompt import PICTURE_WAS_HERE
from handlers.chat.service import ChatJob, ChatService
from handlers.ports import ImageSource, JobContext
from inference.errors import BrokenPicture, ConversationTooLong, NotAPicture, PictureGone
from inference.schema import Turn
from tests.inference.job_factory import SCOPE
from tests.inference.worker_harness import Asker, asking, settings

HERE = ConversationKey(1)
ASKED = JobContext("turn", SCOPE, 7, "waiting")


@dataclass
class Pictures:
    """Discord's files.

    Attributes:
        fetched: Which messages' pictures were fetched, in order.
        gone: Which are no longer there.
        broken: Which are no pictures.
    """

    fetched: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)

    def source(self, picture: PostedImage) -> ImageSource:
        async def fetch() -> bytes:
            if picture.message_id in self.gone:
                raise PictureGone
            if picture.message_id in self.broken:
                raise NotAPicture
            self.fetched.append(picture.message_id)
            return b"picture %d" % picture.message_id

        return ImageSource(picture.key, fetch)


def shown(message: int) -> PostedImage:
    return PostedImage(channel_id=1, message_id=message, key="1", url="https://cdn.discordapp.com/1")


@dataclass
class Talk:
    """A conversation about the picture of message 5.

    Attributes:
        asker: Who asks the worker, which is not there.
        converser: What is tried.
        history: What was said.
        pictures: Discord's files.
        known: What the engine says of each turn that it has answered.
    """

    asker: Asker
    converser: ChatService
    history: History
    pictures: Pictures = field(default_factory=Pictures)
    known: TokenCount | None = None

    async def say(self, number: int, *pictures: int) -> ChatJob:
        """Say something, and have it answered."""
        said = UserTurn(
            turn_id=number, text=f"turn {number}", pictures=tuple(shown(each) for each in pictures)
        )
        await self.history.say(HERE, said)
        answering = await self.converser.ask(ASKED, HERE, number, 0, self.pictures.source)
        await self.converser.stop(number, 0)
        await self.history.reply(HERE, BotReply(turn_id=number, text=f"answer {number}"), self.known)
        return answering


@pytest.fixture
async def talk(redis_url: str) -> AsyncIterator[Talk]:
    async with asking(settings(redis_url)) as asker:
        history = History(asker.client._redis, "42")
        await history.begin(HERE, Subject(pictures=(shown(5),)))
        yield Talk(asker, ChatService(asker.client, history, context=4096), history)


def turns(answering: ChatJob) -> list[Turn]:
    pending = answering.ticket._pending  # type: ignore[attr-defined]
    return [turn for turn in pending.job.request.turns if turn.role == "user"]


async def test_a_picture_is_fetched_once_however_long_it_is_talked_about(talk: Talk) -> None:
    for number in (10, 20, 30):
        answering = await talk.say(number)
    assert talk.pictures.fetched == [5]
    [picture] = turns(answering)[0].pictures
    assert await talk.asker.client.picture(picture) == b"picture 5"


async def test_a_picture_that_redis_has_lost_is_fetched_again(talk: Talk) -> None:
    await talk.say(10)
    await talk.asker.client._redis.flushall()
    await talk.history.begin(HERE, Subject(pictures=(shown(5),)))
    answering = await talk.say(20)
    assert talk.pictures.fetched == [5, 5]
    [picture] = turns(answering)[0].pictures
    assert await talk.asker.client.picture(picture) == b"picture 5"


async def test_a_message_that_was_changed_is_looked_at_again(talk: Talk) -> None:
    await talk.say(10)
    talk.pictures.gone.add(5)
    assert not (await talk.say(20)).prompt.missing
    talk.converser.changed(5)
    answering = await talk.say(30)
    assert answering.prompt.missing
    assert turns(answering)[0] == Turn(role="user", text=f"{PICTURE_WAS_HERE} turn 10")


async def test_a_picture_of_the_turn_to_be_answered_has_to_be_there(talk: Talk) -> None:
    talk.pictures.gone.add(6)
    await talk.say(10)
    with pytest.raises(PictureGone):
        await talk.say(20, 6)


async def test_what_it_was_about_and_was_deleted_is_missed(talk: Talk) -> None:
    assert not (await talk.say(10)).prompt.missing
    await talk.history.delete(5)
    answering = await talk.say(20)
    assert answering.prompt.missing
    assert [turn.text for turn in turns(answering)] == [f"{PICTURE_WAS_HERE} turn 10", "turn 20"]


async def test_less_is_sent_after_a_refusal_and_from_then_on(talk: Talk) -> None:
    for number in range(10, 30):
        answering = await talk.say(number)
    assert len(turns(answering)) == 20
    error = ConversationTooLong("", limit=200, value=264, picture_tokens=64, unit="tokens")
    revision = talk.converser.revise(answering, error)
    again = await talk.converser.ask(ASKED, HERE, 29, 0, talk.pictures.source, revision)
    # Of 200 tokens a quarter is for the answer, 64 are the picture's, and a turn with its answer has ten.
    assert [turn.text for turn in turns(again)] == [
        "turn 10",
        *(f"turn {number}" for number in range(23, 30)),
    ]
    assert again.fitting.dropped
    assert len(turns(await talk.say(30))) == 8


async def test_a_single_turn_that_is_too_long_cannot_be_helped(talk: Talk) -> None:
    answering = await talk.say(10)
    error = ConversationTooLong("", limit=200, value=264, picture_tokens=64, unit="tokens")
    with pytest.raises(ConversationTooLong):
        talk.converser.revise(answering, error)


async def test_a_picture_that_cannot_be_read_fails_its_own_turn_and_no_later_one(talk: Talk) -> None:
    talk.pictures.broken.add(6)
    await talk.say(10)
    with pytest.raises(NotAPicture):
        await talk.say(20, 6)
    with pytest.raises(NotAPicture):
        await talk.converser.ask(ASKED, HERE, 20, 1, talk.pictures.source)
    answering = await talk.say(30)
    assert answering.prompt.missing
    assert [turn.text for turn in turns(answering)] == ["turn 10", f"{PICTURE_WAS_HERE} turn 20", "turn 30"]


async def test_of_an_album_what_can_be_read_is_talked_about(talk: Talk) -> None:
    await talk.history.begin(ConversationKey(2), Subject(pictures=(shown(5), shown(6))))
    talk.pictures.broken.add(5)
    await talk.history.say(ConversationKey(2), UserTurn(turn_id=10, text="look"))
    answering = await talk.converser.ask(ASKED, ConversationKey(2), 10, 0, talk.pictures.source)
    assert answering.prompt.pictures == (shown(6),)
    assert answering.prompt.missing


async def test_a_picture_that_the_worker_cannot_read_is_left_out_from_then_on(talk: Talk) -> None:
    await talk.say(10)
    await talk.say(20, 6)
    answering = await talk.say(30)
    assert answering.prompt.pictures == (shown(5), shown(6))
    revision = talk.converser.revise(answering, BrokenPicture("", picture=2))
    again = await talk.converser.ask(ASKED, HERE, 30, 0, talk.pictures.source, revision)
    assert again.prompt.pictures == (shown(5),)
    assert again.prompt.missing
    assert (await talk.say(40)).prompt.pictures == (shown(5),)


async def test_what_the_engine_counted_is_believed(talk: Talk) -> None:
    for number in (10, 20, 30, 40):
        talk.known = TokenCount(turns=(number,), tokens=3060)
        answering = await talk.say(number)
        assert answering.fitting.dropped == (number > 10)


async def test_a_new_picture_never_stands_in_a_turn_with_what_it_is_about(talk: Talk) -> None:
    answering = await talk.say(10, 6)
    asked = answering.ticket._pending.job.request.turns  # type: ignore[attr-defined]
    assert [(turn.role, len(turn.pictures)) for turn in asked] == [("user", 1), ("assistant", 0), ("user", 1)]
    assert answering.prompt.pictures == (shown(5), shown(6))


async def test_two_people_of_one_name_are_told_apart(talk: Talk) -> None:
    for number, author in ((10, 1), (20, 2), (30, 1)):
        said = UserTurn(turn_id=number, speaker="Ada", author_id=author, text="words")
        await talk.history.say(HERE, said)
    answering = await talk.converser.ask(ASKED, HERE, 30, 0, talk.pictures.source)
    assert [turn.speaker for turn in turns(answering)] == ["Ada", "Ada (2)", "Ada"]
