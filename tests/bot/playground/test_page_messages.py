"""The page in a browser: messages, components, modals, commands, files and threads."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.bot.playground.conftest import Place, judged_pocket, place_of
from tests.bot.playground.discord_py_client import Bot, running_bot
from tests.bot.playground.example_application import example_commands
from tests.bot.playground.upload_files import png
from tests.browser import (
    channel,
    command,
    complaints,
    needs_chromium,
    opened_in,
    payload,
    pick,
    send,
    thread,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]

HOSTILE = (
    '<img src=x onerror=alert(1)> [a](javascript:alert(1)) <script>alert(2)</script> **<b id="x">b</b>** '
    '||hidden [b](https://example.org/?q="><script>)|| `<i>` <@1> https://example.org/<svg/onload=alert(3)>'
)


@pytest_asyncio.fixture(loop_scope="session")
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with judged_pocket(tmp_path) as pocket, aiohttp.ClientSession() as http:
        yield place_of(pocket, http)


@pytest_asyncio.fixture(loop_scope="session")
async def client(place: Place) -> AsyncIterator[Bot]:
    async with running_bot(place.pocket) as bot:
        await example_commands(bot).sync()
        yield bot


@pytest_asyncio.fixture(loop_scope="session")
async def page(desktop: BrowserContext, place: Place, client: Bot) -> AsyncIterator[Page]:
    """Open the page as Ada, with the application's commands registered."""
    assert client.user
    async with opened_in(desktop, place.pocket.url) as page:
        yield page


def newest(page: Page) -> Locator:
    return channel(page).locator(".message").last


async def called(page: Page, name: str) -> Locator:
    """Call a command that needs no options; return its answer."""
    pane = channel(page)
    answer = pane.locator(".message").nth(await pane.locator(".message").count())
    await command(pane, name)
    await send(pane)
    await expect(answer.locator(".above")).to_have_text(f"Ada used /{name}")
    return answer


async def test_buttons_are_pressed_and_the_message_changes_in_its_place(page: Page) -> None:
    shown = await called(page, "show")
    await expect(shown.get_by_role("button", name="Off")).to_be_disabled()
    assert await complaints(page) == []
    await shown.get_by_role("button", name="Again").click()
    await expect(shown.locator(".content")).to_have_text("pressed")
    await expect(shown.get_by_role("button", name="Again")).to_have_count(0)
    await expect(channel(page).locator(".message")).to_have_count(1)


async def test_selects_send_what_was_chosen(page: Page) -> None:
    shown = await called(page, "show")
    choices, who = (
        shown.locator(".select", has=page.locator(f"[data-custom-id={each}]")) for each in ("pick", "who")
    )
    await choices.get_by_role("listbox").select_option(["red", "green"])
    await choices.get_by_role("button", name="Choose").click()
    answer = channel(page).locator(".message.ephemeral")
    await expect(answer.locator(".content")).to_have_text("red and green")
    await who.get_by_role("combobox").select_option(label="Ben")
    await who.get_by_role("button", name="Choose").click()
    await expect(newest(page).locator(".content")).to_have_text("ben")


async def test_a_modal_opens_and_is_submitted_with_a_file(page: Page) -> None:
    shown = await called(page, "show")
    await shown.get_by_role("button", name="Tell").click()
    modal = page.get_by_role("dialog", name="Tell me")
    assert await complaints(page) == []
    await modal.get_by_role("textbox", name="What").fill("a word")
    await modal.get_by_label("Files").set_input_files(payload(1, png()))
    await modal.get_by_role("button", name="Submit").click()
    await expect(modal).to_have_count(0)
    await expect(newest(page).locator(".content")).to_have_text(f"a word [{len(png())}]")


async def test_what_is_typed_is_completed_by_the_bot(page: Page) -> None:
    form = await command(channel(page), "complete")
    color = form.get_by_role("combobox", name="color")
    await color.press_sequentially("gre")
    await expect(form.locator("datalist option")).to_have_attribute("value", "green")
    await color.fill("green")
    await send(channel(page))
    await expect(newest(page).locator(".content")).to_have_text("green")


