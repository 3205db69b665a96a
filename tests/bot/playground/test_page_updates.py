"""Updates of the page: loading, gateway events, announcements, reconnects."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, WebSocketRoute, expect

from tests.bot.playground.page_visit import Gate, Visit, visiting
from tests.bot.playground.upload_files import png
from tests.browser import channel, needs_chromium, thread

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]

NEWEST = "**/messages?limit=50"
GATEWAY = "**/gateway**"


@pytest_asyncio.fixture(loop_scope="session")
async def visit(desktop: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(desktop, tmp_path) as visit:
        yield visit


@pytest_asyncio.fixture(loop_scope="session")
async def timed(desktop: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    """Open a page whose clock the test can advance."""

    async def install_clock(page: Page) -> None:
        await page.clock.install()

    async with visiting(desktop, tmp_path, before=install_clock) as visit:
        yield visit


class GatewayProxy:
    """The page's gateway connections, which a test can close and mute.

    Attributes:
        count: How often the page has connected.
        down: Set while new connections are closed at once.
        deaf: Whether the first connection delivers no frames.
    """

    def __init__(self) -> None:
        self.count = 0
        self.down = asyncio.Event()
        self.deaf = False
        self.code = 1012
        self._ends: list[WebSocketRoute] = []

    async def lay(self, page: Page) -> None:
        """Route a page's gateway connections through this object."""
        await page.route_web_socket(GATEWAY, self._connect)

    async def cut(self, code: int = 1012) -> None:
        """Close the connections with a code, and new ones until `mend` is called."""
        self.code = code
        self.down.set()
        for end in self._ends:
            await end.close(code=code)
        self._ends.clear()

    def mend(self) -> None:
        """Accept connections again."""
        self.down.clear()

    async def _connect(self, here: WebSocketRoute) -> None:
        self.count += 1
        number = self.count
        if self.down.is_set():
            await here.close(code=self.code)
            return
        self._ends.append(here)
        there = here.connect_to_server()
        there.on_message(lambda frame: self._pass(here, number, str(frame)))

    def _pass(self, here: WebSocketRoute, number: int, frame: str) -> None:
        """Pass a frame on, with a short heartbeat interval in the hello."""
        payload = json.loads(frame)
        if payload["op"] == 10:
            payload["d"]["heartbeat_interval"] = 300
        if self.deaf and number == 1:
            return
        here.send(json.dumps(payload))


@pytest_asyncio.fixture(loop_scope="session")
async def line() -> GatewayProxy:
    return GatewayProxy()


@pytest_asyncio.fixture(loop_scope="session")
async def lined(desktop: BrowserContext, tmp_path: Path, line: GatewayProxy) -> AsyncIterator[Visit]:
    async with visiting(desktop, tmp_path, before=line.lay) as visit:
        yield visit


async def test_what_happens_while_a_channel_loads_is_shown(visit: Visit) -> None:
    place, page, gate = visit.place, visit.page, Gate(answered=True)
    edited, deleted = await visit.say("an answer that gro"), await visit.say("a mistake")
    await visit.go("general")
    await page.route(NEWEST, gate.hold)
    await visit.go("pictures")
    await gate.reached()
    await place.ben.patch(f"{place.pictures}/messages/{edited['id']}", {"content": "an answer that grows"})
    await place.ben.delete(f"{place.pictures}/messages/{deleted['id']}")
    await visit.say("said meanwhile")
    gate.open()
    await expect(channel(page).locator(".welcome")).to_be_visible()
    texts = ["an answer that grows", "said meanwhile"]
    await expect(channel(page).locator(".message .content")).to_have_text(texts)


async def test_a_channel_that_could_not_be_loaded_says_so_and_is_tried_again(visit: Visit) -> None:
    page, pane = visit.page, channel(visit.page)
    await visit.say("only in pictures")
    await visit.go("general")
    await page.route(NEWEST, lambda route: route.fulfill(status=429, json={"message": "Not now"}))
    await visit.go("pictures")
    await expect(pane.get_by_role("alert")).to_have_text("The messages couldn't be loaded: Not now")
    await visit.go("general")
    await expect(pane.get_by_role("alert")).to_have_text("The messages couldn't be loaded: Not now")
    await expect(pane.locator(".message")).to_have_count(0)
    await visit.go("pictures")
    await expect(pane.get_by_role("alert")).to_be_visible()
    await page.unroute(NEWEST)
    await visit.go("pictures")
    await expect(pane.locator(".message .content")).to_have_text(["only in pictures"])
    await expect(pane.locator(".error")).to_be_empty()


