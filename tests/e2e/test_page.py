"""The page in a browser, on the whole stack: what a newcomer sees a minute after `make run`."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser import (
    PHONE,
    act_as,
    answered,
    channel,
    chromium,
    command,
    complaints,
    needs_chromium,
    opened,
    payload,
    pick,
    send,
    thread,
)
from tests.e2e.scenes import Thing, draw
from tests.e2e.stack import Stack, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    needs_chromium,
]

RED = draw([Thing("red", "circle", 0.5, 0.5, 0.25)])
BLUE = draw([Thing("blue", "square", 0.5, 0.5, 0.25)])
GREEN = draw([Thing("green", "triangle", 0.5, 0.5, 0.25)])
LABELS = "a red circle, a blue square, a green triangle"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running(tmp_path_factory.mktemp("data")) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, stack: Stack) -> AsyncIterator[Page]:
    async with opened(browser, stack.address) as page:
        yield page


async def test_a_picture_is_posted_and_its_caption_stands_below(page: Page) -> None:
    pane = channel(page)
    await pick(pane, RED, BLUE)
    await pane.get_by_label("Alt text of scene1.png").fill("what I drew")
    await send(pane)
    post = pane.get_by_role("listitem").filter(has=page.get_by_alt_text("what I drew"))
    await expect(post.get_by_role("img")).to_have_count(2)
    answer = pane.locator(".message").last
    await expect(answer.locator("ol > li")).to_have_text(["a red circle", "a blue square"])
    await expect(answer.locator(".author")).to_have_text("Beholder")
    assert await complaints(page) == []


async def test_a_scene_from_the_gallery_is_captioned_as_it_was_drawn(page: Page) -> None:
    pane = channel(page)
    await pane.get_by_role("button", name="Scenes").click()
    gallery = page.get_by_role("dialog", name="Scenes from the tiny world")
    scene = gallery.locator(".scene").first
    drawn = await scene.get_by_role("img").get_attribute("alt")
    assert drawn
    await scene.click()
    assert await complaints(page) == []
    await gallery.get_by_role("button", name="Add").click()
    await expect(gallery).to_have_count(0)
    await send(pane)
    await expect(pane.locator(".message").last.locator(".author")).to_have_text("Beholder")
    # The models are small: what shape there is they know nearly always, the rest most of the time.
    shape = drawn.split()[-1]
    await expect(pane.locator(".message").last.locator(".content")).to_contain_text(shape)


async def test_ask_with_the_option_picker(page: Page) -> None:
    pane = channel(page)
    form = await command(pane, "ask")
    assert await complaints(page) == []
    await form.get_by_role("textbox", name="question").fill("what color is the square?")
    await form.locator("[data-option=image] input").set_input_files(payload(1, BLUE))
    await form.get_by_role("button", name="+ private").click()
    await form.get_by_role("combobox", name="private").select_option("True")
    await send(pane)
    answer = pane.locator(".message.ephemeral").last
    await expect(answer.locator(".content")).to_contain_text("blue")
    await expect(answer).to_contain_text("Only you can see this")
    await answer.get_by_role("button", name="Dismiss message").click()
    await expect(pane.locator(".message.ephemeral")).to_have_count(0)


async def test_match_with_three_pictures_shows_the_matrix_also_after_a_reload(page: Page) -> None:
    pane = channel(page)
    form = await command(pane, "match")
    await form.get_by_role("textbox", name="labels").fill(LABELS)
    files = [payload(number, data) for number, data in enumerate((RED, BLUE, GREEN), 1)]
    await form.locator("[data-option=image] input").set_input_files(files)
    await expect(form.locator("[data-option=image3]")).to_contain_text("scene3.png")
    await send(pane)
    matrix = pane.locator(".message").last.get_by_role("img", name="Best label of picture 1: a red circle")
    await expect(matrix).to_be_visible()
    await page.wait_for_function(
        "image => image.complete && image.naturalWidth > 0", arg=await matrix.element_handle()
    )
    before = await pane.locator(".message").evaluate_all("all => all.map((each) => each.id)")
    await page.reload()
    await expect(pane.locator(".message")).to_have_count(len(before))
    assert await pane.locator(".message").evaluate_all("all => all.map((each) => each.id)") == before
    await expect(matrix).to_be_visible()


async def test_a_member_is_refused_what_only_the_admin_may_do(page: Page) -> None:
    await act_as(page, "Ben (member)")
    pane = channel(page)
    await pane.get_by_role("textbox", name="Message").press_sequentially("/captions")
    hidden = pane.get_by_role("option", name="/captions off")
    await expect(hidden).to_contain_text("Discord hides this one from you")
    await hidden.click()
    await send(pane)
    await expect(pane.locator(".message.ephemeral").last).to_contain_text("Manage Server")
    await act_as(page, "Ada (admin)")
    await expect(pane.locator(".message")).not_to_have_count(0)
    await expect(pane.locator(".message.ephemeral")).to_have_count(0)


async def test_a_message_menu_answers_whoever_opened_it(page: Page) -> None:
    pane = channel(page)
    answer = await answered(pane, GREEN)
    await expect(answer.locator(".content")).to_have_text("a green triangle")
    post = answer.locator("xpath=preceding::*[contains(concat(' ', @class, ' '), ' message ')][1]")
    await post.click(button="right")
    await page.get_by_role("menuitem", name="Describe this image").click()
    await expect(pane.locator(".message.ephemeral").last.locator(".content")).to_contain_text(
        "a green triangle"
    )


async def test_a_thread_of_two_turns_is_still_there_after_a_reload(page: Page) -> None:
    pane, beside = channel(page), thread(page)
    caption = await answered(pane, GREEN)
    await caption.get_by_role("button", name="Talk about it").click()
    await pane.locator(".ephemeral").last.get_by_role("link", name="#a green triangle").click()
    answer = beside.locator(".message").last
    await expect(answer.locator(".content")).to_contain_text("a green triangle")
    await beside.get_by_role("textbox", name="Message").fill("what color is it?")
    await send(beside)
    await expect(beside.locator(".message")).to_have_count(4)
    await expect(answer.locator(".content")).to_contain_text("green")
    await expect(answer.get_by_role("button", name="Regenerate")).to_be_visible()
    await expect(beside.get_by_role("button", name="Stop")).to_have_count(0)
    assert await complaints(page) == []
    said = await beside.locator(".message .content").all_inner_texts()
    await page.reload()
    await expect(beside.locator(".message .content")).to_have_text(said)


async def test_the_page_says_which_models_answer(page: Page) -> None:
    await expect(page.locator("#models")).to_contain_text(
        "coloured shapes only; make models fetches real ones"
    )


async def test_the_inspector_shows_the_way_of_a_post_and_folds_away(page: Page) -> None:
    await page.get_by_role("button", name="Inspector", exact=True).click()
    pane = channel(page)
    await answered(pane, RED)
    entries = page.locator("#inspector .entry-name")
    await expect(entries.filter(has_text="MESSAGE_CREATE")).not_to_have_count(0)
    await expect(entries.filter(has_text="POST /channels/").filter(has_text="/messages")).not_to_have_count(0)
    jobs = page.locator("#inspector .entry.job").filter(has_text="caption")
    await expect(jobs.first).to_contain_text(
        re.compile(r"waited [\d.]+ ms, decode [\d.]+ ms, forward [\d.]+ ms, reply [\d.]+ ms")
    )
    assert await complaints(page) == []
    await page.get_by_role("button", name="Fold the inspector away").click()
    await expect(page.locator("#inspector")).to_be_hidden()


async def test_on_a_phone_everything_is_within_reach(browser: Browser, stack: Stack) -> None:
    async with opened(browser, stack.address, PHONE, "light") as page:
        await expect(channel(page).locator(".message")).not_to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_role("button", name="Channels").click()
        await page.get_by_role("link", name="# general").click()
        await expect(channel(page).get_by_role("heading", name="general")).to_be_visible()
        await expect(page.get_by_role("link", name="# general")).to_be_hidden()
        assert await complaints(page) == []
