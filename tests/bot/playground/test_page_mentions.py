"""The page's mentions: "@" suggests members and roles, and what is sent has Discord's marks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, expect

from bot.playground.population import add_user
from tests.bot.playground.page_visit import Visit, visiting
from tests.browser import act_as, channel, needs_chromium, thread

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(desktop: BrowserContext, tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(desktop, tmp_path) as visit:
        yield visit


def ids(visit: Visit) -> dict[str, int]:
    """Return the ids of the users by their name, and of the roles."""
    world = visit.place.pocket.world
    return {each.username: each.id for each in world.users.values()} | {
        f"role {each.name}": each.id for each in world.guild.roles.values()
    }


def options(pane: Locator) -> Locator:
    return pane.get_by_role("listbox", name="Members and roles").get_by_role("option")


async def test_members_and_roles_are_mentioned_with_the_keyboard_and_the_mouse(visit: Visit) -> None:
    pane, known = channel(visit.page), ids(visit)
    await visit.text.press_sequentially("me@example.org, @")
    await expect(options(pane)).to_contain_text(
        ["@Ada", "@Ben", "@Beholder", "@admin", "@Beholder", "@everyone"]
    )
    await visit.page.keyboard.type("be")
    await expect(options(pane)).to_contain_text(["@Ben", "@Beholder", "@Beholder"])
    await visit.page.keyboard.press("ArrowDown")
    chosen = pane.get_by_role("option", name="@Beholder", selected=True)
    await expect(visit.text).to_have_attribute(
        "aria-activedescendant", await chosen.get_attribute("id") or ""
    )
    await visit.page.keyboard.press("Tab")
    await expect(visit.text).to_have_value("me@example.org, @Beholder ")
    await expect(options(pane)).to_have_count(0)
    await visit.page.keyboard.type("and @adm")
    await options(pane).click()
    await expect(visit.text).to_be_focused()
    await visit.page.keyboard.type("or @ben's `@Ben`")
    await visit.page.keyboard.press("Enter")
    await expect(visit.newest.locator(".mention")).to_have_text(["@Beholder", "@admin", "@Ben"])
    said = await visit.bot.events.wait("message")
    marks = f"<@{known['Beholder']}> and <@&{known['role admin']}> or <@{known['ben']}>'s"
    assert said.content == f"me@example.org, {marks} `@Ben`"
    assert {each.id for each in said.mentions} == {known["Beholder"], known["ben"]}


async def test_mentions_work_in_threads_direct_messages_and_commands(visit: Visit) -> None:
    page, known = visit.page, ids(visit)
    said = await visit.say("let us talk")
    await visit.place.ada.post(f"{visit.place.pictures}/messages/{said['id']}/threads", {"name": "talk"})
    await visit.newest.get_by_role("button", name="open the thread").click()
    beside = thread(page)
    await mention(beside, beside.get_by_role("textbox", name="Message"))
    asked = await visit.bot.events.wait("message", lambda each: each.channel.name == "talk" and each.content)
    assert asked.content == f"hello <@{known['Beholder']}>"
    await beside.get_by_role("button", name="Close the thread").click()
    await visit.open_form("repeat")
    await mention(channel(page), channel(page).get_by_role("textbox", name="text"))
    await expect(visit.newest.locator(".content")).to_have_text("hello @Beholder")
    await expect(visit.newest.locator(".mention").last).to_have_text("@Beholder")
    await page.get_by_role("link", name="@ Beholder").click()
    await channel(page).get_by_role("heading", name="Beholder").wait_for()
    await visit.text.fill("@")
    await expect(options(channel(page))).to_have_text(["@Beholder", "@Ada ada"])
    await mention(channel(page), visit.text)
    direct = await visit.bot.events.wait("message", lambda each: each.guild is None)
    assert direct.content == f"hello <@{known['Beholder']}>"


async def mention(pane: Locator, field: Locator) -> None:
    """Write a greeting of the bot, and send it."""
    await field.fill("")
    await field.press_sequentially("hello @beh")
    await options(pane).first.wait_for()
    await field.press("Enter")
    await expect(field).to_have_value("hello @Beholder ")
    await field.press("Enter")


async def test_names_that_are_alike_are_told_apart(visit: Visit) -> None:
    pane, pocket, known = channel(visit.page), visit.place.pocket.pocket, ids(visit)
    sams = [add_user(pocket, name) for name in ("sam_one", "sam_two", "gamgee")]
    for sam, shown in zip(sams, ("Sam", "Sam", "Sam Gamgee"), strict=True):
        sam.global_name = shown
    await act_as(visit.page, "Ben (member)")
    await visit.text.press_sequentially("@sam")
    await expect(options(pane)).to_have_text(["@Sam sam_one", "@Sam sam_two", "@Sam Gamgee gamgee"])
    await options(pane).nth(1).click()
    await expect(visit.text).to_have_value("@sam_two ")
    # Ben may not mention roles, so there is but one Beholder for him.
    await visit.page.keyboard.type("@Sam Gamgee, @sam and @admin, @Beholder")
    await visit.page.keyboard.press("Escape")
    await visit.page.keyboard.press("Enter")
    said = await visit.bot.events.wait("message")
    one, two, gamgee = (f"<@{each.id}>" for each in sams)
    assert said.content == f"{two} {gamgee}, {one} and @admin, <@{known['Beholder']}>"