async def test_every_kind_of_option_has_a_field(page: Page, place: Place) -> None:
    form = await command(channel(page), "take")
    await send(channel(page))
    await expect(channel(page).get_by_role("alert")).to_contain_text("/take needs whole")
    await form.get_by_role("spinbutton", name="whole").fill("4")
    await form.get_by_role("spinbutton", name="number").fill("2.5")
    await form.get_by_role("combobox", name="who").select_option("Ben")
    await form.get_by_role("combobox", name="role").select_option("admin")
    await form.get_by_role("combobox", name="where").select_option("#general")
    await send(channel(page))
    await expect(newest(page).locator(".content")).to_have_text("4 2.5 ben admin general")
    assert place.pocket.world.guild


async def test_an_answer_that_takes_long_is_thinking_first_and_a_slow_bot_is_told_of(
    page: Page, place: Place
) -> None:
    pane = channel(page)
    form = await command(pane, "later")
    await form.locator("[data-option=image] input").set_input_files(payload(1, png(30, 20)))
    await send(pane)
    await expect(newest(page).locator(".content")).to_have_text("30x20")
    await expect(newest(page).get_by_role("img", name="Picture without alt text: same.png")).to_be_visible()
    place.pocket.limits.acknowledge_seconds = 0.2
    await command(pane, "forever")
    await send(pane)
    await expect(pane.get_by_role("alert")).to_contain_text("The application did not respond")


async def test_layouts_are_shown(page: Page) -> None:
    shown = await called(page, "layout")
    await expect(shown.locator(".container .content")).to_have_text("hello")
    await expect(shown.get_by_role("separator")).to_have_count(1)


async def test_an_edit_streams_in_place_and_keeps_what_was_revealed(
    page: Page, place: Place, client: Bot
) -> None:
    await place.ada.post(f"{place.pictures}/messages", {"content": "go"})
    said = await (await client.events.wait("message")).reply("one ||two||")
    shown = newest(page)
    await shown.get_by_role("button", name="Spoiler").click()
    for text in ("one ||two|| three", "one ||two|| three *four*"):
        await said.edit(content=text)
        await expect(shown.locator(".content")).to_have_text(text.replace("||", "").replace("*", ""))
    await expect(shown.locator(".spoiler.shown")).to_have_text("two")
    await expect(shown.locator(".above")).to_contain_text("Ada go")
    assert await channel(page).locator(".message").count() == 2


async def test_no_text_becomes_html(page: Page, place: Place) -> None:
    embed = {"title": HOSTILE[:200], "description": HOSTILE, "fields": [{"name": HOSTILE, "value": HOSTILE}]}
    await place.ben.post(f"{place.pictures}/messages", {"content": HOSTILE, "embeds": [embed]})
    shown = newest(page)
    await expect(shown.locator(".content")).to_contain_text("<script>alert(2)</script>")
    await shown.locator(".spoiler").first.click()
    body = shown.locator(".body")
    for tag in ("script", "img", "svg", "i"):
        await expect(body.locator(tag)).to_have_count(0)
    links = await body.locator("a").evaluate_all("all => all.map((each) => each.href)")
    assert links
    assert all(link.startswith("https://example.org/") for link in links)


async def test_pictures_elsewhere_are_not_loaded(page: Page, place: Place) -> None:
    embed = {"image": {"url": "https://example.org/cat.png"}, "title": "a cat"}
    await place.ben.post(f"{place.pictures}/messages", {"embeds": [embed]})
    await expect(newest(page).locator(".embed")).to_contain_text("A picture elsewhere, not loaded")


async def test_a_spoiler_picture_is_hidden_until_somebody_asks(page: Page) -> None:
    pane = channel(page)
    await pick(pane, png())
    await pane.get_by_label("Alt text of scene1.png").fill("the end of it")
    await pane.get_by_label("Spoiler").check()
    await send(pane)
    picture = pane.get_by_role("img", name="the end of it")
    cover = pane.get_by_role("button", name="Spoiler: show the picture")
    await expect(cover).to_be_visible()
    await expect(picture).to_have_count(0)
    await cover.click()
    await expect(picture).to_be_visible()


