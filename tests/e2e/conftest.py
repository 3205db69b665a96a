"""One running stack and one member for the end-to-end tests that need no fresh data folder."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.member import Member
from tests.e2e.stack import running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ada(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Member]:
    """Sign in the admin of a stack that all tests of this process share: it takes seconds to start."""
    async with running(tmp_path_factory.mktemp("data")) as stack, Member(stack.session) as member:
        yield member
