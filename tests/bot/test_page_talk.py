"""Conversations on the page: a thread beside the channel, an answer that grows, and Stop."""

from playwright.async_api import expect

from bot import talk_replies
from tests.bot.stage import Stage
from tests.bot.talk import CIRCLE
from tests.bot.talker import talking
from tests.browser import PATIENCE, channel, chromium, complaints, needs_chromium, opened, send, thread

pytestmark = needs_chromium

expect.set_options(timeout=PATIENCE)


async def test_an_answer_grows_in_the_thread_and_is_stopped(stage: Stage) -> None:
    async with talking(stage) as talker, stage.bot(), chromium() as browser:
        async with opened(browser, stage.pocket.url) as page:
            await stage.ada.post(stage.session["channel_id"], files=CIRCLE)
            await channel(page).get_by_role("button", name="Talk about it").click()
            await channel(page).locator(".ephemeral").get_by_role("link", name="#a red circle").click()
            beside = thread(page)
            answer = beside.locator(".message").last
            await expect(answer.locator(".content")).to_have_text("Ada says describe the image")
            talker.gate.clear()
            await beside.get_by_role("textbox", name="Message").fill("what color is it?")
            await send(beside)
            stop = answer.get_by_role("button", name="Stop")
            await expect(answer.locator(".content")).to_have_text("Ada")
            assert await complaints(page) == []
            await stop.click()
            await expect(answer).to_contain_text(talk_replies.STOPPED.removeprefix(talk_replies.SMALL))
            await expect(stop).to_have_count(0)
            assert talker.stopped == {talker.jobs[-1].id}
        talker.gate.set()
