"""Every kind of picture that people post, from the post to the caption, with the tiny models."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.formats import tried
from tests.e2e.kinds import KINDS, Kind
from tests.e2e.member import Member
from tests.e2e.stack import ROOT, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def member(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Member]:
    async with running(tmp_path_factory.mktemp("data")) as stack, Member(stack.session) as member:
        yield member


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_kind_of_picture_is_captioned_or_refused(member: Member, kind: Kind) -> None:
    # In two channels by turns: in each, Discord takes five replies in five seconds.
    channel = await member.direct_channel() if KINDS.index(kind) % 2 else None
    found = await tried(member, kind, channel)
    assert found.is_right, found.answer


async def test_the_table_in_docs_has_every_kind() -> None:
    rows = [line for line in (ROOT / "docs" / "formats.md").read_text().splitlines() if line[:2] == "| "]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[1:]] == [kind.name for kind in KINDS]
