"""That the bot, and the pocket Discord around it, are held to Discord's description."""

import aiohttp
import pytest

from tests.bot.stage import Stage, judged, picture
from tests.openapi import description


async def test_what_bot_and_discord_say_is_judged(stage: Stage) -> None:
    description()  # skips where it is not there: then nothing in this folder is judged
    async with stage.worker(), stage.bot():
        posted = await stage.ada.post(stage.pictures, files=[("a.png", picture("a red circle"))])
        await stage.ada.reply_to(posted)
    assert stage.judge is not None
    assert stage.judge.rest > 0
    assert stage.judge.events > 0


async def test_a_wrong_request_of_the_bots_fails_its_test(stage: Stage) -> None:
    description()
    headers = {"Authorization": f"Bot {stage.pocket.bot_token}"}
    url = f"{stage.pocket.api}/channels/{stage.pictures}/messages"
    with pytest.raises(AssertionError, match="request/content"):
        async with (
            judged(stage.pocket),
            aiohttp.ClientSession(headers=headers) as http,
            http.post(url, json={"content": "x" * 5000}) as answer,
        ):
            assert answer.status == 400
    assert stage.judge is not None
    stage.judge.found.clear()
