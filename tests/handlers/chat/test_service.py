"""Prompts of chat jobs, through a real queue and a real history; no worker runs."""

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
class FakeImages:
    """Discord's files, by message.

    Attributes:
        fetched: Messages whose images were fetched, in order.
        gone: Messages whose images were deleted.
        broken: Messages whose files are not images.
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


def image(message: int) -> PostedImage:
    return PostedImage(channel_id=1, message_id=message, key="1", url="https://cdn.discordapp.com/1")


@dataclass
class Chat:
    """A conversation about the image of message 5.

    Attributes:
        asker: Has the queue's client.
        service: The service under test.
        history: The conversation's history.
        images: Discord's files.
        known: The engine's token count of every answer.
    """

    asker: Asker
    service: ChatService
    history: History
    images: FakeImages = field(default_factory=FakeImages)
    known: TokenCount | None = None

    async def say(self, number: int, *pictures: int) -> ChatJob:
        """Add a turn, submit its job, stop it, and store an answer."""
        said = UserTurn(
            turn_id=number, text=f"turn {number}", pictures=tuple(image(each) for each in pictures)
        )
        await self.history.say(HERE, said)
        job = await self.service.ask(ASKED, HERE, number, 0, self.images.source)
        await self.service.stop(number, 0)
        await self.history.reply(HERE, BotReply(turn_id=number, text=f"answer {number}"), self.known)
        return job


@pytest.fixture
async def chat(redis_url: str) -> AsyncIterator[Chat]:
    async with asking(settings(redis_url)) as asker:
        history = History(asker.client._redis, "42")
        await history.begin(HERE, Subject(pictures=(image(5),)))
        yield Chat(asker, ChatService(asker.client, history, context=4096), history)


def user_turns(job: ChatJob) -> list[Turn]:
    pending = job.ticket._pending  # type: ignore[attr-defined]
    return [turn for turn in pending.job.request.turns if turn.role == "user"]


async def test_an_image_is_fetched_once_for_all_turns(chat: Chat) -> None:
    for number in (10, 20, 30):
        job = await chat.say(number)
    assert chat.images.fetched == [5]
    [picture] = user_turns(job)[0].pictures
    assert await chat.asker.client.picture(picture) == b"picture 5"


async def test_an_image_that_redis_has_lost_is_fetched_again(chat: Chat) -> None:
    await chat.say(10)
    await chat.asker.client._redis.flushall()
    await chat.history.begin(HERE, Subject(pictures=(image(5),)))
    job = await chat.say(20)
    assert chat.images.fetched == [5, 5]
    [picture] = user_turns(job)[0].pictures
    assert await chat.asker.client.picture(picture) == b"picture 5"


async def test_the_images_of_an_edited_message_are_fetched_again(chat: Chat) -> None:
    await chat.say(10)
    chat.images.gone.add(5)
    assert not (await chat.say(20)).prompt.missing
    chat.service.changed(5)
    job = await chat.say(30)
    assert job.prompt.missing
    assert user_turns(job)[0] == Turn(role="user", text=f"{PICTURE_WAS_HERE} turn 10")


async def test_a_turn_whose_only_image_is_gone_is_refused(chat: Chat) -> None:
    chat.images.gone.add(6)
    await chat.say(10)
    with pytest.raises(PictureGone):
        await chat.say(20, 6)


async def test_a_deleted_subject_is_replaced_by_a_note(chat: Chat) -> None:
    assert not (await chat.say(10)).prompt.missing
    await chat.history.delete(5)
    job = await chat.say(20)
    assert job.prompt.missing
    assert [turn.text for turn in user_turns(job)] == [f"{PICTURE_WAS_HERE} turn 10", "turn 20"]


async def test_prompts_are_shorter_after_a_refusal(chat: Chat) -> None:
    for number in range(10, 30):
        job = await chat.say(number)
    assert len(user_turns(job)) == 20
    error = ConversationTooLong("", limit=200, value=264, picture_tokens=64, unit="tokens")
    revision = chat.service.revise(job, error)
    again = await chat.service.ask(ASKED, HERE, 29, 0, chat.images.source, revision)
    # Of 200 tokens, 50 are for the answer, 64 for the image, and each exchange has ten.
    assert [turn.text for turn in user_turns(again)] == [
        "turn 10",
        *(f"turn {number}" for number in range(23, 30)),
    ]
    assert again.fitting.dropped
    assert len(user_turns(await chat.say(30))) == 8


async def test_a_single_turn_that_is_too_long_is_an_error(chat: Chat) -> None:
    job = await chat.say(10)
    error = ConversationTooLong("", limit=200, value=264, picture_tokens=64, unit="tokens")
    with pytest.raises(ConversationTooLong):
        chat.service.revise(job, error)


async def test_an_unreadable_image_fails_its_own_turn_and_no_later_one(chat: Chat) -> None:
    chat.images.broken.add(6)
    await chat.say(10)
    with pytest.raises(NotAPicture):
        await chat.say(20, 6)
    with pytest.raises(NotAPicture):
        await chat.service.ask(ASKED, HERE, 20, 1, chat.images.source)
    job = await chat.say(30)
    assert job.prompt.missing
    assert [turn.text for turn in user_turns(job)] == ["turn 10", f"{PICTURE_WAS_HERE} turn 20", "turn 30"]


async def test_the_readable_images_of_an_album_are_used(chat: Chat) -> None:
    await chat.history.begin(ConversationKey(2), Subject(pictures=(image(5), image(6))))
    chat.images.broken.add(5)
    await chat.history.say(ConversationKey(2), UserTurn(turn_id=10, text="look"))
    job = await chat.service.ask(ASKED, ConversationKey(2), 10, 0, chat.images.source)
    assert job.prompt.pictures == (image(6),)
    assert job.prompt.missing


async def test_an_image_that_the_worker_cannot_read_is_left_out_of_later_prompts(chat: Chat) -> None:
    await chat.say(10)
    await chat.say(20, 6)
    job = await chat.say(30)
    assert job.prompt.pictures == (image(5), image(6))
    revision = chat.service.revise(job, BrokenPicture("", picture=2))
    again = await chat.service.ask(ASKED, HERE, 30, 0, chat.images.source, revision)
    assert again.prompt.pictures == (image(5),)
    assert again.prompt.missing
    assert (await chat.say(40)).prompt.pictures == (image(5),)


async def test_the_engines_token_count_is_used_for_the_next_prompt(chat: Chat) -> None:
    for number in (10, 20, 30, 40):
        chat.known = TokenCount(turns=(number,), tokens=3060)
        job = await chat.say(number)
        assert job.fitting.dropped == (number > 10)


async def test_a_new_image_and_the_subject_are_in_separate_turns(chat: Chat) -> None:
    job = await chat.say(10, 6)
    asked = job.ticket._pending.job.request.turns  # type: ignore[attr-defined]
    assert [(turn.role, len(turn.pictures)) for turn in asked] == [("user", 1), ("assistant", 0), ("user", 1)]
    assert job.prompt.pictures == (image(5), image(6))


async def test_users_of_the_same_name_are_numbered(chat: Chat) -> None:
    for number, author in ((10, 1), (20, 2), (30, 1)):
        said = UserTurn(turn_id=number, speaker="Ada", author_id=author, text="words")
        await chat.history.say(HERE, said)
    job = await chat.service.ask(ASKED, HERE, 30, 0, chat.images.source)
    assert [turn.speaker for turn in user_turns(job)] == ["Ada", "Ada (2)", "Ada"]
