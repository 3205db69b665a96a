"""What a channel has chosen."""

from collections.abc import Iterable

from inference.queue.connection import Client, translated


class ChannelSettings:
    """Which channels have captions on.

    Args:
        redis: Where choices are kept.
        defaults: Channels that have captions on as long as nobody has chosen.
        prefix: Of the key names.
    """

    def __init__(self, redis: Client, defaults: Iterable[int] = (), *, prefix: str = "beholder") -> None:
        self._redis = redis
        self._defaults = frozenset(defaults)
        self._key = f"{prefix}:captions"

    async def captions_on(self, channel: int, parent: int | None = None) -> bool:
        """Tell whether posts in a channel are captioned unasked.

        Args:
            channel: A channel's or thread's id.
            parent: The channel that a thread belongs to: a thread does as its channel, unless it has chosen
                for itself.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        asked = [channel] if parent is None else [channel, parent]
        async with translated():
            choices = await self._redis.hmget(self._key, [str(each) for each in asked])
        for each, choice in zip(asked, choices, strict=True):
            if choice is not None:
                return bool(choice == b"on")
            if each in self._defaults:
                return True
        return False

    async def set_captions(self, channel: int, *, on: bool) -> None:
        """Keep a channel's choice.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.hset(self._key, str(channel), "on" if on else "off")

    async def forget(self, channel: int) -> None:
        """Drop a channel's choice, as when the channel is gone.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.hdel(self._key, str(channel))
