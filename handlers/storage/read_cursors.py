"""Last message seen in each channel, in Redis, so that a backfill finds messages that were missed."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from handlers.snowflake import id_at, moment_of
from inference.queue.connection import Client, translated

MARGIN_S = 60
"""Seconds that a channel without a cursor is read from before the newest cursor of all: messages of different
channels arrive in no common order."""
RETENTION_S = 7 * 24 * 3600
"""Seconds after which a channel's cursor is deleted; a backfill never looks back as far."""


class ReadCursors:
    """The read cursors of one bot process, in memory; `flush` writes them to Redis.

    A channel is *behind* from the start of a gateway session, or from a message that could not be accepted,
    until `finish_channel`. Messages may have been missed there, so its cursor does not move meanwhile.

    Args:
        redis: The Redis client.
        bot: The bot process's name, the same after a restart.
        prefix: Prefix of the key names.
        clock: Returns Unix time in seconds.
    """

    def __init__(
        self, redis: Client, bot: str, *, prefix: str = "beholder", clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._key = f"{prefix}:marks:{bot}"
        self._private_key = f"{prefix}:marks:{bot}:private"
        self._clock = clock
        self._cursors: dict[int, int] = {}
        self._private: set[int] = set()
        self._behind: set[int] = set()
        self._finished: set[int] = set()
        self._backfilling = True
        self._held_back: dict[int, int] = {}
        self._unflushed: set[int] = set()
        self._newest_before_session = 0

    async def load(self) -> None:
        """Read the cursors that the previous process wrote, and delete expired ones.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        oldest = id_at(self._clock() - RETENTION_S)
        async with translated():
            cursors = await self._redis.hgetall(self._key)
            private = await self._redis.smembers(self._private_key)
            self._cursors = {int(channel): int(cursor) for channel, cursor in cursors.items()}
            expired = [channel for channel, cursor in self._cursors.items() if cursor < oldest]
            if expired:
                await self._redis.hdel(self._key, *map(str, expired))
                await self._redis.srem(self._private_key, *map(str, expired))
        self._newest_before_session = max(self._cursors.values(), default=0)
        for channel in expired:
            del self._cursors[channel]
        self._private = {int(channel) for channel in private} - set(expired)

    def private_channels(self) -> tuple[int, ...]:
        """Return the known DM channels, the one with the newest message first."""
        return tuple(sorted(self._private, key=lambda channel: -self._cursors.get(channel, 0)))

    def after(self, channel: int, *, reach: float) -> int | None:
        """Return the id after which messages of a channel may have been missed.

        Args:
            channel: The channel's id.
            reach: Seconds to look back, at most.

        Returns:
            A message id; None if this bot has never seen a message, so that none can have been missed.
        """
        cursor = self._cursors.get(channel)
        if cursor is None and self._newest_before_session:
            cursor = id_at(moment_of(self._newest_before_session) - MARGIN_S)
        return None if cursor is None else max(cursor, id_at(self._clock() - reach))

    def begin_session(self) -> None:
        """Mark every channel as behind, when a gateway session begins without resuming the previous one."""
        self._backfilling = True
        self._finished.clear()
        self._newest_before_session = max(self._newest_before_session, max(self._cursors.values(), default=0))

    def mark_behind(self, channel: int, message: int) -> None:
        """Mark a channel as behind, from before a message that could not be accepted."""
        self._cursors.setdefault(channel, message - 1)
        self._behind.add(channel)

    def _is_behind(self, channel: int) -> bool:
        return channel in self._behind or (self._backfilling and channel not in self._finished)

    def seen(self, channel: int, message: int, *, private: bool = False) -> None:
        """Advance a channel's cursor: a message and all before it are in the inbox or need no answer.

        It never moves backwards. While the channel is behind, the move is held back.
        """
        if private and channel not in self._private:
            self._private.add(channel)
            self._unflushed.add(channel)
        if self._is_behind(channel):
            self._held_back[channel] = max(message, self._held_back.get(channel, 0))
        else:
            self._move(channel, message)

    def finish_channel(self, channel: int) -> None:
        """End a channel's backfill: its cursor moves to the last message seen."""
        self._behind.discard(channel)
        self._finished.add(channel)
        if channel in self._held_back:
            self._move(channel, self._held_back.pop(channel))

    def finish_backfill(self, still_behind: Iterable[int]) -> None:
        """End the session's backfill: the cursors of all channels move to the last message seen.

        Args:
            still_behind: Channels that could not be read; they stay behind until `finish_channel`.
        """
        self._behind.update(still_behind)
        self._backfilling = False
        for channel in [each for each in self._held_back if each not in self._behind]:
            self.finish_channel(channel)
        self._finished.clear()

    def _move(self, channel: int, message: int) -> None:
        if message > self._cursors.get(channel, 0):
            self._cursors[channel] = message
            self._unflushed.add(channel)

    async def flush(self) -> None:
        """Write the cursors that have moved since the last flush.

        Raises:
            QueueUnavailable: Redis cannot be reached; the next flush writes them.
        """
        moved, self._unflushed = self._unflushed, set()
        if not moved:
            return
        cursors: Mapping[Any, Any] = {
            str(channel): self._cursors[channel] for channel in moved if channel in self._cursors
        }
        private = [str(channel) for channel in moved & self._private]
        try:
            async with translated(), self._redis.pipeline(transaction=True) as pipe:
                if cursors:
                    pipe.hset(self._key, mapping=cursors)
                if private:
                    pipe.sadd(self._private_key, *private)
                await pipe.execute()
        except BaseException:
            self._unflushed |= moved
            raise
