"""Data of an earlier version (`stored_data.redis`) can be read and changed, and is still written alike."""

import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.cogs.ask import QuestionArguments
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import BotReply, PostedImage, Subject, TokenCount, UserTurn
from handlers.storage.channel_settings import ChannelSettings
from handlers.storage.inbox import AcceptResult, Inbox, OpenCommand, OpenPost, OpenTurn
from handlers.storage.interaction_tokens import InteractionTokens
from handlers.storage.read_cursors import ReadCursors
from inference.queue.client import InferenceClient
from inference.queue.connection import connect
from inference.queue.consumer import Consumer
from inference.queue.keys import TASKS, Keys
from inference.schema import (
    Answer,
    Answered,
    Caption,
    Captioned,
    Converse,
    Group,
    Match,
    Picture,
    Priority,
    Request,
    Result,
    Turn,
    job_id,
)
from inference.settings import WorkerSettings

Redis = Any
"""A client: redis-py types its answers as those of every protocol at once."""
COMMANDS = [
    shlex.split(line)
    for line in (Path(__file__).parent / "stored_data.redis").read_text().splitlines()
    if not line.startswith("#")
]
BOT = "42"
QUEUE_NAME = "42.0"
NOW = 1_800_000_000.0
GUILD, CHANNEL, ADA, BEN = (1304100000000000000 + number for number in (1, 2, 3, 4))
OTHER_CHANNEL, DM = CHANNEL + 1, CHANNEL + 7
POST, COMMAND, CLOSED = 1593540115169280000, 1593540157112320000, 1593539863511040000
SUBJECT_MESSAGE, FIRST_TURN, SECOND_TURN = 1593538982707200000, 1593539402137600000, 1593540199055360000
ANSWER_MESSAGES = (1593539406331904000, 1593539410526208000)
CONVERSATION = ConversationKey(CHANNEL, SUBJECT_MESSAGE)
SCOPE = f"guild:{GUILD}"
IMAGE = Picture.of(SCOPE, b"red")

SUBJECT = Subject(
    pictures=(
        PostedImage(
            channel_id=CHANNEL,
            message_id=SUBJECT_MESSAGE,
            key="1",
            url="https://cdn.discordapp.com/attachments/1/2/a.png",
            size=1234,
            spoiler=True,
        ),
    ),
    spoiler=True,
)
TURNS = (
    UserTurn(turn_id=FIRST_TURN, speaker="Ada", text="What is it?", message_id=FIRST_TURN, author_id=ADA),
    UserTurn(
        turn_id=SECOND_TURN,
        speaker="Ben",
        text="And this?",
        pictures=(
            PostedImage(
                channel_id=CHANNEL,
                message_id=SECOND_TURN,
                key="2",
                url="https://cdn.discordapp.com/attachments/1/3/b.png",
            ),
        ),
        message_id=SECOND_TURN,
        author_id=BEN,
    ),
)
REPLY = BotReply(turn_id=FIRST_TURN, text="A red circle.")
CONVERSE = Converse(
    scope=SCOPE,
    turns=(
        Turn(role="user", speaker="Ada", text="What is it?", pictures=(IMAGE,)),
        Turn(role="assistant", text="A red circle."),
        Turn(role="user", speaker="Ben", text="And this?"),
    ),
)


def now() -> float:
    return NOW


async def load(redis: Redis) -> None:
    """Write the stored keys into an empty Redis."""
    for command in COMMANDS:
        await redis.execute_command(*command)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def stored(redis: Redis) -> Redis:
    await load(redis)
    return redis


async def contents(redis: Redis, *prefixes: str) -> dict[str, Any]:
    """Return the keys that start with one of `beholder:<prefix>`, with their values."""
    read = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    keys = [key async for key in redis.scan_iter("beholder:*")]
    return {
        key.decode(): await read[await redis.type(key)](key)
        for key in keys
        if key.decode().removeprefix("beholder:").startswith(prefixes)
    }


def settings(url: str) -> WorkerSettings:
    return WorkerSettings(_env_file=None, redis_url=SecretStr(url))


