"""Conversations on the page: the thread, the streamed answer and Stop."""

from playwright.async_api import expect

from bot.cogs.chat import strings
from bot.formatting.markdown import SMALL_PRINT
from tests.bot.chat_worker import chat_worker
from tests.bot.conversation_steps import CIRCLE
from tests.bot.harness import Harness
from tests.browser import PATIENCE, channel, chromium, complaints, needs_chromium, opened, send, thread

pytestmark = needs_chromium

expect.set_options(timeout=PATIENCE)


async def test_an_answer_streams_on_the_page_and_can_be_stopped(harness: Harness) -> None:
    async with chat_worker(harness) as worker, harness.bot(), chromium() as browser:
        async with opened(browser, harness.pocket.url) as page:
            await harness.ada.post(harness.session["channel_id"], files=CIRCLE)
            await channel(page).get_by_role("button", name="Talk about it").click()
            await channel(page).locator(".ephemeral").get_by_role("link", name="#a red circle").click()
            beside = thread(page)
            answer = beside.locator(".message").last
            await expect(answer.locator(".content")).to_have_text("Ada says describe the image")
            worker.gate.clear()
            await beside.get_by_role("textbox", name="Message").fill("what color is it?")
            await send(beside)
            stop = answer.get_by_role("button", name="Stop")
            await expect(answer.locator(".content")).to_have_text("Ada")
            assert await complaints(page) == []
            await stop.click()
            await expect(answer).to_contain_text(strings.STOPPED.removeprefix(SMALL_PRINT))
            await expect(stop).to_have_count(0)
            assert worker.stopped == {worker.jobs[-1].id}
        worker.gate.set()
