"""The page opened in a browser, with a pocket Discord and the example application behind it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import discord
from playwright.async_api import BrowserContext, Locator, Page, Route

from bot.playground.state.records import Message
from tests.bot.playground.conftest import Place, judged_pocket, place_of
from tests.bot.playground.discord_py_client import Bot, running_bot
from tests.bot.playground.example_application import example_commands
from tests.browser import channel, opened_in, send

READING_DELAY_MS = 2_000
"""More than the page waits until it announces a message."""


@dataclass(frozen=True)
class Visit:
    """The page, opened as Ada, the admin.

    Attributes:
        page: The page.
        place: The pocket Discord behind it.
        bot: The example application.
    """

    page: Page
    place: Place
    bot: Bot

    @property
    def text(self) -> Locator:
        """Return the channel's message box."""
        return channel(self.page).locator(".composer textarea")

    @property
    def newest(self) -> Locator:
        """Return the channel's last message."""
        return channel(self.page).locator(".message").last

    async def pass_reading_delay(self) -> None:
        """Let the time pass after which the page announces a message that no longer changes.

        The page's clock must have been installed before the page was loaded.
        """
        await self.page.clock.run_for(READING_DELAY_MS)

    @property
    def heard(self) -> Locator:
        """Return the lines that were announced to screen readers."""
        return self.page.locator("#announcer p")

    async def say(self, text: str, **more: Any) -> Any:
        """Post a message of Ben's in the first channel, and return it once the page shows it."""
        said = await self.place.ben.post(f"{self.place.pictures}/messages", {"content": text} | more)
        await self.page.locator(f".message[data-id='{said['id']}']").wait_for()
        return said

    async def shown(self, message: discord.Message) -> Locator:
        """Return the element of a bot's message once the page shows it."""
        found = self.page.locator(f".message[data-id='{message.id}']")
        await found.wait_for()
        return found

    async def open_form(self, name: str) -> Locator:
        """Open a command's form from the message box, and return it."""
        await self.text.fill(f"/{name}")
        await self.text.press("Enter")
        form = channel(self.page).get_by_role("group", name=f"/{name}")
        await form.wait_for()
        return form

    async def post_many(self, count: int) -> list[int]:
        """Store messages of Ben's in the first channel, reload the page and return their ids.

        They are stored without the events that posting them one after the other would send.
        """
        world = self.place.pocket.world
        ben = next(each.id for each in world.users.values() if each.username == "ben")
        pictures = int(self.place.pictures.removeprefix("/channels/"))
        ids = [world.snowflakes.next() for _ in range(count)]
        for number, message_id in enumerate(ids):
            world.save_message(
                Message(id=message_id, channel_id=pictures, author_id=ben, content=f"m{number}")
            )
        await self.page.reload()
        return ids

    async def show(self) -> Locator:
        """Call /show, which posts buttons and selects, and return the message."""
        await self.open_form("show")
        await send(channel(self.page))
        await self.newest.get_by_role("button", name="Again").wait_for()
        return self.newest

    async def go(self, name: str) -> None:
        """Go to another channel by its link."""
        await self.page.get_by_role("link", name=f"# {name}").click()
        await channel(self.page).get_by_role("heading", name=name).wait_for()


@asynccontextmanager
async def visiting(
    context: BrowserContext,
    folder: Path,
    before: Callable[[Page], Awaitable[None]] | None = None,
) -> AsyncIterator[Visit]:
    """Open the page of a new pocket Discord. `before` is called before anything is loaded."""
    async with (
        judged_pocket(folder) as pocket,
        aiohttp.ClientSession() as http,
        running_bot(pocket) as bot,
    ):
        await example_commands(bot).sync()
        async with opened_in(context, pocket.url, before) as page:
            yield Visit(page, place_of(pocket, http), bot)


class Gate:
    """Delays requests, or their answers, until it is opened."""

    def __init__(self, *, method: str = "GET", answered: bool = False) -> None:
        """Make a closed gate for requests with a method. With `answered` it delays their answers instead."""
        self._method = method
        self._answered = answered
        self._open = asyncio.Event()
        self._reached = asyncio.Event()

    async def hold(self, route: Route) -> None:
        """Handle a request of a Playwright route."""
        if route.request.method != self._method:
            await route.continue_()
            return
        answer = await route.fetch() if self._answered else None
        self._reached.set()
        await self._open.wait()
        if answer is None:
            await route.continue_()
        else:
            await route.fulfill(response=answer)

    async def reached(self) -> None:
        """Wait until a request is delayed."""
        await self._reached.wait()

    def open(self) -> None:
        """Continue the delayed requests, and all later ones."""
        self._open.set()