async def test_open_requests_are_read_and_closed(stored: Redis) -> None:
    inbox = Inbox(stored, BOT, clock=now)
    raw = await stored.hgetall("beholder:inbox:42")
    post, command, turn = await inbox.waiting()
    assert isinstance(post, OpenPost)
    assert isinstance(command, OpenCommand)
    assert isinstance(turn, OpenTurn)
    assert (post.message_id, post.why, post.scope) == (POST, "unasked", SCOPE)
    assert (command.interaction_id, command.name, command.outcome) == (COMMAND, "ask", None)
    assert (turn.turn_id, turn.root_message_id, turn.attempt) == (SECOND_TURN, SUBJECT_MESSAGE, 0)
    for request in (post, command, turn):
        assert request.model_dump_json().encode() == raw[request.id.encode()]
        assert await inbox.accept(request) is AcceptResult.OPEN
    closed = post.model_copy(update={"message_id": CLOSED})
    assert await inbox.accept(closed) is AcceptResult.CLOSED
    await inbox.amend(turn.model_copy(update={"messages": (*turn.messages, 5)}))
    assert b'"messages":[1593540203249664000,5]}' in await stored.hget("beholder:inbox:42", turn.id)
    await inbox.close(post.id)
    assert await inbox.accept(post) is AcceptResult.CLOSED


async def test_a_post_without_a_kind_is_read(redis: Redis) -> None:
    raw = '{"v":1,"message_id":9,"channel_id":5,"guild_id":null,"author_id":6,"why":"dm","accepted":1.0}'
    await redis.hset("beholder:inbox:42", "post:9", raw)
    [post] = await Inbox(redis, BOT).waiting()
    assert isinstance(post, OpenPost)
    assert (post.id, post.scope) == ("post:9", "dm:5")


async def test_a_commands_arguments_are_read(stored: Redis) -> None:
    [command] = [each for each in await Inbox(stored, BOT).waiting() if isinstance(each, OpenCommand)]
    arguments = QuestionArguments.model_validate(command.arguments)
    assert arguments.question == "What is it?"
    assert arguments.model_dump(mode="json") == command.arguments


async def test_read_cursors_are_read_and_moved(stored: Redis) -> None:
    cursors = ReadCursors(stored, BOT, clock=now)
    await cursors.load()
    assert cursors.after(CHANNEL, reach=3600) == POST
    assert cursors.private_channels() == (DM,)
    cursors.finish_backfill([])
    cursors.seen(CHANNEL, SECOND_TURN)
    await cursors.flush()
    assert await stored.hget("beholder:marks:42", str(CHANNEL)) == str(SECOND_TURN).encode()


async def test_a_token_and_settings_are_read(stored: Redis) -> None:
    token = await InteractionTokens(stored, BOT, clock=now).get(COMMAND)
    assert token == SecretStr("aW50ZXJhY3Rpb24")
    captions = ChannelSettings(stored, [OTHER_CHANNEL])
    assert await captions.captions_on(CHANNEL)
    assert not await captions.captions_on(OTHER_CHANNEL)


async def test_a_conversation_is_read_and_continued(stored: Redis) -> None:
    history = History(stored, BOT)
    assert await history.subject(CONVERSATION) == SUBJECT
    exchanges = await history.exchanges(CONVERSATION)
    assert [(each.said, each.replied) for each in exchanges] == [(TURNS[0], REPLY), (TURNS[1], None)]
    assert await history.measured(CONVERSATION) == TokenCount(turns=(FIRST_TURN,), tokens=640)
    assert await history.messages(CONVERSATION, FIRST_TURN) == ANSWER_MESSAGES
    assert await history.latest(CHANNEL) == CONVERSATION
    assert not await history.first_time(CONVERSATION, "trimmed")
    for message in (SUBJECT_MESSAGE, FIRST_TURN, SECOND_TURN, *ANSWER_MESSAGES):
        assert await history.places(message) == [CONVERSATION]
    assert not await history.say(CONVERSATION, TURNS[1])
    await history.reply(CONVERSATION, BotReply(turn_id=SECOND_TURN, text="A blue square."))
    assert await history.newest(CONVERSATION, SECOND_TURN) == FIRST_TURN
    await history.edit(TURNS[0].model_copy(update={"text": "What is that?", "pictures": ()}))
    assert [each.said.text for each in await history.exchanges(CONVERSATION)] == [
        "What is that?",
        "And this?",
    ]
    assert await history.delete(ANSWER_MESSAGES[0]) == {CONVERSATION: False}
    assert [each.replied is None for each in await history.exchanges(CONVERSATION)] == [True, False]
    assert await history.delete(SUBJECT_MESSAGE) == {CONVERSATION: True}


