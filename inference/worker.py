"""The worker: it takes jobs from Redis, runs the models, and answers.

What goes wrong, and what it costs:

    a picture or a question           its own job, which is answered so
    a job on which the model raises   itself: the batch is split until it is alone
    a job that kills the worker       its batch comes again, each job alone; after three times it is given up
    a model that is broken            this worker, which exits rather than look healthy
    Redis                             nothing while it is away; what was in hand is done again by someone
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Final

from inference.backlog import Backlog
from inference.embedded_redis import running_redis
from inference.engine import Engine
from inference.errors import BeholderError
from inference.intake import Intake
from inference.jobs import Task
from inference.keys import Keys
from inference.lane import Lane, all_ended
from inference.pipeline import BROKEN, Pipeline
from inference.redis_connection import connect
from inference.settings import WorkerSettings
from inference.streams import Consumer

log = logging.getLogger(__name__)

FAILED: Final = 1
"""Exit code: a fresh worker may do better."""
FATAL: Final = 2
"""Exit code: only the operator can mend it."""

_END_SECONDS: Final = 0.2
"""That threads with nothing left to do get to end."""

Load = Callable[[Task, WorkerSettings], Engine]


async def serve(
    settings: WorkerSettings,
    engines: Mapping[Task, Engine],
    redis_url: str,
    *,
    stop: asyncio.Event,
    keys: Keys | None = None,
) -> None:
    """Work until `stop` is set.

    It warms the engines up first and counts as ready only then.

    Args:
        settings: What the worker was told.
        engines: What serves each task.
        redis_url: Where the queue is.
        stop: Set it, and the worker takes no more, finishes its batch if that is quick, gives the rest back.
        keys: The key names.

    Raises:
        QueueUnavailable: Redis cannot be reached at the start; later the worker waits for it.
        ModelBroken: A model fails on a blank picture, or on job after job.
        Hanging: A model does not come back.
        IntakeBroken: The processes that decode pictures do not start.
    """
    keys = keys or Keys()
    redis = connect(redis_url)
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    consumer = Consumer(redis, keys, tuple(engines), name, settings)
    try:
        await consumer.ensure_groups()
        async with Intake(settings) as intake:
            await Pipeline(consumer, Backlog(redis, keys, tuple(engines)), intake, engines, settings).run(
                stop
            )
    finally:
        await consumer.close()
        await redis.aclose()


def load_model(task: Task, settings: WorkerSettings) -> Engine:
    """Load the model that the settings name, with a progress bar where it must be fetched.

    Raises:
        ModelUnavailable: It cannot be had; the sentence says what to do.
    """
    # This imports torch and transformers, which takes seconds.
    from inference.models.loading import load  # noqa: PLC0415

    return load(task, settings)


def main(settings: WorkerSettings, load: Load = load_model) -> int:
    """Run a worker until SIGTERM or SIGINT, as a process of its own.

    Args:
        settings: What it was told.
        load: Gives the engine of a task.

    Returns:
        The exit code: 0 when it was told to stop, `FAILED` or `FATAL`, after a sentence on standard error.
    """
    loading = Lane("load")
    code = asyncio.run(_main(settings, load, loading))
    loading.close()
    if "torch" in sys.modules or not all_ended(_END_SECONDS):
        # Python needs two seconds to take torch apart, and a thread in the middle of a model's work would
        # crash it meanwhile. There is nothing left that wants closing.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


async def _main(settings: WorkerSettings, load: Load, loading: Lane) -> int:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    try:
        async with running_redis(settings) as redis_url:
            engines = await _load(settings, load, loading, stop)
            if not stop.is_set():
                await serve(settings, engines, redis_url, stop=stop)
    except BeholderError as error:
        sys.stderr.write(f"beholder worker: {error}\n")
        return FATAL
    except BROKEN as error:
        sys.stderr.write(f"beholder worker: {error}\n")
        return FAILED
    return 0


async def _load(
    settings: WorkerSettings, load: Load, loading: Lane, stop: asyncio.Event
) -> dict[Task, Engine]:
    """Load the engines; return early, without them, when told to stop."""
    engines: dict[Task, Engine] = {}
    stopped = asyncio.create_task(stop.wait())
    for task in settings.tasks:
        call = asyncio.create_task(loading.call(load, task, settings))
        await asyncio.wait([call, stopped], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            call.cancel()
            break
        engines[task] = await call
    stopped.cancel()
    return engines
