"""Fixtures: a pocket Discord with its users for each test, one browser for all page tests of a process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from bot.playground.server import PocketDiscord
from bot.playground.testing.observers import RestExchange
from tests.bot.playground.discord_py_client import Bot, running_bot
from tests.bot.playground.rest_client import Rest
from tests.browser import PHONE, browser_context, chromium
from tests.openapi import DESCRIPTION, Judge


@dataclass(frozen=True)
class Place:
    """A pocket Discord with a REST client for each of its users.

    Attributes:
        pocket: The server.
        ada: The admin, who owns the guild.
        ben: An ordinary member.
        bot: The bot.
        pictures: The path of the channel "pictures".
        general: The path of the channel "general".
        guild: The path of the guild.
    """

    pocket: PocketDiscord
    ada: Rest
    ben: Rest
    bot: Rest
    pictures: str
    general: str
    guild: str


@asynccontextmanager
async def judged_pocket(tmp_path: Path) -> AsyncIterator[PocketDiscord]:
    """Run a pocket Discord whose traffic is checked against Discord's description, where there is one."""
    async with PocketDiscord(tmp_path / "discord", port=0) as server:
        judge = Judge(requests=was_accepted) if DESCRIPTION.is_file() else None
        if judge is not None:
            server.observers.append(judge)
        yield server
        if judge is not None:
            assert judge.verdict() == ""


@pytest.fixture
async def pocket(tmp_path: Path) -> AsyncIterator[PocketDiscord]:
    async with judged_pocket(tmp_path) as server:
        yield server


def was_accepted(exchange: RestExchange) -> bool:
    """Tell whether to check a request. Refused ones are invalid on purpose."""
    return exchange.status < 300


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def place_of(pocket: PocketDiscord, http: aiohttp.ClientSession) -> Place:
    """Return a pocket Discord with its users."""
    world = pocket.world
    ada, ben = (each for each in world.users.values() if not each.bot)
    pictures, general = world.guild_channels(world.guild)
    return Place(
        pocket,
        Rest(http, pocket.api, ada.authorization),
        Rest(http, pocket.api, ben.authorization),
        Rest(http, pocket.api, world.bot.authorization),
        f"/channels/{pictures.id}",
        f"/channels/{general.id}",
        f"/guilds/{world.guild.id}",
    )


@pytest.fixture
def place(pocket: PocketDiscord, http: aiohttp.ClientSession) -> Place:
    return place_of(pocket, http)


@pytest.fixture
async def client(pocket: PocketDiscord) -> AsyncIterator[Bot]:
    async with running_bot(pocket) as bot:
        yield bot


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run one browser for all page tests of this process."""
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desktop(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Give a context with a wide window. Each test's page has an origin, and so a storage, of its own."""
    async with browser_context(browser) as context:
        yield context


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def phone_screen(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Give a context with a phone's narrow window."""
    async with browser_context(browser, PHONE) as context:
        yield context
