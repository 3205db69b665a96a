"""The scene gallery: random scenes, drawn by a child process."""

import base64
import io

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from bot.playground import gallery
from inference.sandbox.child import ChildLimits
from tests.bot.playground.conftest import Place


async def test_scenes_are_pictures_with_what_is_in_them(place: Place, http: aiohttp.ClientSession) -> None:
    address = f"{place.pocket.url}/playground/scenes?seed=7&count=3"
    async with http.get(address) as answer:
        assert answer.content_type == "application/json"
        drawn = (await answer.json())["scenes"]
    assert len(drawn) == 3
    for scene in drawn:
        assert scene["caption"].split()[-1].rstrip("s") in {"circle", "square", "triangle"}
        with Image.open(io.BytesIO(base64.b64decode(scene["png"]))) as picture:
            assert (picture.format, max(picture.size)) == ("PNG", gallery.PIXELS)
    async with http.get(address) as answer:
        assert (await answer.json())["scenes"] == drawn


async def test_scenes_are_fresh_each_time(place: Place, http: aiohttp.ClientSession) -> None:
    seen = []
    for _ in range(2):
        async with http.get(f"{place.pocket.url}/playground/scenes?count=1") as answer:
            seen.append((await answer.json())["scenes"][0]["png"])
    assert seen[0] != seen[1]


@pytest.mark.parametrize(
    "query", ["count=0", "count=13", "count=-1", "count=two", "seed=1e3", "count=" + "9" * 99]
)
async def test_a_wrong_number_is_refused(place: Place, http: aiohttp.ClientSession, query: str) -> None:
    async with http.get(f"{place.pocket.url}/playground/scenes?{query}") as answer:
        assert answer.status == 400
        assert "must be a number from" in await answer.text()


async def test_a_drawing_that_fails_is_answered_with_the_reason() -> None:
    app = web.Application()
    gallery.add_to(app, ChildLimits(seconds=20, memory=2**30, answer=10))
    async with TestClient(TestServer(app)) as client, client.get("/playground/scenes") as answer:
        assert answer.status == 503
        assert (await answer.json())["message"] == gallery.DRAWING_FAILED