async def test_a_failed_load_offers_to_try_again(visit: Visit) -> None:
    page, pane = visit.page, channel(visit.page)
    await page.route(NEWEST, lambda route: route.fulfill(status=429, json={"message": "Not now"}))
    await visit.go("general")
    again = pane.get_by_role("button", name="Try again")
    await again.wait_for()
    await page.unroute(NEWEST)
    await again.click()
    await expect(pane.locator(".welcome")).to_be_visible()
    await expect(again).to_be_hidden()


async def many(visit: Visit) -> list[str]:
    """Fill the first channel with more messages than a page loads; return their ids."""
    ids = await visit.post_many(60)
    await expect(channel(visit.page).locator(".message")).to_have_count(50)
    return [str(each) for each in ids]


async def test_older_messages_come_without_a_gap_and_into_their_own_channel(visit: Visit) -> None:
    ids, page, pane = await many(visit), visit.page, channel(visit.page)
    first = f"{visit.place.pictures}/messages/{ids[0]}"
    await visit.place.ben.patch(first, {"content": "m0 edited"})
    await visit.say("afterwards")
    await expect(pane.locator(".message .content").first).to_have_text("m10")
    older, gate = pane.get_by_role("button", name="Show older messages"), Gate()
    await page.route("**/messages?limit=50&before=*", gate.hold)
    await older.click()
    await gate.reached()
    await visit.go("general")
    async with page.expect_response("**/messages?limit=50&before=*"):
        gate.open()
    await visit.place.ben.post(f"{visit.place.general}/messages", {"content": "in general"})
    await expect(pane.locator(".message .content")).to_have_text(["in general"])
    await visit.go("pictures")
    await older.click()
    await expect(pane.locator(".message")).to_have_count(61)
    await expect(pane.locator(".message .content").first).to_have_text("m0 edited")
    await expect(older).to_be_hidden()


async def test_a_message_further_up_is_fetched_when_it_is_pointed_to(visit: Visit) -> None:
    ids, place, pane = await many(visit), visit.place, channel(visit.page)
    here = place.pictures.split("/")[-1]
    await visit.say("look", message_reference={"message_id": ids[0]})
    await visit.newest.get_by_role("button", name="In reply to Ben m0").click()
    await expect(pane.locator(f"[data-id='{ids[0]}']")).to_be_focused()
    await expect(pane.locator(f"[data-id='{ids[0]}']")).to_be_in_viewport()
    await expect(pane.locator(".message")).to_have_count(61)
    await place.ben.delete(f"{place.pictures}/messages/{ids[1]}")
    await visit.say(f"see https://discord.com/channels/{place.guild.split('/')[-1]}/{here}/{ids[1]}")
    await visit.newest.get_by_role("link").click()
    await expect(pane.get_by_role("alert")).to_have_text("That message was deleted.")


async def test_a_lost_connection_is_said_until_it_is_back(lined: Visit, line: GatewayProxy) -> None:
    words = lined.page.locator("#connection")
    await expect(words).to_be_empty()
    await line.cut()
    await expect(words).to_have_text("Connection lost, trying again…")
    line.mend()
    await expect(words).to_be_empty()
    await lined.say("meanwhile")


async def test_a_connection_on_which_nobody_answers_is_left(lined: Visit, line: GatewayProxy) -> None:
    await lined.say("before")
    line.deaf = True
    await lined.say("after")
    assert line.count > 1


async def test_a_new_discord_in_its_place_asks_for_a_reload(lined: Visit, line: GatewayProxy) -> None:
    await line.cut(4004)
    words = lined.page.locator("#connection")
    await expect(words).to_contain_text("This Discord is a new one: reload the page.")
    line.mend()
    await words.get_by_role("button", name="Reload").click()
    await expect(words).to_be_empty()
    await lined.say("here again")


