"""Up to which message each channel has been seen, so that a restart finds what was posted meanwhile."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from handlers.snowflake import id_at, moment_of
from inference.queue.connection import Client, translated

MARGIN_S = 60
"""Seconds before the newest message seen anywhere that count as unseen in a channel without a mark: channels'
messages reach us in no common order."""
RETENTION_S = 7 * 24 * 3600
"""Seconds after which a channel's mark is forgotten; a catch-up never looks back as far."""


class ReadCursors:
    """The marks of one bot process, in memory, written to Redis by `flush`.

    A channel is *behind* from every fresh start of the connection, or from a message that could not be taken,
    until `finish_channel`: messages of it may have been missed, so that its mark stays, whatever arrives.

    Args:
        redis: Where they are kept.
        bot: The bot process's name, the same after a restart.
        prefix: Of the key names.
        clock: Unix time in seconds.
    """

    def __init__(
        self, redis: Client, bot: str, *, prefix: str = "beholder", clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._key = f"{prefix}:marks:{bot}"
        self._private_key = f"{prefix}:marks:{bot}:private"
        self._clock = clock
        self._marks: dict[int, int] = {}
        self._private: set[int] = set()
        self._behind: set[int] = set()
        self._current: set[int] = set()
        self._fresh = True
        self._waiting: dict[int, int] = {}
        self._unwritten: set[int] = set()
        self._newest_before = 0

    async def load(self) -> None:
        """Read what the last process wrote.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        oldest = id_at(self._clock() - RETENTION_S)
        async with translated():
            marks = await self._redis.hgetall(self._key)
            private = await self._redis.smembers(self._private_key)
            self._marks = {int(channel): int(mark) for channel, mark in marks.items()}
            old = [channel for channel, mark in self._marks.items() if mark < oldest]
            if old:
                await self._redis.hdel(self._key, *map(str, old))
                await self._redis.srem(self._private_key, *map(str, old))
        self._newest_before = max(self._marks.values(), default=0)
        for channel in old:
            del self._marks[channel]
        self._private = {int(channel) for channel in private} - set(old)

    def private_channels(self) -> tuple[int, ...]:
        """Return the DM channels that are known, the one that was heard last first."""
        return tuple(sorted(self._private, key=lambda channel: -self._marks.get(channel, 0)))

    def after(self, channel: int, *, reach: float) -> int | None:
        """Return the message after which a channel's posts may have been missed.

        Args:
            channel: Its id.
            reach: How many seconds back to look at most.

        Returns:
            A message's id, or None where this bot has never seen anything: nothing can have been missed.
        """
        mark = self._marks.get(channel)
        if mark is None and self._newest_before:
            mark = id_at(moment_of(self._newest_before) - MARGIN_S)
        return None if mark is None else max(mark, id_at(self._clock() - reach))

    def begin_session(self) -> None:
        """Let every mark stay where it is: a fresh connection begins, and anything may have been missed."""
        self._fresh = True
        self._current.clear()
        self._newest_before = max(self._newest_before, max(self._marks.values(), default=0))

    def mark_behind(self, channel: int, message: int) -> None:
        """Let a channel's mark stay where it is: a message of it could not be taken."""
        self._marks.setdefault(channel, message - 1)
        self._behind.add(channel)

    def _is_behind(self, channel: int) -> bool:
        return channel in self._behind or (self._fresh and channel not in self._current)

    def seen(self, channel: int, message: int, *, private: bool = False) -> None:
        """Note that a message, like every earlier one of its channel, is in the inbox or needs nothing."""
        if private and channel not in self._private:
            self._private.add(channel)
            self._unwritten.add(channel)
        if self._is_behind(channel):
            self._waiting[channel] = max(message, self._waiting.get(channel, 0))
        else:
            self._move(channel, message)

    def finish_channel(self, channel: int) -> None:
        """Note that nothing before what was seen last of a channel has been missed."""
        self._behind.discard(channel)
        self._current.add(channel)
        if channel in self._waiting:
            self._move(channel, self._waiting.pop(channel))

    def finish_backfill(self, still_behind: Iterable[int]) -> None:
        """Note that every channel has been looked at since the fresh start.

        Args:
            still_behind: Those that could not be, and stay behind until `finish_channel`.
        """
        self._behind.update(still_behind)
        self._fresh = False
        for channel in [each for each in self._waiting if each not in self._behind]:
            self.finish_channel(channel)
        self._current.clear()

    def _move(self, channel: int, message: int) -> None:
        if message > self._marks.get(channel, 0):
            self._marks[channel] = message
            self._unwritten.add(channel)

    async def flush(self) -> None:
        """Write down what has moved.

        Raises:
            QueueUnavailable: Redis cannot be reached; the next flush writes it.
        """
        moved, self._unwritten = self._unwritten, set()
        if not moved:
            return
        marks: Mapping[Any, Any] = {
            str(channel): self._marks[channel] for channel in moved if channel in self._marks
        }
        private = [str(channel) for channel in moved & self._private]
        try:
            async with translated(), self._redis.pipeline(transaction=True) as both:
                if marks:
                    both.hset(self._key, mapping=marks)
                if private:
                    both.sadd(self._private_key, *private)
                await both.execute()
        except BaseException:
            self._unwritten |= moved
            raise
