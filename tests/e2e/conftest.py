"""One running stack for the end-to-end tests that need no fresh data folder, and a member for each test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.member import Member
from tests.e2e.stack import Stack, running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Run a stack that all tests of this process share: it takes seconds to start."""
    async with running(tmp_path_factory.mktemp("data")) as stack:
        yield stack


@pytest_asyncio.fixture
async def ada(shared_stack: Stack) -> AsyncIterator[Member]:
    """Sign in the stack's admin. Not shared: a gateway closes a connection that is idle between tests."""
    async with Member(shared_stack.session) as member:
        yield member
