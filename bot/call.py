"""One request of a person's, as cogs work on it."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import discord
from pydantic import JsonValue

from handlers.storage.inbox import Inbox, OpenCommand
from inference.errors import QueueUnavailable


class UserError(Exception):
    """A request cannot be done as it stands; its text says what was wrong and what to do, and is shown."""


class QueuedJob(Protocol):
    """A job that is under way, such as `inference.queue.client.Ticket`."""

    async def position(self) -> int | None:
        """Say how many jobs are before it; None once a worker has it."""


class CommandContext:
    """A request that is being worked on.

    Attributes:
        request: What was asked, by whom and where; its arguments are the cog's to check.
        taken_up: Whether an earlier life of the bot began with it.
    """

    def __init__(self, request: OpenCommand, inbox: Inbox, *, taken_up: bool) -> None:
        self.request = request
        self.taken_up = taken_up
        self.ticket: QueuedJob | None = None
        self._inbox = inbox
        self._afterwards: list[Callable[[], Awaitable[None]]] = []
        self._once_shown: Callable[[discord.Message], Awaitable[None]] | None = None

    def watch(self, ticket: QueuedJob) -> None:
        """Say which job the person waits for: after some seconds they are told its place in the queue."""
        self.ticket = self.ticket or ticket

    def afterwards(self, step: Callable[[], Awaitable[None]]) -> None:
        """Have something done once the outcome is visible, such as forgetting results."""
        self._afterwards.append(step)

    def once_shown(self, step: Callable[[discord.Message], Awaitable[None]]) -> None:
        """Have something done with the message that the outcome is, before the request is closed.

        After a restart in between, and where Discord could not be reached meanwhile, it is done again.
        """
        self._once_shown = step

    async def shown(self, message: discord.Message) -> None:
        """Do what was left for when the outcome is visible.

        Raises:
            discord.HTTPException, OSError: Discord cannot be reached, or refuses.
        """
        if self._once_shown is None:
            return
        self.request = self.request.model_copy(update={"outcome": message.id})
        with contextlib.suppress(QueueUnavailable):
            await self._inbox.amend(self.request)
        await self._once_shown(message)

    async def settle(self, **found: JsonValue) -> None:
        """Keep what was found out (such as which picture is meant), so that a restart finds the same.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        arguments = {**self.request.arguments, **found}
        self.request = self.request.model_copy(update={"arguments": arguments})
        await self._inbox.amend(self.request)

    async def clear_up(self) -> None:
        """Do what was left for afterwards; what Redis has of it goes by itself should Redis be away."""
        for step in self._afterwards:
            with contextlib.suppress(QueueUnavailable):
                await step()
