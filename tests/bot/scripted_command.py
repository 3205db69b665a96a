"""What the trial command does: apart from its cog, which discord.py loads anew with every client."""

import asyncio
from dataclasses import dataclass, field

from bot.interactions.dispatcher import CommandContext


@dataclass
class CommandScript:
    """What the command does.

    Attributes:
        calls: Those that were performed.
        gate: They wait until it is set.
        wrong: What they raise.
        ahead: What their ticket says.
    """

    calls: list[CommandContext] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    wrong: Exception | None = None
    ahead: int | None = None
    cleared: int = 0

    async def position(self) -> int | None:
        return self.ahead


current = CommandScript()
