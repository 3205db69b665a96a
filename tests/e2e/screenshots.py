"""`python -m tests.e2e.screenshots docs/screenshots`: the README's pictures, from a stack in a browser."""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser import (
    CHROMIUM,
    PATIENCE,
    PHONE,
    channel,
    chromium,
    command,
    opened,
    payload,
    pick,
    send,
    thread,
)
from tests.e2e.scenes import Thing, draw
from tests.e2e.stack import Stack, running

WINDOW = (1240, 660)
SCENES = (
    [Thing("red", "circle", 0.3, 0.3, 0.18), Thing("blue", "square", 0.7, 0.68, 0.2)],
    [Thing("green", "triangle", 0.5, 0.5, 0.3)],
    [
        Thing("yellow", "circle", 0.25, 0.7, 0.16),
        Thing("purple", "square", 0.72, 0.72, 0.16),
        Thing("black", "triangle", 0.5, 0.25, 0.17),
    ],
)
COMPARED = (
    *SCENES[:2],
    [Thing("purple", "square", 0.3, 0.68, 0.19), Thing("black", "triangle", 0.68, 0.32, 0.2)],
)
LABELS = (
    "a green triangle, a red circle and a blue square, a purple square and a black triangle, a white circle"
)


async def caption(page: Page) -> None:
    """Post pictures and wait for their captions."""
    pane = channel(page)
    await pick(pane, *(draw(each) for each in SCENES))
    await send(pane)
    await expect(pane.locator(".message").last.locator("ol > li")).to_have_count(
        len(SCENES), timeout=PATIENCE
    )


async def match(page: Page) -> None:
    """Call /match, and wait for the matrix."""
    pane = channel(page)
    form = await command(pane, "match")
    await form.get_by_role("textbox", name="labels").fill(LABELS)
    pictures = [payload(number, draw(each)) for number, each in enumerate(COMPARED, 1)]
    await form.locator("[data-option=image] input").set_input_files(pictures)
    await send(pane)
    matrix = pane.locator(".message").last.get_by_role("img", name="Best label of picture 1")
    await expect(matrix).to_be_visible(timeout=PATIENCE)


async def talk(page: Page) -> None:
    """Talk about a picture in a thread, for three turns."""
    pane, beside = channel(page), thread(page)
    await pick(pane, draw(SCENES[0]))
    await send(pane)
    await pane.locator(".message").last.get_by_role("button", name="Talk about it").click()
    await pane.locator(".ephemeral").last.get_by_role("link").first.click()
    await _answered(page, 2)
    for number, question in enumerate(("what color is the circle?", "what shape is the blue object?"), 2):
        await beside.get_by_role("textbox", name="Message").fill(question)
        await send(beside)
        await _answered(page, 2 * number)
    await pane.get_by_role("button", name="Dismiss message").click()
    await expect(pane.locator(".ephemeral")).to_have_count(0)


async def _answered(page: Page, messages: int) -> None:
    """Wait until the last of so many messages in the thread is a whole answer."""
    await expect(thread(page).locator(".message")).to_have_count(messages, timeout=PATIENCE)
    again = thread(page).locator(".message").last.get_by_role("button", name="Regenerate")
    await expect(again).to_be_visible(timeout=PATIENCE)
    # The answer before it loses its buttons a moment later.
    await expect(thread(page).get_by_role("button", name="Regenerate")).to_have_count(1, timeout=PATIENCE)


async def shoot(page: Page, file: Path) -> None:
    """Take a screenshot once all images are loaded, with the mouse outside of the page."""
    await page.mouse.move(0, 0)
    await page.evaluate("document.activeElement?.blur()")
    await page.wait_for_function("[...document.images].every((each) => each.complete)")
    await page.screenshot(path=file)


async def shoot_all(stack: Stack, folder: Path) -> None:
    """Take all screenshots."""
    async with chromium() as browser:
        async with opened(browser, stack.address, WINDOW, "dark") as page:
            await caption(page)
            await shoot(page, folder / "caption.png")
        async with opened(browser, stack.address, PHONE, "light") as page:
            await shoot(page, folder / "phone.png")
        async with opened(browser, stack.address, WINDOW, "light") as page:
            await shoot(page, folder / "caption-light.png")
            await match(page)
            await shoot(page, folder / "matrix.png")
        async with opened(browser, stack.address, WINDOW, "dark") as page:
            await talk(page)
            await shoot(page, folder / "thread.png")


async def main(folder: Path) -> None:
    """Run the stack and take the screenshots."""
    with tempfile.TemporaryDirectory() as data:
        async with running(Path(data)) as stack:
            await shoot_all(stack, folder)


if __name__ == "__main__":
    if CHROMIUM is None:
        sys.exit("Chromium is not installed. On Debian or Ubuntu: apt install chromium")
    asyncio.run(main(Path(sys.argv[1])))
