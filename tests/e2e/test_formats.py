"""Every kind of picture that people post, from the post to the caption, with the tiny models."""

import pytest

from tests.e2e.format_checks import tried
from tests.e2e.image_formats import KINDS, Kind
from tests.e2e.member import Member
from tests.e2e.stack import ROOT


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_kind_of_picture_is_captioned_or_refused(ada: Member, kind: Kind) -> None:
    # In two channels by turns: in each, Discord takes five replies in five seconds.
    channel = await ada.direct_channel() if KINDS.index(kind) % 2 else None
    found = await tried(ada, kind, channel)
    assert found.is_right, found.answer


async def test_the_table_in_docs_has_every_kind() -> None:
    rows = [line for line in (ROOT / "docs" / "formats.md").read_text().splitlines() if line[:2] == "| "]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[1:]] == [kind.name for kind in KINDS]
