"""The script of `/try`, in a module of its own: discord.py imports the cog's again for every client."""

import asyncio
from dataclasses import dataclass, field

from bot.interactions.dispatcher import CommandContext


@dataclass
class CommandScript:
    """What the command does.

    Attributes:
        calls: The contexts of its calls.
        gate: Calls wait until it is set.
        error: Raised by each call.
        ahead: The number of jobs ahead, as its ticket returns it.
        cleanups: How many cleanup steps were run.
    """

    calls: list[CommandContext] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    ahead: int | None = None
    cleanups: int = 0

    async def position(self) -> int | None:
        return self.ahead


current = CommandScript()
