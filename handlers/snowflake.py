"""Discord's ids: 64 bits, the upper 42 of them milliseconds since 2015, so that they grow with time."""

from typing import Annotated

from pydantic import Field

EPOCH = 1_420_070_400
"""Unix time in seconds that Discord's ids count from: the first second of 2015."""
Id = Annotated[int, Field(ge=0, lt=2**64)]
"""One of Discord's ids: 64 bits, the upper 42 of them milliseconds since 2015."""


def id_at(moment: float) -> int:
    """Return the smallest id that Discord could have given at `moment` (Unix time in seconds)."""
    return max(0, int((moment - EPOCH) * 1000)) << 22


def moment_of(discord_id: int) -> float:
    """Return when Discord gave an id, as Unix time in seconds."""
    return (discord_id >> 22) / 1000 + EPOCH
