"""Attachments: signed URLs, content types, image sizes, alt text."""

import io
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from bot.playground.messages.attachments import safe_name
from bot.playground.server import PocketDiscord
from bot.playground.state import image_headers
from tests.bot.playground.conftest import Place
from tests.bot.playground.upload_files import NO_PICTURE, png


def encoded(kind: str, size: tuple[int, int] = (37, 21)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"])
def test_a_pictures_size_is_in_its_header(kind: str) -> None:
    assert image_headers.size(encoded(kind)) == (37, 21)


def test_lossless_webp_too() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (300, 5)).save(out, "WEBP", lossless=True)
    assert image_headers.size(out.getvalue()) == (300, 5)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"])
def test_a_truncated_image_header_gives_no_size(kind: str) -> None:
    data = encoded(kind)
    sizes = {image_headers.size(data[:length]) for length in range(min(len(data), 400))}
    assert sizes <= {None, (37, 21)}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a cat.png", "a_cat.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\x.png", "x.png"),
        ("größe.png", "gre.png"),
        (".bashrc", "bashrc"),
        ("???", "file"),
    ],
)
def test_file_names_are_made_safe(name: str, kept: str) -> None:
    assert safe_name(name) == kept


async def test_a_picture_is_served_as_it_is(place: Place, http: aiohttp.ClientSession) -> None:
    files = {"dot.png": png(), "fake.png": NO_PICTURE, "page.html": b"<script>alert(1)</script>"}
    sent = await place.ben.post(f"{place.pictures}/messages", {}, files=files)
    picture, fake, page = sent["attachments"]
    assert (picture["width"], picture["height"], picture["content_type"]) == (3, 2, "image/png")
    assert "width" not in fake
    assert fake["content_type"] == "image/png"
    async with http.get(picture["url"]) as answer:
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert await answer.read() == png()
    async with http.get(picture["proxy_url"] + "width=100&height=50&format=webp") as answer:
        assert await answer.read() == png()
    for each in (fake, page):
        async with http.get(each["url"]) as answer:
            assert answer.content_type == "application/octet-stream"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Disposition"] == "attachment"


async def test_addresses_are_signed_and_expire(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    now = 1_800_000_000.0
    async with PocketDiscord(tmp_path, port=0, clock=lambda: now) as pocket:
        people = [each for each in pocket.world.users.values() if not each.bot]
        headers = {"Authorization": people[0].authorization}
        channel = pocket.world.guild_channels(pocket.world.guild)[0].id
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("files[0]", b"abc", filename="a.txt")
        path = f"{pocket.api}/channels/{channel}/messages"
        async with http.post(path, data=form, headers=headers) as answer:
            message = await answer.json()
        url = message["attachments"][0]["url"]

        async def status(address: str) -> int:
            async with http.get(address) as answer:
                return answer.status

        assert await status(url) == 200
        assert await status(url.replace("hm=", "hm=0")) == 404
        assert await status(url.replace("hm=", "hm=ü")) == 404
        assert await status(f"{pocket.url}/stickers/{'1' * 5000}.png") == 404
        assert await status(url.replace("a.txt", "b.txt")) == 404
        assert await status(url.split("?")[0]) == 404
        now += 24 * 60 * 60 + 1
        assert await status(url) == 404
        async with http.get(f"{path}/{message['id']}", headers=headers) as answer:
            fresh = (await answer.json())["attachments"][0]["url"]
        assert await status(fresh) == 200


async def test_deleting_a_message_deletes_its_files(place: Place, http: aiohttp.ClientSession) -> None:
    sent = await place.ben.post(f"{place.general}/messages", {}, files={"a.png": png()})
    await place.ben.delete(f"{place.general}/messages/{sent['id']}")
    async with http.get(sent["attachments"][0]["url"]) as answer:
        assert answer.status == 404


async def test_a_spoiler_is_marked(place: Place) -> None:
    body = {"attachments": [{"id": "0", "filename": "SPOILER_a.png"}]}
    sent = await place.ben.post(f"{place.general}/messages", body, files={"a.png": png()})
    assert sent["attachments"][0]["filename"] == "SPOILER_a.png"


async def test_each_user_has_a_default_avatar(place: Place, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{place.pocket.url}/embed/avatars/3.png") as answer:
        assert answer.content_type == "image/png"
        assert image_headers.size(await answer.read()) == (64, 64)
