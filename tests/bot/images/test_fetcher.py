"""The fetcher: only Discord's hosts, and limits of size and time."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import yarl
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.images.fetcher import Fetcher
from inference.errors import NotAPicture, PictureGone, PictureTooLarge
from tests.bot.harness import picture

MAX_BYTES = 2**16


class FileServer:
    """A server of files, some without an end."""

    def __init__(self) -> None:
        self.sent = 0
        app = web.Application()
        app.router.add_get("/good.png", self._good)
        app.router.add_get("/endless.png", self._endless)
        app.router.add_get("/endless.txt", self._endless_text)
        app.router.add_get("/empty.png", self._empty)
        app.router.add_get("/elsewhere.png", self._elsewhere)
        app.router.add_get("/slow.png", self._slow)
        self.server = TestServer(app)

    async def _good(self, _: web.Request) -> web.Response:
        return web.Response(body=picture("a red circle"))

    async def _empty(self, _: web.Request) -> web.Response:
        return web.Response(body=b"")

    async def _elsewhere(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("/good.png")

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(picture("first"))
        assert request.transport is not None
        while not request.transport.is_closing():
            await response.write(b"")
            await _yield_to_loop()
        return response

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, picture("first"))

    async def _endless_text(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, b"only text")

    async def _stream(self, request: web.Request, first: bytes) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(first)
        while True:
            await response.write(bytes(4096))
            self.sent += 4096


async def _yield_to_loop() -> None:
    """Let other tasks run."""
    await asyncio.sleep(0.01)


@pytest.fixture
async def files() -> AsyncIterator[FileServer]:
    files = FileServer()
    async with files.server:
        yield files


@pytest.fixture
async def fetcher(files: FileServer) -> AsyncIterator[Fetcher]:
    async with aiohttp.ClientSession() as session:
        yield Fetcher(session, max_bytes=MAX_BYTES, timeout_s=5, only=files.server.make_url("/").origin())


async def test_a_picture_is_fetched_whole(fetcher: Fetcher, files: FileServer) -> None:
    assert await fetcher.fetch(str(files.server.make_url("/good.png"))) == picture("a red circle")


async def test_a_file_over_the_limit_is_not_read_further(fetcher: Fetcher, files: FileServer) -> None:
    with pytest.raises(PictureTooLarge) as caught:
        await fetcher.fetch(str(files.server.make_url("/endless.png")))
    assert caught.value.detail["limit"] == MAX_BYTES


async def test_a_file_that_is_no_picture_is_not_read_further(fetcher: Fetcher, files: FileServer) -> None:
    with pytest.raises(NotAPicture):
        await fetcher.fetch(str(files.server.make_url("/endless.txt")))


@pytest.mark.parametrize("path", ["/gone.png", "/elsewhere.png"])
async def test_a_missing_file_and_a_redirect_are_gone(fetcher: Fetcher, files: FileServer, path: str) -> None:
    with pytest.raises(PictureGone):
        await fetcher.fetch(str(files.server.make_url(path)))


async def test_an_empty_file_is_no_picture(fetcher: Fetcher, files: FileServer) -> None:
    with pytest.raises(NotAPicture):
        await fetcher.fetch(str(files.server.make_url("/empty.png")))


async def test_an_answer_without_an_end_times_out(files: FileServer) -> None:
    async with aiohttp.ClientSession() as session:
        only = files.server.make_url("/").origin()
        fetcher = Fetcher(session, max_bytes=MAX_BYTES, timeout_s=0.2, only=only)
        with pytest.raises(PictureGone):
            await fetcher.fetch(str(files.server.make_url("/slow.png")))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com:8443/a.png",
        "https://cdn.discordapp.com.example.com/a.png",
        "https://user@cdn.discordapp.com/a.png",
        "https://127.0.0.1/a.png",
        "file:///etc/passwd",
        "/a.png",
        "",
    ],
)
async def test_other_hosts_are_refused(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        fetcher = Fetcher(session, max_bytes=MAX_BYTES, timeout_s=5)
        with pytest.raises(NotAPicture):
            await fetcher.fetch(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.discordapp.com/attachments/1/2/a.png?ex=1&is=2&hm=3",
        "https://media.discordapp.net/attachments/1/2/a.png",
        "https://images-ext-1.discordapp.net/external/x/https/example.com/a.png",
    ],
)
async def test_discords_hosts_are_accepted(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        assert Fetcher(session, max_bytes=MAX_BYTES, timeout_s=5)._is_discord(yarl.URL(url))


async def test_a_declared_size_over_the_limit_is_refused(fetcher: Fetcher) -> None:
    fetcher.check_size(None)
    fetcher.check_size(MAX_BYTES)
    with pytest.raises(PictureTooLarge):
        fetcher.check_size(MAX_BYTES + 1)
