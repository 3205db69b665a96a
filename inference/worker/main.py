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
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from inference.engines import ChatEngine, Engine
from inference.errors import BeholderError
from inference.images.decoder_pool import DecoderPool
from inference.images.reader import PictureReader
from inference.model_thread import ModelThread, all_ended
from inference.models.errors import ModelUnavailable
from inference.queue.backlog import Backlog
from inference.queue.cancellations import CancellationListener
from inference.queue.connection import connect
from inference.queue.consumer import Consumer
from inference.queue.embedded_redis import running_redis
from inference.queue.keys import Keys
from inference.schema import Task
from inference.settings import WorkerSettings
from inference.worker.chat_loop import ChatLoop
from inference.worker.pipeline import BROKEN, Pipeline

log = logging.getLogger(__name__)

FAILED: Final = 1
"""Exit code: a fresh worker may do better."""
FATAL: Final = 2
"""Exit code: only the operator can mend it."""

_END_SECONDS: Final = 0.2
"""That threads with nothing left to do get to end."""

Load = Callable[[Task, WorkerSettings], Engine]
T = TypeVar("T")
LoadChat = Callable[[WorkerSettings], ChatEngine | None]


class Part(Protocol):
    """A part of a worker that serves some of its tasks."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""


async def serve(
    settings: WorkerSettings,
    engines: Mapping[Task, Engine],
    redis_url: str,
    *,
    stop: asyncio.Event,
    keys: Keys | None = None,
    chat: ChatEngine | None = None,
) -> None:
    """Work until `stop` is set.

    It warms the engines up first and counts as ready only then.

    Args:
        settings: What the worker was told.
        engines: What serves each task but conversations.
        redis_url: Where the queue is.
        stop: Set it, and the worker takes no more, finishes its batch if that is quick, gives the rest back.
            It is set as well where a part of the worker cannot go on, so that the others end in good order.
        keys: The key names.
        chat: What serves conversations, where they are served.

    Raises:
        QueueUnavailable: Redis cannot be reached at the start; later the worker waits for it.
        ModelBroken: A model fails on a blank picture, or on job after job.
        Hanging: A model does not come back.
        IntakeBroken: The processes that decode pictures do not start.
    """
    keys = keys or Keys()
    redis = connect(redis_url)
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    seeing = Consumer(redis, keys, tuple(engines), name, settings)
    talking = Consumer(redis, keys, ("converse",), name, settings)
    alone = asyncio.Lock()
    parts: list[Part] = []
    try:
        async with DecoderPool(settings) as intake:
            if engines:
                await seeing.ensure_groups()
                backlog = Backlog(redis, keys, tuple(engines))
                parts.append(Pipeline(seeing, backlog, intake, engines, settings, alone))
            if chat is not None:
                await talking.ensure_groups()
                reader = PictureReader(talking, intake)
                parts.append(
                    ChatLoop(talking, CancellationListener(redis, keys), reader, chat, settings, alone)
                )
            await _side_by_side(parts, stop)
    finally:
        await seeing.close()
        await talking.close()
        await redis.aclose()


async def _side_by_side(parts: Sequence[Part], stop: asyncio.Event) -> None:
    """Run the parts until they stop; where one cannot go on, the others stop as if they were told to."""
    works = [asyncio.create_task(part.run(stop)) for part in parts]
    try:
        await asyncio.wait(works, return_when=asyncio.FIRST_EXCEPTION)
        stop.set()
        await asyncio.wait(works)
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
    for work in works:
        work.result()


def load_model(task: Task, settings: WorkerSettings) -> Engine:
    """Load the model that the settings name, with a progress bar where it must be fetched.

    Raises:
        ModelUnavailable: It cannot be had; the sentence says what to do.
    """
    # This imports torch and transformers, which takes seconds.
    from inference.models.loading import load  # noqa: PLC0415

    return load(task, settings)


def load_chat(settings: WorkerSettings) -> ChatEngine | None:
    """Make the engine that converses, where the settings have one.

    Raises:
        ModelUnavailable: It cannot be had; the sentence says what to do.
    """
    from inference.models import chat_loading  # noqa: PLC0415 - it may import torch

    return chat_loading.load_chat(settings)


def main(settings: WorkerSettings, load: Load = load_model, load_chat: LoadChat = load_chat) -> int:
    """Run a worker until SIGTERM or SIGINT, as a process of its own.

    Args:
        settings: What it was told.
        load: Gives the engine of a task.
        load_chat: Gives the engine that converses.

    Returns:
        The exit code: 0 when it was told to stop, `FAILED` or `FATAL`, after a sentence on standard error.
    """
    loading = ModelThread("load")
    code = asyncio.run(_main(settings, load, load_chat, loading))
    loading.close()
    if "torch" in sys.modules or not all_ended(_END_SECONDS):
        # Python needs two seconds to take torch apart, and a thread in the middle of a model's work would
        # crash it meanwhile. There is nothing left that wants closing.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


async def _main(settings: WorkerSettings, load: Load, load_chat: LoadChat, loading: ModelThread) -> int:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    try:
        async with running_redis(settings) as redis_url:
            engines, chat = await _load(settings, load, load_chat, loading, stop)
            if not engines and chat is None and not stop.is_set():
                raise ModelUnavailable("There is no model for anything in BEHOLDER_TASKS: add a task to it.")
            if not stop.is_set():
                await serve(settings, engines, redis_url, stop=stop, chat=chat)
    except BeholderError as error:
        sys.stderr.write(f"beholder worker: {error}\n")
        return FATAL
    except BROKEN as error:
        sys.stderr.write(f"beholder worker: {error}\n")
        return FAILED
    return 0


async def _load(
    settings: WorkerSettings, load: Load, load_chat: LoadChat, loading: ModelThread, stop: asyncio.Event
) -> tuple[dict[Task, Engine], ChatEngine | None]:
    """Load the engines; return early, without them, when told to stop."""
    stopped = asyncio.create_task(stop.wait())

    async def unless_stopped(function: Callable[..., T], *arguments: object) -> T | None:
        if stop.is_set():
            return None
        call = asyncio.create_task(loading.call(function, *arguments))
        await asyncio.wait([call, stopped], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            call.cancel()
            return None
        return await call

    try:
        engines: dict[Task, Engine] = {
            task: engine
            for task in settings.tasks
            if task != "converse" and (engine := await unless_stopped(load, task, settings)) is not None
        }
        chat = await unless_stopped(load_chat, settings) if "converse" in settings.tasks else None
    finally:
        stopped.cancel()
    return engines, chat
