"""discord.py as a client: login, messages, intents."""

import io

import discord
import pytest

from bot.playground.discord_py_patch import discord_at
from bot.playground.server import PocketDiscord
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot, running_bot, text_channel


async def test_discord_py_logs_in_and_sees_the_guild(client: Bot, pocket: PocketDiscord) -> None:
    assert client.user is not None
    assert client.user.id == pocket.application_id
    assert [guild.name for guild in client.guilds] == [pocket.world.guild.name]
    assert client.application_flags.gateway_message_content_limited
    assert text_channel(client, "pictures").permissions_for(client.guilds[0].me).send_messages


async def test_discord_py_gets_a_members_message(client: Bot, place: Place) -> None:
    await place.ben.post(f"{place.pictures}/messages", {"content": "hello there"})
    message = await client.events.wait("message")
    assert message.content == "hello there"
    assert message.author.name == "ben"
    assert message.channel.name == "pictures"


async def test_discord_py_replies_with_a_file(client: Bot, place: Place) -> None:
    await place.ben.post(f"{place.pictures}/messages", {"content": "well?"})
    question = await client.events.wait("message")
    file = discord.File(io.BytesIO(b"a,b\n1,2\n"), "table.csv", description="two numbers")
    sent = await question.reply("here", file=file, mention_author=False)
    (read,) = await place.ben.get(f"{place.pictures}/messages?limit=1")
    assert read["id"] == str(sent.id)
    assert read["referenced_message"]["content"] == "well?"
    assert read["mentions"] == []
    assert read["attachments"][0]["description"] == "two numbers"
    assert await sent.attachments[0].read() == b"a,b\n1,2\n"


async def test_discord_py_edits_its_message(client: Bot, place: Place) -> None:
    sent = await text_channel(client, "general").send("one")
    await sent.edit(content="two")
    read = await place.ada.get(f"{place.general}/messages/{sent.id}")
    assert read["content"] == "two"
    assert read["edited_timestamp"] is not None


async def test_a_wrong_token_is_refused(pocket: PocketDiscord) -> None:
    with discord_at(pocket.api, pocket.gateway):
        async with discord.Client(intents=discord.Intents.none()) as client:
            with pytest.raises(discord.LoginFailure):
                await client.start("no such token")


async def test_an_intent_that_was_not_granted_is_refused(pocket: PocketDiscord) -> None:
    pocket.grant_message_content(False)
    with discord_at(pocket.api, pocket.gateway):
        async with discord.Client(intents=discord.Intents(message_content=True)) as client:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await client.start(pocket.bot_token)


async def test_without_the_intent_content_is_empty_but_for_mentions(
    pocket: PocketDiscord, place: Place
) -> None:
    pocket.grant_message_content(False)
    intents = discord.Intents(guilds=True, messages=True)
    async with running_bot(pocket, intents) as client:
        hidden = await place.ben.post(
            f"{place.pictures}/messages", {"content": "secret"}, files={"a.txt": b"a"}
        )
        message = await client.events.wait("message")
        assert (message.content, message.attachments) == ("", [])
        mention = f"<@{pocket.application_id}> look"
        await place.ben.post(f"{place.pictures}/messages", {"content": mention})
        assert (await client.events.wait("message", lambda each: each.content)).content == mention
        fetched = await place.bot.get(f"{place.pictures}/messages/{hidden['id']}")
        assert (fetched["content"], fetched["attachments"]) == ("", [])
