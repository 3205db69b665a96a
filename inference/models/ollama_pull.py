"""Pulls a model into Ollama, once for all conversations that wait for it."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

from ollama import ProgressResponse

from inference.engines import PullProgress

log = logging.getLogger(__name__)

REPORT_INTERVAL_S: Final = 1.0
"""Seconds between two progress reports."""


class Pull(Protocol):
    """Pulls the model; yields Ollama's progress reports until the model is there."""

    def __call__(self) -> AsyncGenerator[ProgressResponse, None]:
        """Start to pull."""


class Puller:
    """Pulls one model. The pull goes on when its waiters stop waiting, so that the next one finds it further.

    Args:
        pull: Pulls the model.
        clock: Returns monotonic seconds.
    """

    def __init__(self, pull: Pull, clock: Callable[[], float] = time.monotonic) -> None:
        self._pull = pull
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._fraction: float | None = None

    async def wait(self) -> AsyncGenerator[PullProgress, None]:
        """Wait until the model is there; start the pull where none runs.

        Yields:
            The progress: at once, and then at most every `REPORT_INTERVAL_S` when it has changed.

        Raises:
            Exception: Any error of the pull.
        """
        if self._task is None or self._task.done():
            self._fraction = None
            self._task = asyncio.create_task(self._run(), name="pull")
            # When it fails there may be no waiter to retrieve the error.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        task = self._task
        reported: float | None = math.nan
        while not task.done():
            if reported != self._fraction:
                reported = self._fraction
                yield PullProgress(reported)
            await asyncio.wait([task], timeout=REPORT_INTERVAL_S)
        task.result()

    async def _run(self) -> None:
        layers: dict[str, tuple[int, int]] = {}
        started = self._clock()
        log.info("pulling the chat model")
        async for report in self._pull():
            if report.digest and report.total:
                layers[report.digest] = (report.completed or 0, report.total)
                done = sum(part for part, _ in layers.values()) / sum(total for _, total in layers.values())
                self._fraction = min(1.0, max(0.0, done))
        log.info("pulled the chat model in %.0f s", self._clock() - started)

    async def close(self) -> None:
        """Stop the pull; Ollama keeps what it has and resumes from there the next time."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
