"""Guilds: joined, left, and a member removed from one."""

import aiohttp
import discord

from bot.playground import population
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot
from tests.bot.playground.rest_client import Rest


async def test_another_guild_can_be_joined_and_left(
    place: Place, client: Bot, http: aiohttp.ClientSession
) -> None:
    pocket = place.pocket.pocket
    await client.wait_until_ready()
    guild = population.add_guild(pocket, "elsewhere")
    await client.events.wait("joined", lambda each: each.id == guild.id)
    cleo = population.add_user(pocket, "cleo", guild)
    (channel,) = pocket.world.guild_channels(guild)
    cleos = Rest(http, place.pocket.api, cleo.authorization)
    await cleos.post(f"/channels/{channel.id}/messages", {"content": "hello"})
    assert (await client.events.wait("message")).guild.name == "elsewhere"
    assert await cleos.refused("GET", place.general) == (403, 50001)
    found = discord.utils.get(client.guilds, name="elsewhere")
    assert found is not None
    await found.leave()
    await client.events.wait("left", lambda each: each.id == guild.id)


async def test_a_bot_can_be_kicked(place: Place, client: Bot) -> None:
    await place.ada.delete(f"{place.guild}/members/{place.pocket.application_id}")
    await client.events.wait("left")
    assert await place.bot.refused("GET", place.general) == (403, 50001)
