"""Pictures of commands: the copy in the reply, and pictures whose address has expired."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import aiohttp
import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from bot.formatting.errors import error_sentence
from bot.images.fetcher import Fetcher
from inference.errors import PictureGone
from inference.queue.client import InferenceClient
from inference.schema import Picture, Task
from tests.bot.command_calls import FILE, TEXT, CommandCaller, option
from tests.bot.harness import Harness
from tests.inference.fake_engine import ColourEngine
from tests.inference.image_files import encode, near, plain
from tests.inference.worker_harness import BLUE, settings, working

MAKER, DAY = "Camera of Ada", "2026:11:23"
COMMANDS = {
    "ask": [option(TEXT, "question", "what?")],
    "describe": [],
    "match": [option(TEXT, "labels", "red, blue")],
}


def exif() -> Image.Exif:
    """Make metadata with a camera, a date and a place."""
    made = Image.Exif()
    made[Base.Make] = MAKER
    made[Base.DateTime] = f"{DAY} 12:00:00"
    made.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (48.0, 51.0, 29.6)
    made.get_ifd(IFD.GPSInfo)[GPS.GPSDateStamp] = DAY
    return made


def photograph(kind: str) -> bytes:
    """Make a blue picture with metadata."""
    comment = {"comment": MAKER.encode()} if kind == "JPEG" else {}
    return encode(plain("blue", (64, 32)), kind, exif=exif(), **comment)


@asynccontextmanager
async def running_bot(harness: Harness) -> AsyncIterator[None]:
    engines = dict.fromkeys(get_args(Task), ColourEngine())
    async with working(settings(harness.redis_url), engines), harness.bot():
        yield


async def reply_files(harness: Harness, name: str, data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Call a command with a picture; return the files of the reply."""
    engines = dict.fromkeys(get_args(Task), ColourEngine())
    caller, image = CommandCaller(harness.ada), option(FILE, "image", 0)
    async with (
        working(settings(harness.redis_url), engines),
        harness.bot(),
        aiohttp.ClientSession() as http,
    ):
        await caller.call(harness.general, name, *COMMANDS[name], image, files=[("a.jpg", data)])
        done = await caller.outcome(await caller.placeholder(harness.general))
        return [(each, await (await http.get(each["url"])).read()) for each in done["attachments"]]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "HEIF"])
async def test_the_copy_is_a_jpeg_without_metadata(harness: Harness, name: str, kind: str) -> None:
    data = photograph(kind)
    assert MAKER.encode() in data
    assert DAY.encode() in data
    [(file, jpeg)] = await reply_files(harness, name, data)
    assert file["filename"] == "picture.jpg"
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 32))
        assert near(picture.getpixel((30, 15)), (0, 0, 255))
        assert dict(picture.getexif()) == {}
        assert not {"comment", "exif", "xmp"} & picture.info.keys()
    for secret in (MAKER.encode(), DAY.encode(), b"Exif"):
        assert secret not in jpeg


@pytest.mark.parametrize("name", COMMANDS)
async def test_without_a_copy_the_reply_has_no_file(
    harness: Harness, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_client: InferenceClient, _picture: Picture) -> bytes:
        raise PictureGone

    monkeypatch.setattr(InferenceClient, "picture", gone)
    assert await reply_files(harness, name, photograph("JPEG")) == []


@pytest.mark.parametrize("name", COMMANDS)
async def test_an_expired_address_is_fetched_again(
    harness: Harness, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, urls = Fetcher.fetch, list[str]()

    async def expired_once(self: Fetcher, url: str) -> bytes:
        urls.append(url)
        if len(urls) == 1:
            raise PictureGone
        return await fetch(self, url)

    monkeypatch.setattr(Fetcher, "fetch", expired_once)
    caller = CommandCaller(harness.ada)
    await harness.ada.post(harness.general, files=[("a.png", BLUE)])
    async with running_bot(harness):
        await caller.call(harness.general, name, *COMMANDS[name])
        done = await caller.outcome(await caller.placeholder(harness.general))
    assert "blue" in done["content"]
    assert len(urls) == 2


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_message_deleted_meanwhile_is_refused(
    harness: Harness, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = CommandCaller(harness.ada)
    posted = await harness.ada.post(harness.general, files=[("a.png", BLUE)])

    async def expired(_: Fetcher, __: str) -> bytes:
        await harness.ada.request("DELETE", f"/channels/{harness.general}/messages/{posted['id']}")
        raise PictureGone

    monkeypatch.setattr(Fetcher, "fetch", expired)
    async with running_bot(harness):
        await caller.call(harness.general, name, *COMMANDS[name])
        await caller.wait_deleted(await caller.placeholder(harness.general))
        assert (await caller.refusal())["content"] == error_sentence(PictureGone())
