"""The page's composer: drafts, uploads and commands are not lost, and nothing is posted by mistake."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.bot.playground.page_visit import Gate, Visit, visiting
from tests.bot.playground.upload_files import png
from tests.browser import channel, command, complaints, needs_chromium, pick, send, thread

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]

MESSAGES = "**/api/v10/channels/*/messages"
COMMANDS = "**/application-command-index"


@pytest_asyncio.fixture(loop_scope="session")
async def visit(desktop: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(desktop, tmp_path) as visit:
        yield visit


async def test_what_is_written_while_a_post_is_under_way_stays(visit: Visit) -> None:
    pane, gate = channel(visit.page), Gate(method="POST")
    await visit.page.route(MESSAGES, gate.hold)
    await visit.text.fill("first")
    await visit.text.press("Enter")
    await gate.reached()
    await visit.page.keyboard.type("second")
    await pick(pane, png())
    gate.open()
    await expect(visit.newest.locator(".content")).to_have_text("first")
    await expect(visit.text).to_have_value("second")
    await send(pane)
    await expect(visit.newest.locator(".content")).to_have_text("second")
    await expect(visit.newest.get_by_role("img")).to_have_count(1)
    await expect(pane.locator(".message")).to_have_count(2)


async def test_a_picture_that_is_being_uploaded_shows_how_far_it_is(visit: Visit) -> None:
    pane, gate = channel(visit.page), Gate(method="POST")
    await visit.page.route(MESSAGES, gate.hold)
    bar = pane.get_by_role("progressbar", name="Upload")
    await expect(bar).to_have_count(0)
    await pick(pane, png())
    await send(pane)
    await gate.reached()
    await expect(bar).to_be_visible()
    gate.open()
    await expect(visit.newest.get_by_role("img")).to_have_count(1)
    await expect(bar).to_have_count(0)


async def test_what_was_refused_comes_back_before_what_was_written_since(visit: Visit) -> None:
    pane, gate = channel(visit.page), Gate(method="POST", answered=True)
    everyone = next(iter(visit.place.pocket.world.guilds))
    await visit.page.get_by_label("You are").select_option(label="Ben (member)")
    await visit.page.get_by_role("navigation").get_by_text("Ben", exact=True).wait_for()
    denied = {"type": 0, "deny": str(1 << 11)}
    await visit.place.ada.ask("PUT", f"{visit.place.pictures}/permissions/{everyone}", denied)
    await visit.page.route(MESSAGES, gate.hold)
    await pick(pane, png())
    await pane.get_by_label("Alt text of scene1.png").fill("my cat")
    await visit.text.fill("first")
    await visit.text.press("Enter")
    await gate.reached()
    await visit.page.keyboard.type("second")
    gate.open()
    await expect(pane.get_by_role("alert")).to_have_text("Missing Permissions")
    await expect(visit.text).to_have_value("first\nsecond")
    await expect(pane.get_by_label("Alt text of scene1.png")).to_have_value("my cat")


async def test_a_draft_waits_in_its_channel(visit: Visit) -> None:
    pane, gate = channel(visit.page), Gate(method="POST", answered=True)
    await visit.page.route(MESSAGES, gate.hold)
    await visit.text.fill("for pictures")
    await visit.text.press("Enter")
    await gate.reached()
    await visit.page.keyboard.type("and this")
    await pick(pane, png())
    await visit.go("general")
    await expect(visit.text).to_have_value("")
    await expect(pane.locator(".tray li")).to_have_count(0)
    await visit.text.fill("for general")
    gate.open()
    await visit.go("pictures")
    await expect(visit.newest.locator(".content")).to_have_text("for pictures")
    await expect(visit.text).to_have_value("and this")
    await expect(pane.locator(".tray li")).to_have_count(1)
    await visit.go("general")
    await expect(visit.text).to_have_value("for general")


async def test_a_command_is_called_also_before_the_list_is_there(visit: Visit) -> None:
    pane, gate = channel(visit.page), Gate()
    await visit.page.route(COMMANDS, gate.hold)
    await visit.text.press_sequentially("/now")
    await visit.page.keyboard.press("Enter")
    await gate.reached()
    gate.open()
    await expect(pane.get_by_role("group", name="/now")).to_be_visible()
    await expect(pane.locator(".message")).to_have_count(0)


async def test_what_stands_behind_a_commands_name_goes_into_its_form(visit: Visit) -> None:
    pane = channel(visit.page)
    await visit.text.fill("/complete green or red?")
    await expect(pane.get_by_role("option", name="/complete")).to_be_visible()
    await visit.page.keyboard.press("Escape")
    await visit.page.keyboard.press("Enter")
    color = pane.get_by_role("group", name="/complete").get_by_role("combobox", name="color")
    await expect(color).to_have_value("green or red?")
    await expect(color).to_be_focused()
    await visit.page.keyboard.press("Enter")
    await expect(visit.newest.locator(".content")).to_have_text("green or red?")
    await expect(visit.newest.locator(".above")).to_have_text("Ada used /complete")


async def test_what_names_no_command_is_not_posted_unless_asked_for(visit: Visit) -> None:
    pane = channel(visit.page)
    await visit.text.fill("/nothing at all")
    await visit.page.keyboard.press("Enter")
    await expect(pane.get_by_role("alert")).to_contain_text("There is no command /nothing.")
    await expect(visit.text).to_have_value("/nothing at all")
    await visit.text.fill(" /nothing at all")
    await visit.page.keyboard.press("Enter")
    await expect(pane.locator(".message .content")).to_have_text(["/nothing at all"])


async def test_without_the_list_of_commands_nothing_is_posted(visit: Visit) -> None:
    pane = channel(visit.page)
    await visit.page.route(COMMANDS, lambda route: route.fulfill(status=404, json={"message": "No list"}))
    await visit.text.fill("/now")
    await visit.page.keyboard.press("Enter")
    await expect(pane.get_by_role("alert")).to_have_text("No list")
    await expect(visit.text).to_have_value("/now")
    await visit.page.unroute(COMMANDS)
    await visit.page.keyboard.press("Enter")
    await expect(pane.get_by_role("group", name="/now")).to_be_visible()
    await expect(pane.locator(".message")).to_have_count(0)


async def test_pictures_outlive_a_command_that_has_no_room_for_them(visit: Visit) -> None:
    pane = channel(visit.page)
    await pick(pane, png(), png(20, 20))
    await pane.get_by_label("Alt text of scene1.png").fill("my cat")
    await pane.get_by_label("Spoiler").first.check()
    await visit.text.fill("/later")
    await visit.page.keyboard.press("Enter")
    form = pane.get_by_role("group", name="/later")
    await expect(form.locator("[data-option=image]")).to_contain_text("scene1.png")
    await expect(pane.locator(".tray .file-name")).to_contain_text(["scene2.png"])
    await expect(pane.get_by_role("alert")).to_contain_text("This command takes 1 picture: the rest waits")
    await form.get_by_role("button", name="Don't call the command").click()
    await expect(pane.locator(".tray li")).to_have_count(2)
    await expect(pane.get_by_label("Alt text of scene1.png")).to_have_value("my cat")
    await expect(pane.get_by_label("Spoiler").first).to_be_checked()
    await send(pane)
    await expect(visit.newest.get_by_role("button", name="Spoiler: show the picture")).to_have_count(1)


async def test_a_form_outlives_a_connection_that_cant_be_resumed(visit: Visit) -> None:
    pane, hub = channel(visit.page), visit.place.pocket.pocket.hub
    await visit.text.fill("/take")
    await visit.page.keyboard.press("Enter")
    whole = pane.get_by_role("spinbutton", name="whole")
    await whole.fill("4")
    ada = next(each for each in visit.place.pocket.world.users.values() if each.username == "ada")
    for session in hub.of(ada.id):
        assert session.connection is not None
        hub.remove(session)
        session.connection.abort()
    await visit.place.ben.post(f"{visit.place.pictures}/messages", {"content": "meanwhile"})
    await expect(visit.newest.locator(".content")).to_have_text("meanwhile")
    await expect(whole).to_have_value("4")


async def test_a_form_outlives_a_thread_that_is_closed(visit: Visit) -> None:
    beside = thread(visit.page)
    said = await visit.say("let us talk")
    await visit.place.ada.post(f"{visit.place.pictures}/messages/{said['id']}/threads", {"name": "talk"})
    link = visit.newest.get_by_role("button", name="open the thread")
    await link.click()
    form = await command(beside, "take")
    await form.get_by_role("spinbutton", name="whole").fill("4")
    await beside.get_by_role("button", name="Close the thread").click()
    await link.click()
    await expect(form.get_by_role("spinbutton", name="whole")).to_have_value("4")


async def test_the_box_tells_of_the_list_of_commands(visit: Visit) -> None:
    pane = channel(visit.page)
    await visit.text.press_sequentially("/")
    box = pane.get_by_role("textbox", name="Message")
    await expect(box).to_be_focused()
    first = await pane.get_by_role("option").first.get_attribute("id")
    assert first
    await expect(box).to_have_attribute("aria-activedescendant", first)
    assert await complaints(visit.page) == []
    await expect(pane.get_by_role("listbox", name="Commands")).to_have_id(
        await box.get_attribute("aria-controls") or ""
    )
    await visit.page.keyboard.press("Escape")
    await expect(pane.get_by_role("listbox")).to_have_count(0)
    await expect(box).not_to_have_attribute("aria-activedescendant", re.compile(""))
    await expect(box).to_be_focused()
