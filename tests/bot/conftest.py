from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.harness import Harness, bot_harness


@pytest.fixture
async def harness(tmp_path: Path, redis_url: str) -> AsyncIterator[Harness]:
    """A pocket Discord and a real Redis; the bot and the worker are not started yet."""
    async with bot_harness(tmp_path / "discord", redis_url) as harness:
        yield harness
