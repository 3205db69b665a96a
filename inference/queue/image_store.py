"""Pictures' bytes in Redis: put within a bound, kept for some time, fetched by reference."""

import asyncio
import hashlib
from collections.abc import Callable

from inference.errors import PictureGone, QueueFull
from inference.queue.connection import Client, translated
from inference.queue.keys import Keys, picture_name
from inference.queue.scripts import Scripts
from inference.schema import Picture
from inference.settings import QueueSettings

YOUNG_MS = 60_000
"""A picture put less than this ago is not dropped to make room: its job is on its way."""
SMALL = 2**18
"""Bytes that are hashed at once; more are hashed in a thread."""


class PictureStore:
    """Where pictures' bytes are kept, for the bot and for workers.

    Args:
        redis: Where they are.
        keys: The key names.
        settings: `queue_bytes`, `queue_jobs` and `picture_seconds`; every process must be told the same.
        clock: Gives Unix time in seconds.
    """

    def __init__(
        self, redis: Client, keys: Keys, settings: QueueSettings, clock: Callable[[], float]
    ) -> None:
        self._redis = redis
        self._run = Scripts(redis, keys)
        self._keys = keys
        self._settings = settings
        self._clock = clock

    async def put(self, scope: str, data: bytes) -> Picture:
        """Keep a picture's bytes for `picture_seconds` from now.

        Raises:
            QueueFull: Open jobs hold as many bytes as may be kept (`retry_after`).
            QueueUnavailable: Redis cannot be reached.
            ValueError: No such scope, or no bytes.
        """
        picture = Picture(scope=scope, digest=await _digest(data), size=len(data))
        if not await self.keep(picture):
            async with translated():
                await self._redis.set(
                    self._keys.picture(picture), data, px=self._settings.picture_seconds * 1000
                )
        return picture

    async def keep(self, picture: Picture) -> bool:
        """Keep a picture that was put before for another `picture_seconds`.

        Returns:
            Whether its bytes are there; there is room for them now where they are not.

        Raises:
            QueueFull: Open jobs hold as many bytes as may be kept (`retry_after`).
            QueueUnavailable: Redis cannot be reached.
        """
        life, most = self._settings.picture_seconds * 1000, self._settings.queue_bytes
        name, now = picture_name(picture), self._clock()
        status, *recent = await self._run(
            "reserve", name, picture.size, int(now * 1000), life, most, YOUNG_MS
        )
        if status == b"full":
            raise queue_full(f"{most} bytes of pictures", recent, now, self._settings.queue_jobs)
        return bool(status == b"there")

    async def get(self, picture: Picture) -> bytes:
        """Fetch a picture's bytes, exactly `picture.size` of them.

        Raises:
            PictureGone: They are no longer kept, or are not what the reference says.
            QueueUnavailable: Redis cannot be reached.
        """
        if picture.size > self._settings.queue_bytes:
            raise PictureGone
        async with translated():
            # One more than there should be: a longer one is noticed, and never read whole.
            found = await self._redis.getrange(self._keys.picture(picture), 0, picture.size)
        data = found if isinstance(found, bytes) else found.encode()
        if len(data) != picture.size:
            raise PictureGone
        return data


async def _digest(data: bytes) -> str:
    if len(data) <= SMALL:
        return hashlib.sha256(data).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())


def queue_full(what: str, recent: list[bytes], now: float, jobs: int) -> QueueFull:
    """Make the refusal of a full queue.

    Args:
        what: It holds.
        recent: Unix times in seconds at which the last jobs were finished, as Redis has them.
        now: Unix time in seconds.
        jobs: How many the queue holds.
    """
    seconds = retry_after([float(when) for when in recent], now, jobs)
    return QueueFull(
        f"The queue holds {what}, as many as it may: come back in {seconds} s.", retry_after=seconds
    )


def retry_after(finished: list[float], now: float, jobs: int) -> int:
    """Say when to come back to a full queue: when a tenth of it will have gone at the recent pace.

    Args:
        finished: Unix times in seconds at which the last jobs were finished, in any order.
        now: Unix time in seconds.
        jobs: How many the queue holds.

    Returns:
        1 to 300 seconds; 30 where nothing was finished in the last two minutes.
    """
    recent = [when for when in finished if now - 120 <= when <= now]
    if not recent:
        return 30
    pace = len(recent) / max(0.1, now - min(recent))
    return round(min(300, max(1, jobs / 10 / pace)))
