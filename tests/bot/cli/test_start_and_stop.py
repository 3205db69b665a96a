"""What an operator reads while the bot starts, and at Ctrl-C."""

import asyncio
import contextlib
import re
import signal
import sys

from tests.bot.harness import TIMEOUT_S, Harness


async def test_the_bot_says_its_name_its_servers_and_the_page_and_that_it_stops(harness: Harness) -> None:
    guild = harness.pocket.world.guild
    guild.name = "\x1b[2JThe \u202eserver\n" + "x" * 90
    harness.pocket.world.save_guild(guild)
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "bot"),
        env=harness.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert bot.stdout is not None
    said = b""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                said = await bot.stdout.readuntil(b"browser.\n")
        bot.send_signal(signal.SIGINT)
        _, log = await bot.communicate()
    finally:
        if bot.returncode is None:
            bot.kill()
    assert said, "it says nothing once it is in Discord"
    name, page = said.decode().splitlines()
    assert re.fullmatch(r"  Bot       \w+ is ready, in 1 server: \[2JThe server x{25}x*…\.", name), name
    assert len(name) < 100
    assert page.strip() == f"Open {harness.pocket.url} in a browser."
    assert bot.returncode == 0
    assert log.count(b"beholder: Stopping the bot") == 1
