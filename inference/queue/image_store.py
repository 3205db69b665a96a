"""Image files in Redis: stored within a limit and for a limited time, fetched by reference."""

import asyncio
import hashlib
from collections.abc import Callable

from inference.errors import PictureGone, QueueFull
from inference.queue.connection import Client, translated
from inference.queue.keys import Keys, picture_name
from inference.queue.scripts import Scripts
from inference.schema import Picture
from inference.settings import QueueSettings

MIN_AGE_MS = 60_000
"""Milliseconds for which a stored image is not dropped to make room: its job is about to be submitted."""
MAX_INLINE_HASH_BYTES = 2**18
"""Bytes that are hashed in the event loop; larger files are hashed in a thread."""
PACE_WINDOW_S = 120
"""Seconds of finished jobs from which the queue's pace is computed."""
DEFAULT_RETRY_AFTER_S = 30
"""Seconds after which to come back where no job finished in that time."""
MAX_RETRY_AFTER_S = 300


class PictureStore:
    """The image files of open jobs and of results, for the bot and for workers.

    Args:
        redis: For short commands.
        keys: The key names.
        settings: `queue_bytes`, `queue_jobs` and `picture_seconds`; every process must have the same.
        clock: Returns Unix time in seconds.
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
        """Store an image file for `picture_seconds` from now. Idempotent; the same bytes are stored once.

        Raises:
            QueueFull: Images of open jobs fill the queue (`retry_after`).
            QueueUnavailable: Redis cannot be reached.
            ValueError: The scope is malformed, or `data` is empty.
        """
        picture = Picture(scope=scope, digest=await _digest(data), size=len(data))
        if not await self.keep(picture):
            async with translated():
                await self._redis.set(
                    self._keys.picture(picture), data, px=self._settings.picture_seconds * 1000
                )
        return picture

    async def keep(self, picture: Picture) -> bool:
        """Keep a stored image for another `picture_seconds`, or reserve room for it where it is gone.

        Returns:
            Whether its bytes are there.

        Raises:
            QueueFull: Images of open jobs fill the queue (`retry_after`).
            QueueUnavailable: Redis cannot be reached.
        """
        retention_ms, max_bytes = self._settings.picture_seconds * 1000, self._settings.queue_bytes
        name, now = picture_name(picture), self._clock()
        status, *recent = await self._run(
            "reserve_image", name, picture.size, int(now * 1000), retention_ms, max_bytes, MIN_AGE_MS
        )
        if status == b"full":
            raise queue_full(f"{max_bytes} bytes of images", recent, now, self._settings.queue_jobs)
        return bool(status == b"there")

    async def get(self, picture: Picture) -> bytes:
        """Fetch an image file, exactly `picture.size` bytes.

        Raises:
            PictureGone: It is no longer kept, or its size is another one.
            QueueUnavailable: Redis cannot be reached.
        """
        if picture.size > self._settings.queue_bytes:
            raise PictureGone
        async with translated():
            # One byte more than it should have: a longer one is noticed, and never read whole.
            found = await self._redis.getrange(self._keys.picture(picture), 0, picture.size)
        data = found if isinstance(found, bytes) else found.encode()
        if len(data) != picture.size:
            raise PictureGone
        return data


async def _digest(data: bytes) -> str:
    if len(data) <= MAX_INLINE_HASH_BYTES:
        return hashlib.sha256(data).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())


def queue_full(limit: str, recent: list[bytes], now: float, max_jobs: int) -> QueueFull:
    """Return the error for a full queue.

    Args:
        limit: The limit that is reached, with its unit.
        recent: Unix times in seconds at which the last jobs finished, as Redis returns them.
        now: Unix time in seconds.
        max_jobs: The most jobs that the queue holds.
    """
    seconds = retry_after([float(when) for when in recent], now, max_jobs)
    return QueueFull(
        f"The queue holds {limit}, which is its limit: come back in {seconds} s.", retry_after=seconds
    )


def retry_after(finished: list[float], now: float, max_jobs: int) -> int:
    """Return the seconds until a tenth of a full queue will be done at the recent pace.

    Args:
        finished: Unix times in seconds at which the last jobs finished, in any order.
        now: Unix time in seconds.
        max_jobs: The most jobs that the queue holds.

    Returns:
        1 to `MAX_RETRY_AFTER_S`; `DEFAULT_RETRY_AFTER_S` where no job finished within `PACE_WINDOW_S`.
    """
    recent = [when for when in finished if now - PACE_WINDOW_S <= when <= now]
    if not recent:
        return DEFAULT_RETRY_AFTER_S
    pace = len(recent) / max(0.1, now - min(recent))
    return round(min(MAX_RETRY_AFTER_S, max(1, max_jobs / 10 / pace)))
