"""Take in edits and deletions one after the other, the newest of each message."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import discord

from bot.events.router import MessageRouter
from inference.errors import error_place

log = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000
"""Changes that wait, at most: while Redis is away they are not taken in."""


class MessageChanges:
    """Hands the changes of messages and channels to the features, in one queue.

    While Redis is away it fills: an edit takes the place of the one before of its message, and a deletion
    that of both. Of more than `max_waiting` the oldest are dropped: a conversation is compared with Discord
    at its next turn after a new gateway session, and a request reads its message before it answers.

    Args:
        router: Tells the features.
        max_waiting: Changes that wait, at most.
    """

    def __init__(self, router: MessageRouter, *, max_waiting: int = MAX_WAITING) -> None:
        self._router = router
        self._max_waiting = max_waiting
        self._waiting: dict[int, Callable[[], Awaitable[None]]] = {}
        self._changed = asyncio.Event()
        self._is_full = False

    def __len__(self) -> int:
        """Return the number of changes that wait."""
        return len(self._waiting)

    def edited(self, message: discord.Message) -> None:
        """Add that a message was edited."""
        self._add(message.id, partial(self._router.message_edited, message))

    def deleted(self, message_id: int) -> None:
        """Add that a message was deleted."""
        self._add(message_id, partial(self._router.message_deleted, message_id))

    def channel_deleted(self, channel_id: int) -> None:
        """Add that a channel or thread was deleted."""
        # Ids are unique among messages and channels, but a thread has that of the message it began with.
        self._add(-channel_id, partial(self._router.channel_deleted, channel_id))

    def _add(self, key: int, change: Callable[[], Awaitable[None]]) -> None:
        self._waiting.pop(key, None)
        self._waiting[key] = change
        if len(self._waiting) > self._max_waiting:
            del self._waiting[next(iter(self._waiting))]
            if not self._is_full:
                log.warning(
                    "more than %d edits and deletions wait: the oldest are dropped", self._max_waiting
                )
            self._is_full = True
        self._changed.set()

    async def run(self) -> None:
        """Take in the changes, the oldest first, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                change = self._waiting.pop(key)
                try:
                    await change()
                except Exception as error:  # noqa: BLE001 - the others can be taken in
                    log.error("a change of %d was not taken in: %s", abs(key), error_place(error))  # noqa: TRY400
            self._is_full = False
