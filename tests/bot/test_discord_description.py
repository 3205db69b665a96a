"""The traffic of the bot and the pocket Discord is checked against Discord's description."""

import aiohttp
import pytest

from tests.bot.harness import Harness, checked_traffic, picture
from tests.openapi import description


async def test_the_traffic_of_bot_and_discord_is_checked(harness: Harness) -> None:
    description()  # skips where it is missing: then no traffic is checked in this folder
    async with harness.worker(), harness.bot():
        posted = await harness.ada.post(harness.pictures, files=[("a.png", picture("a red circle"))])
        await harness.ada.reply_to(posted)
    assert harness.judge is not None
    assert harness.judge.rest > 0
    assert harness.judge.events > 0


async def test_a_wrong_request_of_the_bot_fails_the_test(harness: Harness) -> None:
    description()
    headers = {"Authorization": f"Bot {harness.pocket.bot_token}"}
    url = f"{harness.pocket.api}/channels/{harness.pictures}/messages"
    with pytest.raises(AssertionError, match="request/content"):
        async with (
            checked_traffic(harness.pocket),
            aiohttp.ClientSession(headers=headers) as http,
            http.post(url, json={"content": "x" * 5000}) as answer,
        ):
            assert answer.status == 400
    assert harness.judge is not None
    harness.judge.found.clear()
