"""Print the table of docs/formats.md, which picture formats are read: `python -m tests.bench.formats`.

It posts each to the whole system, with the tiny models and a pocket Discord, in a temporary folder.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.e2e.format_checks import Tried, tried
from tests.e2e.image_formats import KINDS
from tests.e2e.member import Member
from tests.e2e.stack import running


def table(all_tried: Sequence[Tried]) -> Iterator[str]:
    """Write the table, line by line."""
    yield "| kind | file | reply | right |"
    yield "|---|---|---|---|"
    for each in all_tried:
        right = "yes" if each.is_right else "**no**"
        yield f"| {each.kind.name} | {each.kind.filename} | {each.answer} | {right} |"


async def main() -> int:
    """Try every kind.

    Returns:
        0 where every answer was right, else 1.
    """
    with tempfile.TemporaryDirectory() as data:
        async with running(Path(data)) as stack, Member(stack.session) as member:
            found = [await tried(member, kind) for kind in KINDS]
    print(*table(found), sep="\n")
    return 0 if all(each.is_right for each in found) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
