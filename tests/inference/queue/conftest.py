"""A queue of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from inference.queue.keys import Keys
from tests.inference.queue.harness import Rig, rig_on


@pytest.fixture
async def rig(redis_url: str) -> AsyncIterator[Rig]:
    async with rig_on(redis_url, Keys("test")) as made:
        yield made
