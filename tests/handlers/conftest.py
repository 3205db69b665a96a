"""Fixtures of the handlers' tests."""

from collections.abc import AsyncIterator

import pytest

from inference.queue.connection import Client, connect
from tests.handlers.clock import Clock


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    """Connect to an empty Redis."""
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> Clock:
    """Make a clock that only the test moves."""
    return Clock()
