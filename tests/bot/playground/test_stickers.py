"""Stickers of a guild: created, sent, downloaded and deleted."""

import aiohttp
import discord

from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot
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


async def test_a_sticker_must_be_an_image(place: Place, http: aiohttp.ClientSession) -> None:
    assert (await made(place, http, b"words")).status == 400
