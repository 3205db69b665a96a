from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.stage import Stage, staged


@pytest.fixture
async def stage(tmp_path: Path, redis_url: str) -> AsyncIterator[Stage]:
    """A pocket Discord and a real Redis, with nobody there but people."""
    async with staged(tmp_path / "discord", redis_url) as stage:
        yield stage
