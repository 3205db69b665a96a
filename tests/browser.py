"""A real browser for the tests of the page: Debian's Chromium, controlled through Playwright."""

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The shell, a Chromium without windows, takes a third of the time; either runs the tests."""

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None,
    reason="Chromium is not installed. On Debian or Ubuntu: apt install chromium-headless-shell, or chromium",
)

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 60_000
"""Milliseconds until an action or an expectation on the page fails: models may answer in between."""

expect.set_options(timeout=PATIENCE)

WIDE, PHONE = (1280, 860), (390, 844)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a headless browser until the block ends."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def browser_context(
    browser: Browser,
    size: tuple[int, int] = WIDE,
    scheme: Literal["light", "dark"] = "dark",
    scale: float = 1,
) -> AsyncIterator[BrowserContext]:
    """Make a context, which has cookies and storage of its own, until the block ends."""
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=scale
    )
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        await context.close()


@asynccontextmanager
async def opened_in(
    context: BrowserContext, address: str, before: Callable[[Page], Awaitable[None]] | None = None
) -> AsyncIterator[Page]:
    """Open the page as on a first visit; the test fails where the page logs an error while it is open.

    Tests may share a context one after the other, which takes half of the time of a context each: the storage
    of `address` is emptied first, and pages that the test before left are closed.

    `before` prepares the page before anything is loaded.
    """
    left = list(context.pages)
    page = await context.new_page()
    failed: list[str] = []
    asked: set[str] = set()
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("console", lambda line: failed.append(line.text) if _is_failure(line) else None)
    page.on("request", lambda request: asked.add(request.url))
    try:
        session = await context.new_cdp_session(page)
        await session.send("Storage.clearDataForOrigin", {"origin": address, "storageTypes": "all"})
        await session.detach()
        if before is not None:
            await before(page)
        await page.goto(address)
        await channel(page).get_by_role("heading", name="pictures").wait_for()
        for each in left:
            await each.close()
        yield page
    finally:
        for each in context.pages:
            if each is not page:
                await each.close()
        # The page stays open on a file without scripts. Closing the last page would end the process that
        # renders it, and the next test would wait for another to start.
        await page.unroute_all(behavior="ignoreErrors")
        await page.goto(f"{address}/page/eye.svg")
    assert failed == []
    elsewhere = [url for url in asked if not url.startswith((address, "blob:"))]
    assert elsewhere == []


@asynccontextmanager
async def opened(
    browser: Browser,
    address: str,
    size: tuple[int, int] = WIDE,
    scheme: Literal["light", "dark"] = "dark",
    scale: float = 1,
    before: Callable[[Page], Awaitable[None]] | None = None,
) -> AsyncIterator[Page]:
    """Open the page in a context of its own, as `opened_in` does."""
    async with (
        browser_context(browser, size, scheme, scale) as context,
        opened_in(context, address, before) as page,
    ):
        yield page


def _is_failure(line: Any) -> bool:
    """Tell whether a console line is an error, other than an API error that the page shows."""
    refused = re.search(r"the server responded with a status of 4\d\d", line.text)
    return line.type == "error" and refused is None


def channel(page: Page) -> Locator:
    """Return the channel's pane."""
    return page.locator("#channel")


def thread(page: Page) -> Locator:
    """Return the thread's pane."""
    return page.locator("#thread")


async def pick(pane: Locator, *pictures: bytes) -> None:
    """Choose files with the pane's file input."""
    await pane.get_by_label("Pictures to post", exact=True).set_input_files(
        [payload(number, data) for number, data in enumerate(pictures, 1)]
    )


def payload(number: int, data: bytes) -> Any:
    """Return a file for Playwright's `set_input_files`."""
    return {"name": f"scene{number}.png", "mimeType": "image/png", "buffer": data}


async def send(pane: Locator) -> None:
    """Press the send button."""
    await pane.get_by_role("button", name="Send").click()


async def answered(pane: Locator, *pictures: bytes) -> Locator:
    """Post pictures and return the bot's answer, which is the next message, once it is there."""
    alt = f"scene {uuid4().hex}"
    await pick(pane, *pictures)
    await pane.get_by_label("Alt text of scene1.png").fill(alt)
    await send(pane)
    post = pane.locator(".message").filter(has=pane.page.get_by_alt_text(alt))
    answer = post.locator("xpath=following::*[contains(concat(' ', @class, ' '), ' message ')][1]")
    await answer.wait_for()
    return answer


async def command(pane: Locator, name: str) -> Locator:
    """Choose a command in the command picker, and return its form."""
    await pane.get_by_role("textbox", name="Message").press_sequentially(f"/{name}")
    await pane.get_by_role("option", name=f"/{name}").first.click()
    form = pane.get_by_role("group", name=f"/{name}")
    await form.wait_for()
    return form


async def act_as(page: Page, name: str) -> None:
    """Switch to another user."""
    await page.get_by_label("You are").select_option(label=name)
    await page.get_by_role("navigation").get_by_text(name.partition(" ")[0], exact=True).wait_for()


async def complaints(page: Page) -> list[str]:
    """Return the accessibility violations that axe finds, of all its rules and impacts."""
    from axe_playwright_python.async_playwright import Axe  # noqa: PLC0415 - reads its script when imported

    found = await Axe().run(page)
    return [
        f"{each['id']}: {node['html']}" for each in found.response["violations"] for node in each["nodes"]
    ]
