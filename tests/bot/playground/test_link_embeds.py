"""Pictures that a message shows by their address: links and embeds."""

import aiohttp

from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot
from tests.bot.playground.upload_files import png


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
