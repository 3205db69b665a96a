"""The page by keyboard and on a phone: where the focus is after each action."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, WebSocketRoute, expect

from tests.bot.playground.page_visit import Gate, Visit, visiting
from tests.bot.playground.upload_files import png
from tests.browser import PHONE, channel, complaints, needs_chromium, pick, send, thread

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]

DROP = """selector => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array([1, 2, 3])], "dropped.png", { type: "image/png" }));
    const events = ["dragover", "drop"].map((name) =>
        new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: files }));
    for (const event of events) document.querySelector(selector).dispatchEvent(event);
    return events.every((event) => event.defaultPrevented);
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def visit(desktop: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(desktop, tmp_path) as visit:
        yield visit


@pytest_asyncio.fixture(loop_scope="session")
async def phone(phone_screen: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(phone_screen, tmp_path) as visit:
        yield visit


async def test_the_focus_goes_into_a_thread_and_back(visit: Visit) -> None:
    page, beside = visit.page, thread(visit.page)
    await visit.say("let us talk")
    await visit.newest.get_by_role("button", name="More").press("Enter")
    await page.get_by_role("menuitem", name="Open a thread").press("Enter")
    await expect(beside.get_by_role("textbox", name="Message “let us talk”")).to_be_focused()
    await expect(visit.newest.get_by_role("button", name="open the thread")).to_be_visible()
    await beside.get_by_role("button", name="Close the thread").press("Enter")
    await expect(visit.newest.get_by_role("button", name="open the thread")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(beside.get_by_role("textbox", name="Message “let us talk”")).to_be_focused()
    await page.reload()
    await beside.get_by_role("button", name="Close the thread").press("Enter")
    await expect(visit.text).to_be_focused()


async def test_on_a_phone_the_focus_goes_to_headings(phone: Visit) -> None:
    page, beside = phone.page, thread(phone.page)
    said = await phone.say("let us talk")
    path = f"{phone.place.pictures}/messages/{said['id']}/threads"
    await phone.place.ada.post(path, {"name": "talk"})
    link = phone.newest.get_by_role("button", name="open the thread")
    await link.press("Enter")
    await expect(beside.get_by_role("heading", name="talk")).to_be_focused()
    await beside.get_by_role("button", name="Close the thread").press("Enter")
    await expect(link).to_be_focused()
    await page.get_by_role("button", name="Channels").press("Enter")
    await page.get_by_role("link", name="# general").press("Enter")
    await expect(channel(page).get_by_role("heading", name="general")).to_be_focused()


async def test_on_a_phone_the_box_is_whole_after_a_thread(phone: Visit) -> None:
    page, beside = phone.page, thread(phone.page)
    said = await phone.say("let us talk")
    await phone.place.ada.post(f"{phone.place.pictures}/messages/{said['id']}/threads", {"name": "talk"})
    usual = await height(phone.text)
    await phone.newest.get_by_role("button", name="open the thread").click()
    assert await height(beside.locator(".composer textarea")) == usual
    await page.get_by_role("button", name="Channels").click()
    await page.get_by_role("link", name="# general").click()
    await expect(channel(page).get_by_role("heading", name="general")).to_be_visible()
    assert await height(phone.text) == usual
    await phone.text.fill("one\ntwo\nthree")
    assert await height(phone.text) > 2 * usual - 10
    await page.get_by_role("button", name="Channels").click()
    await page.get_by_role("link", name="talk").click()
    await page.get_by_role("button", name="Channels").click()
    await page.get_by_role("link", name="# general").click()
    await expect(phone.text).to_have_value("one\ntwo\nthree")
    assert await height(phone.text) > 2 * usual - 10


async def height(element: Locator) -> float:
    box = await element.bounding_box()
    assert box is not None
    return box["height"]


async def test_on_a_phone_no_name_is_broken_in_two(phone: Visit) -> None:
    pane = channel(phone.page)
    await phone.text.fill("/")
    await pane.get_by_role("option").first.wait_for()
    lines = """all => all.map((each) => {
        const range = document.createRange();
        range.selectNodeContents(each);
        return [each.textContent, range.getClientRects().length];
    })"""
    for each, count in await pane.locator(".command-name, .option-name").evaluate_all(lines):
        assert count == 1, each
    form = await phone.open_form("repeat")
    for each, count in await form.locator("strong").evaluate_all(lines):
        assert count == 1, each
    assert await phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_link_from_a_thread_to_its_channel_shows_the_channel(phone: Visit) -> None:
    beside, place = thread(phone.page), phone.place
    said = await phone.say("root")
    found = await place.ada.post(f"{place.pictures}/messages/{said['id']}/threads", {"name": "talk"})
    link = f"https://discord.com/channels/{place.guild.split('/')[-1]}/{said['channel_id']}/{said['id']}"
    await place.ada.post(f"/channels/{found['id']}/messages", {"content": f"see {link}"})
    await phone.newest.get_by_role("button", name="open the thread").click()
    await beside.get_by_role("link", name="https://discord.com").click()
    await expect(beside).to_be_hidden()
    await expect(phone.newest).to_be_focused()


async def test_the_channel_drawer_closes(phone: Visit) -> None:
    page = phone.page
    handle, nav = page.get_by_role("button", name="Channels"), page.get_by_role("navigation", name="Channels")
    await handle.click()
    await nav.get_by_role("link", name="# general").click()
    await expect(nav).to_be_hidden()
    await handle.click()
    await nav.get_by_role("link", name="# general").click()
    await expect(nav).to_be_hidden()
    await handle.click()
    await nav.get_by_role("link", name="# general").focus()
    await page.keyboard.press("Escape")
    await expect(nav).to_be_hidden()
    await expect(handle).to_be_focused()
    await handle.click()
    await expect(nav).to_be_visible()
    await page.mouse.click(PHONE[0] - 20, PHONE[1] / 2)
    await expect(nav).to_be_hidden()


async def test_the_send_button_leaves_the_focus_in_the_box(visit: Visit) -> None:
    gate = Gate(method="POST")
    await visit.page.route("**/api/v10/channels/*/messages", gate.hold)
    await visit.text.fill("one")
    await send(channel(visit.page))
    await gate.reached()
    await expect(channel(visit.page).get_by_role("button", name="Send")).to_be_disabled()
    await visit.page.keyboard.type("two")
    gate.open()
    await expect(visit.newest.locator(".content")).to_have_text("one")
    await expect(visit.text).to_have_value("two")
    await expect(visit.text).to_be_focused()


async def test_after_a_command_was_called_the_focus_is_in_the_box(visit: Visit) -> None:
    await visit.show()
    await expect(visit.text).to_be_focused()


async def test_a_removed_picture_hands_the_focus_to_the_next(visit: Visit) -> None:
    pane = channel(visit.page)
    await pick(pane, png(), png())
    await pane.get_by_role("button", name="Remove scene1.png").press("Enter")
    await expect(pane.get_by_role("button", name="Remove scene2.png")).to_be_focused()
    await visit.page.keyboard.press("Enter")
    await expect(visit.text).to_be_focused()


async def test_a_revealed_spoiler_keeps_the_focus(visit: Visit) -> None:
    await visit.say("a ||hidden|| https://example.org/")
    await visit.newest.get_by_role("button", name="Spoiler").press("Enter")
    await expect(visit.newest.locator(".spoiler")).to_be_focused()
    await visit.page.keyboard.press("Tab")
    await expect(visit.newest.get_by_role("link")).to_be_focused()
    await pick(channel(visit.page), png())
    await channel(visit.page).get_by_label("Alt text of scene1.png").fill("the end of it")
    await channel(visit.page).get_by_label("Spoiler", exact=True).check()
    await send(channel(visit.page))
    await visit.newest.get_by_role("button", name="Spoiler: show the picture").press("Enter")
    await expect(visit.newest.get_by_role("button", name="the end of it")).to_be_focused()


async def test_an_edit_leaves_the_focus_where_it_is(visit: Visit) -> None:
    await visit.place.ada.post(f"{visit.place.pictures}/messages", {"content": "go"})
    said = await (await visit.bot.events.wait("message")).reply("one")
    shown = await visit.shown(said)
    more = shown.get_by_role("button", name="More")
    await more.focus()
    await said.edit(content="one https://example.org/")
    await expect(shown.get_by_role("link")).to_be_visible()
    await expect(more).to_be_focused()
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.get_by_role("menuitem", name="Reply")).to_be_focused()
    await said.edit(content="one two")
    await expect(shown.locator(".content")).to_have_text("one two")
    await visit.page.keyboard.press("Escape")
    await expect(shown).to_be_focused()


async def test_a_button_that_goes_away_leaves_the_focus_on_its_message(visit: Visit) -> None:
    shown = await visit.show()
    await shown.get_by_role("button", name="Again").press("Enter")
    await expect(shown.locator(".content")).to_have_text("pressed")
    await expect(shown).to_be_focused()


async def test_a_button_with_new_words_keeps_the_focus(visit: Visit) -> None:
    await visit.place.ada.post(f"{visit.place.pictures}/messages", {"content": "go"})
    asked = await visit.bot.events.wait("message")
    button: discord.ui.Button[discord.ui.View] = discord.ui.Button(label="Again", custom_id="again")
    said = await asked.reply("one", view=discord.ui.View(timeout=None).add_item(button))
    await visit.newest.get_by_role("button", name="Again").focus()
    button.label = "Once more"
    await said.edit(view=discord.ui.View(timeout=None).add_item(button))
    await expect(visit.newest.get_by_role("button", name="Once more")).to_be_focused()


async def test_a_reply_that_is_called_off_gives_the_focus_back(visit: Visit) -> None:
    await visit.say("question")
    await visit.newest.get_by_role("button", name="Reply to Ben").press("Enter")
    await channel(visit.page).get_by_role("button", name="Don't reply").press("Enter")
    await expect(visit.text).to_be_focused()


async def test_a_closed_modal_gives_the_focus_back(visit: Visit) -> None:
    shown = await visit.show()
    await shown.get_by_role("button", name="Tell").press("Enter")
    await visit.page.get_by_role("dialog", name="Tell me").wait_for()
    await visit.page.keyboard.press("Escape")
    await expect(shown.get_by_role("button", name="Tell")).to_be_focused()


async def test_the_message_box_is_one_key_from_the_top(visit: Visit) -> None:
    address = visit.page.url
    await visit.page.keyboard.press("Tab")
    skip = visit.page.get_by_role("link", name="To the message box")
    await expect(skip).to_be_focused()
    assert await complaints(visit.page) == []
    await visit.page.keyboard.press("Enter")
    await expect(visit.text).to_be_focused()
    assert visit.page.url == address


async def test_messages_are_walked_through_with_the_arrow_keys(visit: Visit) -> None:
    for text in ("first", "second", "third"):
        await visit.say(text)
    pane, press = channel(visit.page), visit.page.keyboard.press
    log, messages = pane.get_by_role("log"), pane.locator(".message")
    await log.focus()
    await press("Tab")
    await expect(pane.get_by_role("button", name="Add pictures")).to_be_focused()
    await log.focus()
    await press("ArrowUp")
    await expect(messages.last).to_be_focused()
    await press("ArrowUp")
    await expect(messages.nth(1)).to_be_focused()
    await press("Tab")
    await expect(messages.nth(1).get_by_role("button", name="Reply to Ben")).to_be_focused()
    await press("Tab")
    await expect(messages.nth(1).get_by_role("button", name="More")).to_be_focused()
    await press("Tab")
    await expect(pane.get_by_role("button", name="Add pictures")).to_be_focused()
    await messages.nth(1).focus()
    await press("ArrowDown")
    await expect(messages.last).to_be_focused()
    assert await complaints(visit.page) == []


async def test_files_are_taken_wherever_they_are_dropped(visit: Visit) -> None:
    tray = channel(visit.page).locator(".tray li")
    for number, selector in enumerate(("#channels", ".top", "html", "#channel .composer"), 1):
        assert await visit.page.evaluate(DROP, selector)
        await expect(tray).to_have_count(number)
    await visit.say("let us talk")
    await visit.newest.get_by_role("button", name="More").press("Enter")
    await visit.page.get_by_role("menuitem", name="Open a thread").press("Enter")
    await expect(thread(visit.page).locator("textarea")).to_be_focused()
    assert await visit.page.evaluate(DROP, ".top")
    await expect(thread(visit.page).locator(".tray li")).to_have_count(1)
    await expect(tray).to_have_count(4)
    await expect(visit.page.locator(".dropping")).to_have_count(0)


async def test_a_file_that_is_dropped_on_a_dialog_is_not_opened(visit: Visit) -> None:
    shown = await visit.show()
    await shown.get_by_role("button", name="Tell").click()
    await visit.page.get_by_role("dialog", name="Tell me").wait_for()
    assert await visit.page.evaluate(DROP, "dialog h2")
    assert not await visit.page.evaluate(DROP, "dialog input[type=file]")
    await expect(channel(visit.page).locator(".tray li")).to_have_count(0)
    await expect(visit.page.locator(".dropping")).to_have_count(0)


async def test_a_refused_modal_keeps_the_focus(visit: Visit) -> None:
    shown = await visit.show()
    await shown.get_by_role("button", name="Tell").click()
    modal = visit.page.get_by_role("dialog", name="Tell me")
    await modal.get_by_role("textbox", name="What").fill("a word")
    refused = {"message": "Not now"}
    await visit.page.route("**/interactions", lambda route: route.fulfill(status=429, json=refused))
    await modal.get_by_role("button", name="Submit").press("Enter")
    await expect(modal.get_by_role("alert")).to_have_text("Not now")
    await expect(modal.get_by_role("button", name="Submit")).to_be_focused()


async def test_the_last_of_the_older_messages_take_the_focus_of_their_button(visit: Visit) -> None:
    await visit.post_many(51)
    await channel(visit.page).get_by_role("button", name="Show older messages").press("Enter")
    await expect(channel(visit.page).locator(".message")).to_have_count(51)
    await expect(channel(visit.page).locator(".message").first).to_be_focused()


async def test_a_renamed_channel_has_its_new_name_everywhere(visit: Visit) -> None:
    await visit.place.ada.patch(visit.place.pictures, {"name": "paintings"})
    await expect(channel(visit.page).get_by_role("heading", name="paintings")).to_be_visible()
    await expect(visit.text).to_have_attribute("placeholder", "Message # paintings")
    await expect(channel(visit.page).locator(".welcome-title")).to_have_text("Welcome to #paintings")


async def test_direct_messages_open_before_the_gateway_tells_of_them(
    desktop: BrowserContext, tmp_path: Path
) -> None:
    silent = asyncio.Event()

    async def muffle(page: Page) -> None:
        def connect(here: WebSocketRoute) -> None:
            there = here.connect_to_server()
            there.on_message(lambda frame: None if silent.is_set() else here.send(frame))

        await page.route_web_socket("**/gateway**", connect)

    async with visiting(desktop, tmp_path, before=muffle) as visit:
        pane = channel(visit.page)
        await visit.page.get_by_role("link", name="# general").click()
        await expect(pane.get_by_role("heading", name="general")).to_be_visible()
        silent.set()
        await visit.page.get_by_role("link", name="@ Beholder").click()
        await expect(pane.get_by_role("heading", name="Beholder")).to_be_visible()
        await visit.page.go_back()
        await expect(pane.get_by_role("heading", name="general")).to_be_visible()
