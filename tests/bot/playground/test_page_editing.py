"""The page's editing: from the menu and with the arrow key, one's own messages and no others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.bot.playground.page_visit import Visit, visiting
from tests.bot.playground.upload_files import png
from tests.browser import act_as, channel, needs_chromium, pick, send, thread

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(desktop: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(desktop, tmp_path) as visit:
        yield visit


async def test_a_message_is_edited_from_its_menu(visit: Visit) -> None:
    page, bot = visit.page, visit.place.pocket.world.bot
    ada = next(each for each in visit.place.pocket.world.users.values() if each.username == "ada")
    # The owner may delete what others write, and not edit it.
    await visit.say("of Ben's")
    await visit.newest.click(button="right")
    await page.get_by_role("menuitem", name="Delete message").wait_for()
    await expect(page.get_by_role("menuitem", name="Edit message")).to_have_count(0)
    await page.keyboard.press("Escape")
    for text in ("first", "what color is it, @Beholder?"):
        await visit.text.fill(text)
        await visit.page.keyboard.press("Escape")
        await visit.text.press("Enter")
        await expect(visit.newest.locator(".content")).to_have_text(text)
    await visit.newest.get_by_role("button", name="More").press("Enter")
    await page.get_by_role("menuitem", name="Edit message").press("Enter")
    box = visit.newest.get_by_role("textbox", name="Edit message")
    await expect(box).to_be_focused()
    await expect(box).to_have_value("what color is it, @Beholder?")
    await box.fill("what shape is it, ")
    await page.keyboard.type("@Beh")
    await visit.newest.get_by_role("option", name="@Beholder").first.click()
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("And why?")
    await visit.place.ben.post(f"{visit.place.pictures}/messages", {"content": "meanwhile"})
    await expect(visit.newest.locator(".content")).to_have_text("meanwhile")
    async with page.expect_request(lambda request: request.method == "PATCH") as patch:
        await page.keyboard.press("Enter")
    sent = await patch.value
    assert sent.headers["authorization"] == ada.token
    assert sent.post_data_json == {"content": f"what shape is it, <@{bot.id}> \nAnd why?"}
    edited = channel(page).locator(".message").nth(2)
    await expect(edited.locator(".content")).to_have_text("what shape is it, @Beholder\nAnd why?")
    await expect(edited.get_by_text("(edited)")).to_be_in_viewport(ratio=1)
    await expect(channel(page).get_by_text("(edited)")).to_have_count(1)
    await expect(visit.text).to_be_focused()
    heard = await visit.bot.events.wait("message_edit")
    assert heard.content == f"what shape is it, <@{bot.id}> \nAnd why?"


async def test_the_arrow_key_edits_the_last_message_of_ones_own(visit: Visit) -> None:
    page, pane = visit.page, channel(visit.page)
    await visit.text.press("ArrowUp")
    await expect(visit.text).to_be_focused()
    await pick(pane, png())
    await visit.text.fill("mine")
    await send(pane)
    await expect(visit.newest.locator(".content")).to_have_text("mine")
    await visit.say("not mine")
    await visit.text.press("ArrowUp")
    mine, box = pane.locator(".message").first, pane.get_by_role("textbox", name="Edit message")
    await expect(mine.get_by_role("textbox", name="Edit message")).to_be_focused()
    await box.fill("called off")
    await page.keyboard.press("Escape")
    await expect(box).to_have_count(0)
    await expect(mine.locator(".content")).to_have_text("mine")
    await expect(visit.text).to_be_focused()
    await page.keyboard.press("ArrowUp")
    refused = {"message": "Not now"}
    await page.route("**/messages/*", lambda route: route.fulfill(status=429, json=refused))
    await box.fill("changed")
    await page.keyboard.press("Enter")
    await expect(mine.get_by_role("alert")).to_have_text("Not now")
    await page.unroute("**/messages/*")
    await mine.get_by_role("button", name="save").click()
    await expect(mine.locator(".content")).to_have_text("changed")
    await expect(mine.get_by_role("img")).to_have_count(1)
    await visit.text.fill("a line")
    await page.keyboard.press("ArrowUp")
    await expect(box).to_have_count(0)
    await visit.text.fill("")
    await page.keyboard.press("ArrowUp")
    await visit.place.ada.delete(f"{visit.place.pictures}/messages/{await mine.get_attribute('data-id')}")
    await expect(visit.text).to_be_focused()
    await act_as(page, "Ben (member)")
    await expect(pane.locator(".message")).to_have_count(1)
    await visit.text.press("ArrowUp")
    await expect(box).to_have_value("not mine")


async def test_a_message_is_edited_in_a_thread(visit: Visit) -> None:
    said = await visit.say("let us talk")
    await visit.place.ada.post(f"{visit.place.pictures}/messages/{said['id']}/threads", {"name": "talk"})
    await visit.newest.get_by_role("button", name="open the thread").click()
    beside = thread(visit.page)
    text = beside.get_by_role("textbox", name="Message")
    await text.fill("wat is it?")
    await text.press("Enter")
    await expect(beside.locator(".message .content").last).to_have_text("wat is it?")
    await text.press("ArrowUp")
    await beside.get_by_role("textbox", name="Edit message").fill("what is it?")
    await visit.page.keyboard.press("Enter")
    heard = await visit.bot.events.wait("message_edit", lambda each: each.channel.name == "talk")
    assert heard.content == "what is it?"
    await expect(beside.locator(".message").last).to_contain_text("what is it? (edited)")
    await expect(text).to_be_focused()
