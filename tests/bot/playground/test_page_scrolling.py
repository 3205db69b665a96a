"""The page's scrolling: one's own posts are shown, others' are told of while older ones are read."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from tests.bot.playground.page_visit import Visit, visiting
from tests.browser import channel, needs_chromium, send

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(desktop: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(desktop, tmp_path) as visit:
        yield visit


async def scroll_up(page: Page) -> None:
    """Scroll to the oldest messages, and wait until the page has noticed."""
    await (
        channel(page)
        .locator(".log")
        .evaluate(
            """log => new Promise((resolve) => {
            log.addEventListener("scroll", () => requestAnimationFrame(resolve), { once: true });
            log.scrollTop = 0;
        })"""
        )
    )


async def test_ones_own_posts_and_answers_are_followed(visit: Visit) -> None:
    await visit.post_many(50)
    await expect(visit.newest).to_be_in_viewport()
    await scroll_up(visit.page)
    await visit.text.fill("mine")
    await visit.text.press("Enter")
    await expect(visit.newest.locator(".content")).to_have_text("mine")
    await expect(visit.newest).to_be_in_viewport(ratio=1)
    await scroll_up(visit.page)
    await visit.open_form("now")
    await send(channel(visit.page))
    await expect(visit.newest.locator(".content")).to_have_text("at once")
    await expect(visit.newest).to_be_in_viewport(ratio=1)
    await expect(channel(visit.page).get_by_text("New messages", exact=True)).to_have_count(0)


async def test_new_messages_have_a_line_above_them_and_a_button_to_them(visit: Visit) -> None:
    pane = channel(visit.page)
    line, jump = pane.get_by_text("New messages", exact=True), pane.locator("button.jump")
    await visit.post_many(50)
    await expect(visit.newest).to_be_in_viewport()
    await visit.say("seen at once")
    await expect(visit.newest).to_be_in_viewport()
    await expect(line).to_have_count(0)
    await expect(jump).to_be_hidden()
    await scroll_up(visit.page)
    await expect(jump).to_have_text("To the newest message")
    first = await visit.say("first")
    await expect(jump).to_have_text("1 new message")
    await visit.say("second")
    await expect(jump).to_have_text("2 new messages")
    await expect(visit.newest).not_to_be_in_viewport()
    await jump.click()
    await expect(visit.newest).to_be_in_viewport(ratio=1)
    await expect(line).to_be_in_viewport()
    shown = pane.locator(f".message[data-id='{first['id']}']")
    await expect(pane.locator(".new-line + .message")).to_have_attribute("data-id", first["id"])
    await expect(shown).to_be_focused()
    await expect(jump).to_be_hidden()
    await visit.place.ben.delete(f"{visit.place.pictures}/messages/{first['id']}")
    await expect(pane.locator(".new-line + .message .content")).to_have_text("second")
    await visit.text.fill("an answer")
    await visit.text.press("Enter")
    await expect(visit.newest.locator(".content")).to_have_text("an answer")
    await expect(line).to_have_count(0)


async def test_an_unread_channel_opens_at_its_first_new_message(visit: Visit) -> None:
    pane = channel(visit.page)
    await visit.say("read")
    await visit.go("general")
    pictures = visit.page.get_by_role("link", name="# pictures (unread)")
    first = await visit.place.ben.post(f"{visit.place.pictures}/messages", {"content": "one\n" * 20})
    for text in ("two\n" * 20, "three"):
        await visit.place.ben.post(f"{visit.place.pictures}/messages", {"content": text})
    await pictures.click()
    await expect(pane.locator(".message")).to_have_count(4)
    await expect(pane.get_by_text("New messages", exact=True)).to_be_in_viewport()
    await expect(pane.locator(".new-line + .message")).to_have_attribute("data-id", first["id"])
    await expect(pane.locator("button.jump")).to_have_text("1 new message")
    await visit.go("general")
    await visit.go("pictures")
    await expect(visit.newest).to_be_in_viewport(ratio=1)
    await expect(pane.get_by_text("New messages", exact=True)).to_have_count(0)
