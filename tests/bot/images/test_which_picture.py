"""Each case of `which_picture` is run against the bot, all of them on one pocket Discord."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import pytest

from bot.playground.state.records import Channel, ChannelType
from bot.playground.state.seed import BOT_NAME
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import EPHEMERAL, FILE, LOADING, TEXT, CommandCaller, option
from tests.bot.conversation_steps import channel_messages, delete_conversations, is_finished, press
from tests.bot.harness import Harness, picture
from tests.bot.images import which_picture as which
from tests.bot.other_authors import OTHER_BOT, post_as
from tests.conftest import KINDS
from tests.e2e.member import Message

QUESTION = "what color is it?"
AT_A_TIME = 6
"""Cases that run at a time; each has a channel of its own."""

Files = Sequence[tuple[str, bytes]]


def files(*captions: str) -> Files:
    return [(f"{number}.png", picture(caption)) for number, caption in enumerate(captions)]


FILES: dict[str, Files] = {
    which.THE_GIVEN: files("given"),
    which.THE_REPLIED: files("replied"),
    which.THE_THREADS: files("threads"),
    which.THE_TALKS: files("talks"),
    which.THE_NEWEST: files("newest"),
    which.THE_OLDER: files("older"),
    which.THE_ALBUM: files("first", "second"),
}
CAPTIONS = {
    "given": which.THE_GIVEN,
    "replied": which.THE_REPLIED,
    "threads": which.THE_THREADS,
    "talks": which.THE_TALKS,
    "newest": which.THE_NEWEST,
    "older": which.THE_OLDER,
    "first": which.THE_ALBUM,
}


class Case:
    """One case, in a channel of its own.

    Args:
        harness: The bot's surroundings.
        asker: Who asks.
        place: Where.
        newest: Whose picture is the newest there.
        channel: The channel.
    """

    def __init__(self, harness: Harness, asker: str, place: str, newest: str, channel: str) -> None:
        self.harness = harness
        self.ada = harness.ada
        self.asker, self.place, self.newest, self.channel = asker, place, newest, channel
        self.posted: dict[str, str] = {}
        """Which picture a message has, by its id."""

    async def post(self, which_one: str, content: str = "") -> Message:
        message = await self.ada.post(self.channel, content, files=FILES[which_one])
        self.posted[message["id"]] = which_one
        if self.place == which.DIRECT or self.asker == which.TURN:
            await self.ada.reply_to(message)
        return message

    async def run(self) -> str:
        """Post what the case needs, ask, and return which picture the answer is about."""
        if self.asker == which.TURN:
            await self.begin_conversation()
        elif self.place == which.THREAD:
            await self.begin_thread()
        replied_to = await self.reply_target()
        if self.place != which.NOTHING and self.asker != which.TURN:
            await self.post(which.THE_OLDER)
        await self.post_newest()
        if self.asker == which.TURN:
            return await self.take_turn(replied_to)
        if self.asker == which.MENTION:
            return self.picture_in(await self.mention(replied_to))
        return self.picture_in(await self.command())

    async def begin_thread(self) -> None:
        start = await self.post(which.THE_THREADS)
        path = f"/channels/{self.channel}/messages/{start['id']}/threads"
        self.channel = (await self.ada.request("POST", path, json={"name": "About it"}))["id"]

    async def begin_conversation(self) -> None:
        """Have a conversation begun about a picture: in a thread, or in a DM in place."""
        content = "" if self.place == which.DIRECT else self.harness.mention
        message = await self.post(which.THE_OLDER if self.place == which.DIRECT else which.THE_TALKS, content)
        caption = await self.ada.reply_to(message)
        await press(self.ada, caption, "Talk about it")
        if self.place != which.DIRECT:
            self.channel = message["id"]

        def answered(kind: str, data: dict[str, Any]) -> bool:
            in_place = kind in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} and data["channel_id"] == self.channel
            return in_place and is_finished(data)

        await self.ada.hear(answered, start=self.ada.heard.index(("MESSAGE_CREATE", caption)))

    async def reply_target(self) -> Message | None:
        if self.place not in {which.TO_PICTURE, which.TO_ANSWER}:
            return None
        words = self.harness.mention if self.asker == which.MENTION else "and this?"
        to_answer = self.place == which.TO_ANSWER
        message = await self.post(which.THE_REPLIED, words if to_answer or self.asker == which.TURN else "")
        return await self.ada.reply_to(message) if to_answer else message

    async def post_newest(self) -> None:
        which_one = which.THE_ALBUM if self.place == which.ALBUM else which.THE_NEWEST
        if self.newest == which.BOT:
            drawn = [("scores.png", picture("the matrix")), *FILES[which_one][1:]]
            post_as(self.harness, BOT_NAME, self.channel, drawn)
        elif self.newest == which.OTHER:
            post_as(self.harness, OTHER_BOT, self.channel, FILES[which_one])
        else:
            message = await self.post(which_one)
            if self.newest == which.GONE:
                await self.ada.request("DELETE", f"/channels/{self.channel}/messages/{message['id']}")

    async def mention(self, replied_to: Message | None) -> Message:
        given = FILES[which.THE_GIVEN] if self.place == which.GIVEN else ()
        words = QUESTION if self.place == which.DIRECT else f"{self.harness.mention} {QUESTION}"
        reference = None if replied_to is None else {"message_id": replied_to["id"]}
        message = await self.ada.post(self.channel, words, files=given, message_reference=reference)
        return await self.ada.reply_to(message)

    async def take_turn(self, replied_to: Message | None) -> str:
        """Take a turn, and return what it is about, as it is stored."""
        given = FILES[which.THE_GIVEN] if self.place == which.GIVEN else ()
        reference = None if replied_to is None else {"message_id": replied_to["id"]}
        message = await self.ada.post(self.channel, QUESTION, files=given, message_reference=reference)
        answer = await self.ada.reply_to(message)
        if "if you ask" in answer["content"]:
            return self.picture_in(answer)
        if self.place == which.DIRECT:
            return which.THE_TALKS
        turns = await self.harness.stored_turns(int(self.channel))
        [turn] = [each for each in turns if str(each["turn_id"]) == message["id"]]
        if turn["pictures"]:
            return which.THE_GIVEN
        about = {self.posted[str(each["message_id"])] for each in turn.get("about", [])}
        return about.pop() if about else which.THE_TALKS

    async def command(self) -> Message:
        """Call the command; return its outcome, or what it says to the one who called it."""
        name = self.asker.removeprefix("/")
        options: list[dict[str, Any]] = {
            which.ASK: [option(TEXT, "question", QUESTION)],
            which.MATCH: [option(TEXT, "labels", ", ".join(CAPTIONS))],
        }.get(self.asker, [])
        given: Files = ()
        if self.place == which.GIVEN:
            options, given = [*options, option(FILE, "image", 0)], FILES[which.THE_GIVEN]
        start = len(self.ada.heard)
        await CommandCaller(self.ada).call(self.channel, name, *options, files=given)

        def shown(kind: str, data: dict[str, Any]) -> bool:
            if kind not in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} or data["channel_id"] != self.channel:
                return False
            done = data.get("interaction_metadata") and not data["flags"] & LOADING
            return bool(data["content"] and (done or data["flags"] & EPHEMERAL))

        return await self.ada.hear(shown, start=start)

    def picture_in(self, answer: Message) -> str:
        """Return which picture an answer is about: by its link, by a thread, or by the picture's caption."""
        for message_id in re.findall(r"\d{17,20}", answer["content"]):
            if message_id in self.posted:
                return self.posted[message_id]
        text = " ".join([answer["content"], *(each["description"] or "" for each in answer["attachments"])])
        found = {text.index(caption): shown for caption, shown in CAPTIONS.items() if caption in text}
        if found and "I see no picture" not in text:
            return found[min(found)]
        return which.NONE if "I see no picture" in text else text