async def test_conversations_requests_and_settings_are_written_as_before(redis: Redis) -> None:
    await load(redis)
    prefixes = ("captions", "closed:", "inbox:", "marks:", "said:", "talk", "token:")
    before = await contents(redis, *prefixes)
    requests = await Inbox(redis, BOT).waiting()
    await redis.flushall()

    inbox = Inbox(redis, BOT, clock=now)
    for request in requests:
        await inbox.accept(request)
    await inbox.close(f"post:{CLOSED}")
    cursors = ReadCursors(redis, BOT, clock=now)
    cursors.finish_backfill([])
    cursors.seen(CHANNEL, POST)
    cursors.seen(DM, 1593540073226240000, private=True)
    await cursors.flush()
    await InteractionTokens(redis, BOT, clock=now).keep(COMMAND, SecretStr("aW50ZXJhY3Rpb24"), NOW - 20)
    captions = ChannelSettings(redis)
    await captions.set_captions(CHANNEL, on=True)
    await captions.set_captions(OTHER_CHANNEL, on=False)
    history = History(redis, BOT)
    await history.begin(CONVERSATION, SUBJECT)
    await history.say(CONVERSATION, TURNS[0])
    await history.reply(CONVERSATION, REPLY, TokenCount(turns=(FIRST_TURN,), tokens=640))
    await history.shown(CONVERSATION, FIRST_TURN, ANSWER_MESSAGES)
    await history.newest(CONVERSATION, FIRST_TURN)
    await history.first_time(CONVERSATION, "trimmed")
    await history.say(CONVERSATION, TURNS[1])

    assert await contents(redis, *prefixes) == before


async def submit(
    client: InferenceClient, request: Request, priority: Priority, group: str, *parts: str | int
) -> Any:
    return await client.submit(
        request,
        id=job_id(*parts),
        priority=priority,
        asker=str(ADA),
        group=Group(id=group, size=1),
    )


async def test_waiting_jobs_are_taken_and_an_abandoned_one_is_claimed(stored: Redis, redis_url: str) -> None:
    consumer = Consumer(stored, Keys(), TASKS, "new-worker", settings(redis_url), clock=now)
    converse, caption = await consumer.take(5, 0)
    assert converse.job.request == CONVERSE
    assert caption.job.request == Caption(picture=IMAGE)
    [match] = await consumer.claim_abandoned()
    assert match.job.request == Match(pictures=(IMAGE,), labels=("red", "blue"))
    assert await consumer.picture(IMAGE) == b"red"
    await consumer.finish(caption, Result(job_id=caption.job.id, outcome=Captioned(text="a red circle")))
    assert await stored.exists(f"beholder:result:{SCOPE}:{caption.job.id}")
    assert await stored.zcard("beholder:open") == 2
    await consumer.close()


async def test_a_waiting_job_is_joined_and_a_stored_result_returned(stored: Redis, redis_url: str) -> None:
    async with InferenceClient.open(settings(redis_url), QUEUE_NAME, clock=now) as client:
        question = Answer(picture=IMAGE, question="What is it?", thumbnail=True)
        group = f"command:{COMMAND}"
        ticket = await submit(client, question, "waiting", group, group, "1", "answer", "What is it?")
        outcome = (await ticket.result()).outcome
        assert isinstance(outcome, Answered)
        assert outcome.text == "a red circle"
        assert await client.picture(outcome.thumbnails[0]) == b"thumbnail"
        post = f"post:{POST}"
        await submit(client, Caption(picture=IMAGE), "unasked", post, post, "1", "caption")
        assert await stored.xlen("beholder:jobs:caption:unasked") == 1
        await client.stop(job_id("converse", SECOND_TURN, 0, 0))
        assert await stored.xlen("beholder:jobs:converse:waiting") == 0


async def test_jobs_are_written_as_before(redis: Redis, redis_url: str) -> None:
    await load(redis)
    names = ("beholder:jobs:converse:waiting", "beholder:jobs:caption:unasked", "beholder:jobs:match:waiting")
    before = [await redis.xrange(name) for name in names]
    ids = [
        job_id("converse", SECOND_TURN, 0, 0),
        job_id(f"post:{POST}", "1", "caption"),
        job_id("command:1593540152918016000", "match"),
    ]
    records = [await redis.hgetall(f"beholder:job:{each}") for each in ids]
    await redis.flushall()

    async with InferenceClient.open(settings(redis_url), QUEUE_NAME, clock=now) as client:
        await client.put_picture(SCOPE, b"red")
        turn, post, command = f"turn:{SECOND_TURN}:0", f"post:{POST}", "command:1593540152918016000"
        await submit(client, CONVERSE, "waiting", turn, "converse", SECOND_TURN, 0, 0)
        await submit(client, Caption(picture=IMAGE), "unasked", post, post, "1", "caption")
        match = Match(pictures=(IMAGE,), labels=("red", "blue"))
        await submit(client, match, "waiting", command, command, "match")

    for name, job, record, entries in zip(names, ids, records, before, strict=True):
        [(entry, fields)] = await redis.xrange(name)
        assert fields == entries[0][1]
        assert await redis.hgetall(f"beholder:job:{job}") == {**record, b"entry": entry}
