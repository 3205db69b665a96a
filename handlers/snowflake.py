"""Discord's snowflake ids: 64 bits, the upper 42 of them milliseconds since 2015, so ids grow with time."""

from typing import Annotated

from pydantic import Field

EPOCH = 1_420_070_400
"""Start of Discord's ids: 2015-01-01T00:00Z, as Unix time in seconds."""
Id = Annotated[int, Field(ge=0, lt=2**64)]
"""A snowflake id, as a field of a pydantic model."""


def id_at(moment: float) -> int:
    """Return the smallest id of a moment (Unix time in seconds)."""
    return max(0, int((moment - EPOCH) * 1000)) << 22


def moment_of(discord_id: int) -> float:
    """Return the moment at which Discord made an id, as Unix time in seconds."""
    return (discord_id >> 22) / 1000 + EPOCH