def new_channel(harness: Harness) -> str:
    """Create a channel of the guild."""
    world = harness.pocket.world
    channel = Channel(id=world.snowflakes.next(), type=ChannelType.TEXT, name="case", guild_id=world.guild.id)
    world.save_channel(channel)
    return str(channel.id)


async def empty(harness: Harness, channel: str) -> None:
    """Delete all messages of a DM and its conversations."""
    for message in await channel_messages(harness, channel):
        if message["author"]["id"] == harness.ada.user["id"]:
            await harness.ada.request("DELETE", f"/channels/{channel}/messages/{message['id']}")
        else:
            record = harness.pocket.world.message(int(channel), int(message["id"]))
            assert record is not None
            harness.pocket.world.remove_message(record)
    await harness.all_closed()
    await delete_conversations(harness)


@pytest.mark.parametrize("redis_server", [*KINDS][:1], indirect=True, scope="session")
async def test_every_case_is_about_the_picture_that_the_table_says(harness: Harness) -> None:
    rates = harness.pocket.pocket.rates.rates
    rates.routes, rates.default, rates.global_limit = {}, (10_000, 1.0), (10_000, 1.0)
    cases = [
        (asker, place, newest, expected)
        for asker, places in which.TABLE.items()
        for place, row in places.items()
        for newest, expected in zip(which.NEWEST, row, strict=True)
        if expected != which.IMPOSSIBLE
    ]
    channels = {case: new_channel(harness) for case in cases if case[1] != which.DIRECT}
    wrong: dict[tuple[str, str, str, str], str] = {}
    free = asyncio.Semaphore(AT_A_TIME)

    async def check(case: tuple[str, str, str, str], channel: str) -> None:
        asker, place, newest, expected = case
        async with free:
            found = await Case(harness, asker, place, newest, channel).run()
        if found != expected:
            wrong[case] = found

    async with harness.worker(), chat_worker(harness), harness.bot():
        await asyncio.gather(*(check(case, channel) for case, channel in channels.items()))
        direct = await harness.ada.direct_channel()
        for case in cases:
            if case[1] == which.DIRECT:
                await check(case, direct)
                await empty(harness, direct)
    assert wrong == {}


def test_the_page_shows_the_table() -> None:
    command = "python -m tests.bot.images.which_picture docs/which-picture.md"
    assert which.PAGE.read_text() == which.page(), f"The cases have changed: run `{command}`."
