"""The clock by which jobs are submitted and expire: Redis's, the same for every bot and worker."""

from typing import Final

from inference.clock import ServerClock
from inference.queue.connection import Client, translated

CLOCK: Final = ServerClock()
"""Unix time by the clock of this process's Redis."""


async def learn_time(redis: Client) -> None:
    """Read Redis's clock.

    Raises:
        QueueUnavailable: Redis cannot be reached; the clock goes on as it was learned before.
    """
    async with translated():
        seconds, microseconds = await redis.time()
    CLOCK.learn(seconds + microseconds / 1e6)