async def test_what_others_say_is_read_out_once(timed: Visit) -> None:
    place = timed.place
    await place.ada.post(f"{place.pictures}/messages", {"content": "go"})
    asked = await timed.bot.events.wait("message")
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Again", custom_id="again"))
    old = await asked.reply("the old answer", view=view)
    await timed.shown(old)
    await timed.pass_reading_delay()
    await expect(timed.heard).to_have_text(["Beholder: the old answer"])
    await old.edit(view=None)
    await expect(timed.newest.get_by_role("button", name="Again")).to_have_count(0)
    await timed.say("one")
    await timed.pass_reading_delay()
    await timed.say(f"for <@{place.pocket.world.bot.id}> in <#{place.general.split('/')[-1]}>")
    await timed.pass_reading_delay()
    spoken = ["Beholder: the old answer", "Ben: one", "Ben: for @Beholder in #general"]
    await expect(timed.heard).to_have_text(spoken)
    await old.edit(content="the new answer")
    await expect(timed.page.locator(".message .content").filter(has_text="the new answer")).to_be_visible()
    await timed.pass_reading_delay()
    await expect(timed.heard).to_have_text([*spoken, "Beholder: the new answer"])


async def test_what_has_no_text_is_read_out_by_its_embed_or_its_pictures(timed: Visit) -> None:
    await timed.say("", embeds=[{"title": "Results", "description": "the **whole** answer"}])
    await timed.pass_reading_delay()
    await expect(timed.heard).to_have_text(["Ben: Results. the whole answer"])
    await timed.open_form("layout")
    await timed.page.keyboard.press("Enter")
    await expect(timed.newest.locator(".content")).to_have_text("hello")
    await timed.pass_reading_delay()
    await expect(timed.heard).to_have_text(["Ben: Results. the whole answer", "Beholder: hello"])
    body = {"attachments": [{"id": 0, "filename": "cat.png", "description": "my cat"}]}
    await timed.place.ben.post(f"{timed.place.pictures}/messages", body, files={"cat.png": png()})
    await expect(timed.newest.get_by_role("img", name="my cat")).to_be_visible()
    await timed.pass_reading_delay()
    await expect(timed.heard.last).to_have_text("Ben: image: my cat")


async def test_what_is_read_out_has_no_signs_of_markdown_and_no_spoilers(timed: Visit) -> None:
    place = timed.place
    admin = next(each.id for each in place.pocket.world.guild.roles.values() if each.name == "admin")
    ada = next(each.id for each in place.pocket.world.users.values() if each.username == "ada")
    text = (
        f"# Look, <@{ada}>\n-# and <@&{admin}>: **two *fine*** __things__, ~~not~~ ||who did it|| "
        "<:cat_eye:123456>\n> quoted\n* one\n* `t*w*o`\n2 \\* 3 [here](https://example.org/x) ███░"
    )
    files = [
        {"id": 0, "filename": "a.png", "description": "my *cat*"},
        {"id": 1, "filename": "b.png", "description": "the end of it", "is_spoiler": True},
        {"id": 2, "filename": "notes.txt"},
    ]
    await place.ben.post(
        f"{place.pictures}/messages",
        {"content": text, "attachments": files},
        files={"a.png": png(), "b.png": png(), "notes.txt": b"words"},
    )
    await expect(timed.newest.get_by_role("img", name="my *cat*")).to_be_visible()
    await timed.pass_reading_delay()
    words = (
        "Ben: Look, @Ada and @admin: two fine things, not (spoiler) cat_eye quoted one, t*w*o 2 * 3 here. "
        "image: my *cat*. image (spoiler). file notes.txt"
    )
    await expect(timed.heard.last).to_have_text(words)
    await timed.say("done", message_reference={"message_id": await timed.newest.get_attribute("data-id")})
    above = timed.newest.locator(".above")
    await expect(above).to_contain_text("Look, @Ada and @admin: two fine things, not (spoiler)")


async def test_a_drawn_bar_is_seen_and_not_read(timed: Visit) -> None:
    text = "1. **a cat** \u2014 91 % (cosine 0.31) █████████▏\nThen: **a dog** 9 %"
    await timed.say(text)
    await expect(timed.newest.locator(".content")).to_contain_text("█████████▏")
    await expect(timed.newest.locator(".content [aria-hidden=true]")).to_have_text("█████████▏")
    read = await timed.newest.locator(".content").aria_snapshot()
    assert "91 % (cosine 0.31)" in read
    assert "█" not in read


