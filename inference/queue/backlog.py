"""The number of waiting jobs and of live workers, from which a worker computes its share."""

from collections.abc import Sequence

from inference.errors import QueueUnavailable
from inference.queue.connection import Client, translated
from inference.queue.keys import GROUP, Keys
from inference.queue.redis_clock import CLOCK
from inference.schema import Priority, Task

_PRIORITIES: tuple[Priority, ...] = ("waiting", "unasked")


class Backlog:
    """The backlog of some tasks.

    Args:
        redis: For short commands.
        keys: The key names.
        tasks: The tasks that one worker serves.
    """

    def __init__(self, redis: Client, keys: Keys, tasks: Sequence[Task]) -> None:
        self._redis = redis
        self._keys = keys
        self._tasks = tuple(tasks)

    async def look(self) -> list[tuple[int, int]]:
        """Count jobs and workers.

        Returns:
            For each task: the number of jobs that no worker has claimed, and of live workers. Empty while
            Redis is away.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for task in self._tasks:
            pipeline.zcount(self._keys.workers(task), CLOCK(), "+inf")
            for priority in _PRIORITIES:
                pipeline.xlen(self._keys.jobs(task, priority))
                pipeline.xpending(self._keys.jobs(task, priority), GROUP)
        try:
            async with translated():
                # A stream that no worker has read yet has no group, so that XPENDING answers with an error.
                answers = await pipeline.execute(raise_on_error=False)
        except QueueUnavailable:
            return []
        width = 1 + 2 * len(_PRIORITIES)
        return [_count(answers[at : at + width]) for at in range(0, len(answers), width)]


def _count(answers: Sequence[object]) -> tuple[int, int]:
    workers, *streams = answers
    jobs = 0
    for length, pending in zip(streams[::2], streams[1::2], strict=True):
        # A finished job's entry is deleted: what is in the stream is unclaimed or pending.
        claimed = pending["pending"] if isinstance(pending, dict) else 0
        jobs += max(0, length - claimed) if isinstance(length, int) else 0
    return jobs, workers if isinstance(workers, int) else 0
