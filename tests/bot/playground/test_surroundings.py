"""What else messages carry and servers have: stickers, links that show pictures, more servers."""

from pathlib import Path

import aiohttp
import discord

from bot.playground import population
from bot.playground.server import PocketDiscord
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot
from tests.bot.playground.rest_client import Rest
from tests.bot.playground.upload_files import png


async def made(place: Place, http: aiohttp.ClientSession, data: bytes) -> aiohttp.ClientResponse:
    form = aiohttp.FormData({"name": "dot", "description": "a dot", "tags": "dot"})
    form.add_field("file", data, filename="dot.png", content_type="image/png")
    owner = next(each for each in place.pocket.world.users.values() if each.username == "ada")
    headers = {"Authorization": owner.authorization}
    async with http.post(f"{place.pocket.api}{place.guild}/stickers", data=form, headers=headers) as answer:
        await answer.read()
        return answer


async def test_a_sticker_is_made_sent_and_downloaded(
    place: Place, client: Bot, http: aiohttp.ClientSession
) -> None:
    answer = await made(place, http, png())
    assert answer.status == 201
    sticker = await answer.json()
    await place.ben.post(f"{place.general}/messages", {"sticker_ids": [sticker["id"]]})
    message = await client.events.wait("message")
    (item,) = message.stickers
    assert (item.name, item.format) == ("dot", discord.StickerFormatType.png)
    assert await item.read() == png()
    assert (await item.fetch()).description == "a dot"
    await place.ada.delete(f"{place.guild}/stickers/{sticker['id']}")
    assert await place.ben.refused("GET", f"/stickers/{sticker['id']}") == (404, 10060)


async def test_a_sticker_is_a_picture(place: Place, http: aiohttp.ClientSession) -> None:
    assert (await made(place, http, b"words")).status == 400


async def test_a_link_to_a_picture_shows_it_a_moment_later(place: Place, client: Bot) -> None:
    sent = await place.ada.post(f"{place.general}/messages", {}, files={"a.png": png(), "b.txt": b"b"})
    picture, text = (each["url"] for each in sent["attachments"])
    linked = await place.ben.post(f"{place.general}/messages", {"content": f"see {picture} and {text}"})
    assert linked["embeds"] == []
    edited = await client.events.wait("message_edit", lambda each: each.id == int(linked["id"]))
    (embed,) = edited.embeds
    assert (embed.type, embed.thumbnail.width, embed.thumbnail.height) == ("image", 3, 2)
    assert embed.thumbnail.proxy_url.startswith(f"{place.pocket.url}/media/attachments/")
    hidden = await place.ben.post(f"{place.general}/messages", {"content": f"<{picture}>"})
    assert (await place.ben.get(f"{place.general}/messages/{hidden['id']}"))["embeds"] == []


async def test_an_embeds_picture_is_shown_by_its_address(place: Place, http: aiohttp.ClientSession) -> None:
    sent = await place.ada.post(f"{place.general}/messages", {}, files={"a.png": png()})
    embeds = [
        {"image": {"url": sent["attachments"][0]["url"]}},
        {"image": {"url": "https://elsewhere.example/x.png"}},
    ]
    ours, theirs = (await place.ben.post(f"{place.general}/messages", {"embeds": embeds}))["embeds"]
    assert (ours["image"]["width"], ours["image"]["height"]) == (3, 2)
    async with http.get(ours["image"]["proxy_url"]) as answer:
        assert await answer.read() == png()
    async with http.get(theirs["image"]["proxy_url"]) as answer:
        assert answer.status == 404


async def test_another_server_can_be_joined_and_left(
    place: Place, client: Bot, http: aiohttp.ClientSession
) -> None:
    pocket = place.pocket.pocket
    await client.wait_until_ready()
    guild = population.add_guild(pocket, "elsewhere")
    await client.events.wait("joined", lambda each: each.id == guild.id)
    cleo = population.add_person(pocket, "cleo", guild)
    (channel,) = pocket.world.guild_channels(guild)
    cleos = Rest(http, place.pocket.api, cleo.authorization)
    await cleos.post(f"/channels/{channel.id}/messages", {"content": "hello"})
    assert (await client.events.wait("message")).guild.name == "elsewhere"
    assert await cleos.refused("GET", place.general) == (403, 50001)
    found = discord.utils.get(client.guilds, name="elsewhere")
    assert found is not None
    await found.leave()
    await client.events.wait("left", lambda each: each.id == guild.id)


async def test_a_bot_can_be_put_out(place: Place, client: Bot) -> None:
    await place.ada.delete(f"{place.guild}/members/{place.pocket.application_id}")
    await client.events.wait("left")
    assert await place.bot.refused("GET", place.general) == (403, 50001)


async def test_bound_everywhere_it_names_itself_by_its_own_address(tmp_path: Path) -> None:
    async with PocketDiscord(tmp_path, host="0.0.0.0", port=0) as pocket:  # noqa: S104
        assert pocket.url == f"http://127.0.0.1:{pocket.port}"