async def test_pictures_are_dropped_and_pasted(page: Page) -> None:
    pane = channel(page)
    make = """([kind, name]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array([1, 2, 3])], name, { type: "image/png" }));
        const given = kind === "drop" ? { dataTransfer: data } : { clipboardData: data };
        const target = document.querySelector(kind === "drop" ? "#channel .log" : "#channel textarea");
        const made = kind === "drop" ? new DragEvent(kind, { ...given, bubbles: true, cancelable: true })
            : new ClipboardEvent(kind, { ...given, bubbles: true, cancelable: true });
        target.dispatchEvent(made);
    }"""
    await page.evaluate(make, ["drop", "dropped.png"])
    await page.evaluate(make, ["paste", "pasted.png"])
    tray = pane.get_by_role("list", name="Pictures to be posted")
    await expect(tray.locator(".file-name")).to_have_text(["dropped.png 3 bytes", "pasted.png 3 bytes"])
    await tray.get_by_role("button", name="Remove dropped.png").click()
    await expect(tray.get_by_role("listitem")).to_have_count(1)


async def test_a_thread_opens_beside_the_channel(page: Page, place: Place) -> None:
    pane = channel(page)
    await pane.get_by_role("textbox", name="Message").fill("let us talk")
    await pane.get_by_role("textbox", name="Message").press("Enter")
    await newest(page).hover()
    await newest(page).get_by_role("button", name="More").press("Enter")
    await page.get_by_role("menuitem", name="Open a thread").press("Enter")
    beside = thread(page)
    await expect(beside.get_by_role("heading", name="let us talk")).to_be_visible()
    await expect(page.get_by_role("navigation").get_by_role("link", name="let us talk")).to_be_visible()
    await beside.get_by_role("textbox", name="Message").fill("in here")
    await send(beside)
    await expect(beside.locator(".message").last.locator(".content")).to_have_text("in here")
    found = next(each for each in place.pocket.world.channels.values() if each.thread)
    await place.ben.post(f"/channels/{found.id}/typing")
    await expect(beside.get_by_text("Ben is typing…")).to_be_visible()
    assert await complaints(page) == []
    await page.reload()
    await expect(beside.locator(".message").last.locator(".content")).to_have_text("in here")
    await beside.get_by_role("button", name="Close the thread").click()
    await expect(beside).to_be_hidden()


async def test_a_message_can_be_replied_to_and_deleted_with_the_keyboard(page: Page, place: Place) -> None:
    await place.ben.post(f"{place.pictures}/messages", {"content": "question"})
    await newest(page).get_by_role("button", name="Reply to Ben").press("Enter")
    await page.keyboard.type("answer")
    await page.keyboard.press("Enter")
    await expect(newest(page).locator(".above")).to_contain_text("Ben question")
    await newest(page).get_by_role("button", name="More").press("Enter")
    await expect(page.get_by_role("menuitem", name="Reply")).to_be_focused()
    await page.keyboard.press("End")
    await expect(page.get_by_role("menuitem", name="Delete message")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(channel(page).locator(".message")).to_have_count(1)


async def test_what_came_while_the_connection_was_broken_is_shown(page: Page, place: Place) -> None:
    ada = next(each for each in place.pocket.world.users.values() if each.username == "ada")
    for session in place.pocket.pocket.hub.of(ada.id):
        assert session.connection is not None
        session.connection.abort()
    await place.ben.post(f"{place.pictures}/messages", {"content": "meanwhile"})
    await expect(newest(page).locator(".content")).to_have_text("meanwhile")


async def test_a_refusal_is_said_in_discords_words(page: Page, place: Place) -> None:
    everyone = next(iter(place.pocket.world.guilds))
    await place.ada.ask("PUT", f"{place.pictures}/permissions/{everyone}", {"type": 0, "deny": str(1 << 11)})
    await page.get_by_label("You are").select_option(label="Ben (member)")
    await expect(page.get_by_role("navigation").get_by_text("Ben", exact=True)).to_be_visible()
    await channel(page).get_by_role("textbox", name="Message").fill("may I?")
    await send(channel(page))
    await expect(channel(page).get_by_role("alert")).to_have_text("Missing Permissions")
    assert json.loads(await page.evaluate("JSON.stringify(Object.keys(localStorage))")) == []