async def test_the_first_answer_in_a_thread_is_read_out(timed: Visit) -> None:
    said = await timed.say("let us talk")
    path = f"{timed.place.pictures}/messages/{said['id']}/threads"
    found = await timed.place.ada.post(path, {"name": "talk"})
    gate = Gate(answered=True)
    await timed.page.route(NEWEST, gate.hold)
    await timed.newest.get_by_role("button", name="open the thread").click()
    await gate.reached()
    await timed.place.ben.post(f"/channels/{found['id']}/messages", {"content": "an answer"})
    await expect(thread(timed.page).locator(".message .content")).to_have_text(["an answer"])
    gate.open()
    await timed.pass_reading_delay()
    await expect(timed.heard.last).to_have_text("Ben: an answer")


async def test_a_reply_shows_what_became_of_the_message_before_it(visit: Visit) -> None:
    place, above = visit.place, visit.newest.locator(".above")
    asked = await visit.say("how mny?")
    await visit.say("three", message_reference={"message_id": asked["id"]})
    await expect(above).to_have_text("In reply to Ben how mny?")
    path = f"{place.pictures}/messages/{asked['id']}"
    await place.ben.patch(path, {"content": "how **many**?"})
    await expect(above).to_have_text("In reply to Ben how many?")
    await channel(visit.page).get_by_role("button", name="Reply to Ben").first.click()
    await place.ben.delete(path)
    await expect(above).to_have_text("Original message was deleted")
    await expect(channel(visit.page).get_by_role("alert")).to_have_text(
        "The message that you were replying to was deleted."
    )
    await expect(channel(visit.page).get_by_text("Replying to Ben")).to_be_hidden()
    await visit.page.reload()
    await expect(above).to_have_text("Original message was deleted")
    other = await visit.say("and of many?")
    await visit.say("one", message_reference={"message_id": other["id"]})
    await place.ada.post(
        f"{place.pictures}/messages/bulk-delete", {"messages": [other["id"], (await visit.say("x"))["id"]]}
    )
    await expect(above).to_have_text("Original message was deleted")


async def test_a_double_click_is_one(visit: Visit) -> None:
    page, shown = visit.page, await visit.show()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/interactions" in request.url else None)
    gate = Gate(method="POST", answered=True)
    await page.route("**/interactions", gate.hold)
    tell = shown.get_by_role("button", name="Tell")
    await tell.dblclick()
    await gate.reached()
    await expect(tell).to_have_attribute("aria-busy", "true")
    message = (await visit.bot.events.wait("message")).channel.get_partial_message(
        int(await shown.get_attribute("data-id") or 0)
    )
    await message.edit(content="choose now")
    await expect(shown.locator(".content")).to_have_text("choose now")
    await expect(tell).to_have_attribute("aria-busy", "true")
    modal = page.get_by_role("dialog", name="Tell me")
    await modal.wait_for()
    gate.open()
    await modal.get_by_role("button", name="Cancel").click()
    await expect(tell).not_to_have_attribute("aria-busy", "true")
    assert len(sent) == 1


async def test_a_modal_opens_only_where_it_was_asked_for(visit: Visit) -> None:
    shown, other = await visit.show(), await visit.page.context.new_page()
    await other.goto(visit.page.url)
    await expect(channel(other).locator(".message")).to_have_count(1)
    await shown.get_by_role("button", name="Tell").click()
    await visit.page.get_by_role("dialog", name="Tell me").wait_for()
    await visit.say("afterwards")
    await expect(channel(other).locator(".message .content").last).to_have_text("afterwards")
    await expect(other.get_by_role("dialog")).to_have_count(0)


async def test_arrow_keys_in_a_select_choose_nothing_yet(visit: Visit) -> None:
    page, shown = visit.page, await visit.show()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/interactions" in request.url else None)
    who = shown.locator(".select").last
    await who.get_by_role("combobox").focus()
    for _ in range(3):
        await page.keyboard.press("ArrowDown")
    name = await who.get_by_role("combobox").evaluate("menu => menu.selectedOptions[0].textContent")
    await who.get_by_role("button", name="Choose").press("Enter")
    await expect(visit.newest.locator(".content")).to_have_text(name, ignore_case=True)
    assert len(sent) == 1
