"""axe finds nothing on the page, whatever is open on it: light and dark, on a desktop and on a phone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.bot.playground.page_visit import Visit, visiting
from tests.bot.playground.upload_files import png
from tests.browser import PHONE, WIDE, channel, complaints, needs_chromium, pick, send, thread

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]

LOOKS: tuple[tuple[tuple[int, int], Literal["dark", "light"]], ...] = ((WIDE, "dark"), (PHONE, "light"))
"""Size and colours, each of both once: what is shown is laid out by the one and coloured by the other."""

RICH = (
    "# Heading\n-# small\n> quoted **bold** *it* ~~no~~ `code` ||hidden||\n1. one\n2. two\n```\nblock\n```\n"
    "<@{ada}> <#{general}> @everyone <:cat:12345678> <t:1700000000:R> https://example.org/x [named](https://example.org/)"
)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(desktop: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(desktop, tmp_path) as visit:
        yield visit


async def check(visit: Visit, state: str) -> None:
    """Run axe over the page in each look, and leave the page wide and dark."""
    for (width, height), scheme in reversed(LOOKS):
        await visit.page.set_viewport_size({"width": width, "height": height})
        await visit.page.emulate_media(color_scheme=scheme)
        assert await complaints(visit.page) == [], (state, scheme, width)


async def fill(visit: Visit) -> None:
    """Post one of each kind of message."""
    place = visit.place
    ada = next(each.id for each in place.pocket.world.users.values() if each.username == "ada")
    text = RICH.format(ada=ada, general=place.general.split("/")[-1])
    files = [
        {"id": 0, "filename": "a.png", "description": "a cat"},
        {"id": 1, "filename": "b.png", "is_spoiler": True},
        {"id": 2, "filename": "notes.txt"},
    ]
    uploads = {"a.png": png(), "b.png": png(), "notes.txt": b"words"}
    body = {
        "content": text,
        "attachments": files,
        "embeds": [
            {
                "title": "Results",
                "url": "https://example.org/",
                "description": "the **whole**",
                "author": {"name": "Ben"},
                "footer": {"text": "small"},
                "fields": [{"name": "a", "value": "b", "inline": True}],
            }
        ],
    }
    first = await place.ben.post(f"{place.pictures}/messages", body, files=uploads)
    reply = {"message_reference": {"message_id": first["id"]}}
    gone = await visit.say("a mistake", **reply)
    await visit.say("answered", message_reference={"message_id": gone["id"]})
    await place.ben.delete(f"{place.pictures}/messages/{gone['id']}")
    mine = await place.ada.post(f"{place.pictures}/messages", {"content": "wat?"} | reply)
    await place.ada.patch(f"{place.pictures}/messages/{mine['id']}", {"content": "what?"})
    await place.ben.put(f"{place.pictures}/messages/{mine['id']}/reactions/%F0%9F%91%8D/@me")
    for text in ("layout", "show"):
        await visit.open_form(text)
        await send(channel(visit.page))
        await visit.newest.locator(".content").first.wait_for()
    await visit.newest.get_by_role("button", name="Again").wait_for()


async def test_axe_finds_nothing_on_messages_and_suggestions(visit: Visit) -> None:
    page, pane = visit.page, channel(visit.page)
    await fill(visit)
    await check(visit, "messages")

    await page.keyboard.press("Escape")
    await visit.newest.get_by_role("button", name="More").press("Enter")
    await page.get_by_role("menuitem", name="Reply").wait_for()
    await check(visit, "menu")
    await page.keyboard.press("Enter")
    await pick(pane, png())
    await check(visit, "reply with a picture")

    await visit.text.fill("/")
    await pane.get_by_role("option", name="/now").wait_for()
    await check(visit, "commands")
    await visit.text.fill("@")
    await pane.get_by_role("option", name="@Beholder").first.wait_for()
    await check(visit, "mentions")
    await pane.get_by_role("button", name="Remove scene1.png").click()

    form = await visit.open_form("take")
    await form.get_by_role("combobox", name="who").wait_for()
    await check(visit, "form of options")
    await page.keyboard.press("Escape")
    form = await visit.open_form("repeat")
    await form.get_by_role("textbox", name="text").press_sequentially("@")
    await form.get_by_role("option").first.wait_for()
    await check(visit, "mention in an option")


async def test_axe_finds_nothing_on_editors_and_dialogs(visit: Visit) -> None:
    page, pane = visit.page, channel(visit.page)
    await fill(visit)
    await visit.text.press("ArrowUp")
    await pane.get_by_role("textbox", name="Edit message").press_sequentially(" @")
    await pane.get_by_role("option").first.wait_for()
    await check(visit, "editing")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")

    await visit.newest.get_by_role("button", name="Tell").click()
    await page.get_by_role("dialog", name="Tell me").wait_for()
    await check(visit, "modal")
    await page.keyboard.press("Escape")
    await pane.get_by_role("button", name="a cat").click()
    await page.get_by_role("dialog", name="Picture").wait_for()
    await check(visit, "picture")
    await page.keyboard.press("Escape")
    await pane.get_by_role("button", name="Scenes").click()
    await page.get_by_role("dialog", name="Scenes").get_by_role("button", name="Add").wait_for()
    await check(visit, "scenes")


async def test_axe_finds_nothing_on_threads_and_the_panes_beside_them(visit: Visit) -> None:
    page, pane, beside = visit.page, channel(visit.page), thread(visit.page)
    said = await visit.say("let us talk")
    await visit.place.ada.post(f"{visit.place.pictures}/messages/{said['id']}/threads", {"name": "talk"})
    await visit.newest.get_by_role("button", name="open the thread").click()
    await beside.get_by_role("heading", name="talk").wait_for()
    await page.get_by_role("button", name="Inspector", exact=True).click()
    await page.locator("#inspector .entry").first.wait_for()
    await check(visit, "inspector")
    await page.get_by_role("button", name="Fold the inspector away").click()
    await check(visit, "thread")
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await page.get_by_role("button", name="Channels").click()
    assert await complaints(page) == []
    await page.get_by_role("link", name="@ Beholder").click()
    await expect(pane.get_by_role("heading", name="Beholder")).to_be_visible()
    await check(visit, "direct message")
