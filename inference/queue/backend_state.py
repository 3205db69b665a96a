"""The last problem of a worker's model server, for its log and for `/status`."""

import contextlib
import logging
from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from inference.errors import (
    BeholderError,
    ChatBusy,
    ChatModelMissing,
    ChatNotAllowed,
    ChatNotBegun,
    ChatNotOllama,
    ChatNoVision,
    ChatOutOfMemory,
    ChatUnavailable,
    QueueUnavailable,
)
from inference.queue.connection import Client, translated
from inference.queue.keys import TASKS, Keys
from inference.queue.redis_clock import CLOCK
from inference.schema import Task

log = logging.getLogger(__name__)

PROBLEM_RETENTION_S: Final = 3600
"""Seconds after which a problem that has not shown again counts as over."""
OPERATORS: Final = (
    ChatBusy,
    ChatModelMissing,
    ChatNoVision,
    ChatNotAllowed,
    ChatNotBegun,
    ChatNotOllama,
    ChatOutOfMemory,
    ChatUnavailable,
)
"""Errors that are no member's fault, and that an operator can put right."""


class BackendProblem(BaseModel):
    """A problem of a worker's model server.

    Attributes:
        code: The error's code.
        sentence: What is wrong, and what the operator can do. It has names from the settings, but no token
            and nothing that a member wrote.
        at: Unix time in seconds at which it last showed.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    sentence: str
    at: float


class QueueStatus(BaseModel):
    """The state of the queue and its workers.

    Attributes:
        workers: The number of live workers of each task.
        open_jobs: The jobs that wait or run.
        problems: The last problems of live workers' model servers, each once.
    """

    model_config = ConfigDict(frozen=True)

    workers: dict[Task, int]
    open_jobs: int
    problems: tuple[BackendProblem, ...] = ()


class BackendState:
    """Reports the problems of one worker's model server: in the log once for each change, and in Redis.

    Args:
        redis: The Redis client.
        keys: The key names.
        worker: The worker's name, as in its heartbeat.
        task: The task that the server is used for.
        clock: Returns Unix time in seconds.
    """

    def __init__(
        self, redis: Client, keys: Keys, worker: str, task: Task, clock: Callable[[], float] = CLOCK
    ) -> None:
        self._redis = redis
        self._key = keys.problems(task)
        self._worker = worker
        self._clock = clock
        self._last: tuple[str, str] | None = None

    async def failed(self, error: BeholderError) -> None:
        """Report an error, where it is one for the operator. While Redis is away it is only logged."""
        if not isinstance(error, OPERATORS):
            return
        problem = BackendProblem(code=error.code, sentence=str(error), at=self._clock())
        if self._last != (problem.code, problem.sentence):
            self._last = (problem.code, problem.sentence)
            log.error("conversations fail: %s", problem.sentence)
        with contextlib.suppress(QueueUnavailable):
            async with translated(), self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(self._key, self._worker, problem.model_dump_json())
                pipe.expire(self._key, PROBLEM_RETENTION_S)
                await pipe.execute()

    async def worked(self) -> None:
        """Report that the model server works."""
        if self._last is None:
            return
        with contextlib.suppress(QueueUnavailable):
            async with translated():
                await self._redis.hdel(self._key, self._worker)
            log.info("conversations work again")
            self._last = None


async def read_status(redis: Client, keys: Keys) -> QueueStatus:
    """Read the state of the queue and its workers.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    workers: dict[Task, int] = {}
    problems: dict[str, BackendProblem] = {}
    async with translated():
        seconds, microseconds = await redis.time()
        now = seconds + microseconds / 1e6
        for task in TASKS:
            alive = await redis.zrangebyscore(keys.workers(task), f"({now}", "+inf")
            workers[task] = len(alive)
            raw = await redis.hgetall(keys.problems(task))
            for worker, value in raw.items():
                problem = _parse(value)
                if worker in alive and problem is not None and problem.at > now - PROBLEM_RETENTION_S:
                    problems[problem.sentence] = problem
        open_jobs = await redis.zcount(keys.open, f"({now}", "+inf")
    return QueueStatus(workers=workers, open_jobs=open_jobs, problems=tuple(problems.values()))


def _parse(raw: bytes | str) -> BackendProblem | None:
    """Parse a problem; None where another version wrote it."""
    try:
        return BackendProblem.model_validate_json(raw)
    except ValidationError:
        return None
