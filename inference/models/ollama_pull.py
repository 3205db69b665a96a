"""Fetching a model into Ollama, once for all who wait for it."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

from ollama import ProgressResponse

from inference.engines import PullProgress

log = logging.getLogger(__name__)

TELL_SECONDS: Final = 1.0
"""Between two words of how far it is."""


class Pull(Protocol):
    """Begins to fetch the model; gives how far it is, again and again, until it is there."""

    def __call__(self) -> AsyncGenerator[ProgressResponse, None]:
        """Begin."""


class Puller:
    """Fetches one model. It goes on though whoever asked stops waiting: the next one finds it further.

    Args:
        pull: Fetches it.
        clock: Seconds that never go back.
    """

    def __init__(self, pull: Pull, clock: Callable[[], float] = time.monotonic) -> None:
        self._pull = pull
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._done: float | None = None

    async def wait(self) -> AsyncGenerator[PullProgress, None]:
        """Wait until the model is there.

        Yields:
            How far it is: at once, and then at most once in `TELL_SECONDS` when it has come further.

        Raises:
            Exception: What the pull raises.
        """
        if self._task is None or self._task.done():
            self._done = None
            self._task = asyncio.create_task(self._run(), name="pull")
            # Nobody may be waiting any more when it fails.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        task = self._task
        told: float | None = math.nan
        while not task.done():
            if told != self._done:
                told = self._done
                yield PullProgress(told)
            await asyncio.wait([task], timeout=TELL_SECONDS)
        task.result()

    async def _run(self) -> None:
        parts: dict[str, tuple[int, int]] = {}
        began = self._clock()
        log.info("fetching the model that converses")
        async for word in self._pull():
            if word.digest and word.total:
                parts[word.digest] = (word.completed or 0, word.total)
                done = sum(part for part, _ in parts.values()) / sum(total for _, total in parts.values())
                self._done = min(1.0, max(0.0, done))
        log.info("the model that converses was fetched in %.0f s", self._clock() - began)

    async def close(self) -> None:
        """Stop fetching; Ollama keeps what it has and goes on from there the next time."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
