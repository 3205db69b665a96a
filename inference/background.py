"""Tasks that run for as long as their process: one that fails is logged, counted, and started again."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from inference.errors import error_place

log = logging.getLogger(__name__)

MIN_RESTART_DELAY_S: Final = 1.0
MAX_RESTART_DELAY_S: Final = 60.0
"""Seconds before a task that failed is started again; doubled with each failure."""
HEALTHY_AFTER_S: Final = 60.0
"""Seconds after which a task counts as healthy: its next failure counts as the first."""


class BackgroundTasks:
    """The background tasks of one process.

    Args:
        min_restart_delay_s: Seconds before a task that failed is started again the first time.

    Attributes:
        failures: How often each task has failed, by its name.
    """

    def __init__(self, *, min_restart_delay_s: float = MIN_RESTART_DELAY_S) -> None:
        self.failures: Counter[str] = Counter()
        self._min_restart_delay_s = min_restart_delay_s
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns; where it raises, again. A task of the same name is stopped before."""
        if name in self._running:
            self._running.pop(name).cancel()
        task = asyncio.create_task(self._keep_running(name, work), name=name)
        self._running[name] = task

    async def stop(self, *names: str) -> None:
        """Cancel the tasks of these names, or all, and wait for their end."""
        tasks = [self._running.pop(each) for each in names or tuple(self._running) if each in self._running]
        # Again and again: 3.11's `wait_for` may swallow a cancellation.
        while left := [task for task in tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.5)

    async def _keep_running(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        clock = asyncio.get_running_loop().time
        delay_s = self._min_restart_delay_s
        while True:
            started = clock()
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
                self.failures[name] += 1
                if clock() - started > HEALTHY_AFTER_S:
                    delay_s = self._min_restart_delay_s
                log.error("%s failed (%s), again in %.0f s", name, error_place(error), delay_s)  # noqa: TRY400
            else:
                return
            await asyncio.sleep(delay_s)
            delay_s = min(MAX_RESTART_DELAY_S, 2 * delay_s)
