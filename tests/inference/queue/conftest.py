"""An empty queue for each test."""

from collections.abc import AsyncIterator

import pytest

from inference.queue.keys import Keys
from tests.inference.queue.harness import QueueHarness, queue_on


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[QueueHarness]:
    async with queue_on(redis_url, Keys("test")) as made:
        yield made
