"""Per-channel caption setting in Redis."""

from collections.abc import Iterable

from inference.queue.connection import Client, translated


class ChannelSettings:
    """Switches automatic captions on and off, for each channel and thread. Settings never expire.

    Args:
        redis: The Redis client.
        defaults: Channels whose captions are on unless they are switched off.
        prefix: Prefix of the key names.
    """

    def __init__(self, redis: Client, defaults: Iterable[int] = (), *, prefix: str = "beholder") -> None:
        self._redis = redis
        self._defaults = frozenset(defaults)
        self._key = f"{prefix}:captions"

    async def captions_on(self, channel: int, parent: int | None = None) -> bool:
        """Return whether images posted in a channel are captioned unasked.

        Args:
            channel: The id of a channel or thread.
            parent: The channel of a thread: its setting applies to a thread that has none.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        candidates = [channel] if parent is None else [channel, parent]
        async with translated():
            settings = await self._redis.hmget(self._key, [str(each) for each in candidates])
        for each, setting in zip(candidates, settings, strict=True):
            if setting is not None:
                return bool(setting == b"on")
            if each in self._defaults:
                return True
        return False

    async def set_captions(self, channel: int, *, on: bool) -> None:
        """Set a channel's or thread's captions. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.hset(self._key, str(channel), "on" if on else "off")

    async def forget(self, channel: int) -> None:
        """Delete a channel's setting, when the channel was deleted. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.hdel(self._key, str(channel))
