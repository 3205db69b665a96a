"""What a browser finds at the pocket Discord's address."""

import re

import aiohttp

from tests.bot.playground.conftest import Place
from tests.bot.playground.scenery import png


async def test_the_page_says_what_this_is_and_runs_nothing(place: Place, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{place.pocket.url}/") as answer:
        text = await answer.text()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in text
    assert "pocket Discord" in text
    assert 'href="/playground/session"' in text
    assert place.ada._authorization not in text


async def test_what_it_tells_one_to_type_posts_a_picture(place: Place, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{place.pocket.url}/") as answer:
        text = await answer.text()
    (address,) = set(re.findall(r"http://\S+/messages", text))
    async with http.get(f"{place.pocket.url}/playground/session") as answer:
        token = (await answer.json())["users"][0]["token"]
    form = aiohttp.FormData()
    form.add_field("files[0]", png(), filename="scene.png", content_type="image/png")
    async with http.post(address, data=form, headers={"Authorization": token}) as answer:
        assert answer.status == 200
        assert (await answer.json())["attachments"][0]["filename"] == "scene.png"


async def test_a_foreign_host_sees_no_page(place: Place, http: aiohttp.ClientSession) -> None:
    headers = {"Host": "elsewhere.example"}
    async with http.get(f"{place.pocket.url}/", headers=headers, allow_redirects=False) as answer:
        assert answer.status == 403
        assert "pocket" not in await answer.text()
