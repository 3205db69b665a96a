"""The worker process: claims jobs in Redis, runs the models, and publishes replies.

Failures and their scope:

    an unusable image or question     its own job gets a failure reply
    the model raises on a job         that job: its batch is split until the job is isolated
    a job kills the worker            its batch is claimed by others, each job isolated; given up after three
                                      times
    the model is broken               this worker, which exits instead of counting as ready
    Redis is away                     the worker waits; jobs in flight whose claims run out are run again
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from inference.engines import ChatEngine, Engine
from inference.errors import BeholderError
from inference.images.decoder_pool import DecoderPool
from inference.images.reader import PictureReader
from inference.model_thread import ModelThread, all_ended
from inference.models.catalogue import served
from inference.models.errors import ModelUnavailable
from inference.models.libraries import check_libraries, import_errors
from inference.models.progress import Progress, default_progress, each_of
from inference.queue.backlog import Backlog
from inference.queue.cancellations import CancellationListener
from inference.queue.connection import connect
from inference.queue.consumer import Consumer, worker_name
from inference.queue.embedded_redis import running_redis
from inference.queue.keys import Keys
from inference.queue.loading_state import LoadingAnnouncer
from inference.schema import Task
from inference.settings import WorkerSettings
from inference.stop_signals import stop_on_signals, unless_stopped
from inference.worker.base import STOP_TIMEOUT_S, WorkerLoop
from inference.worker.chat_loop import ChatLoop
from inference.worker.errors import WORKER_BROKEN
from inference.worker.pipeline import Pipeline

log = logging.getLogger(__name__)

FAILED: Final = 1
"""Exit code: a restarted worker may succeed."""
FATAL: Final = 2
"""Exit code: only the operator can fix it."""

_THREADS_END_S: Final = 0.2
"""Seconds for idle threads to end before the process exits without them."""

Load = Callable[[Task, WorkerSettings, Progress], Engine]
T = TypeVar("T")
LoadChat = Callable[[WorkerSettings, Progress], ChatEngine | None]


async def serve(  # noqa: PLR0913 - each is optional but the first three
    settings: WorkerSettings,
    engines: Mapping[Task, Engine],
    redis_url: str,
    *,
    stop: asyncio.Event,
    keys: Keys | None = None,
    chat: ChatEngine | None = None,
    stop_timeout_s: float = STOP_TIMEOUT_S,
    loading: LoadingAnnouncer | None = None,
) -> None:
    """Serve jobs until `stop` is set.

    The engines are warmed up first; only then does the worker count as ready. What comes meanwhile waits.

    Args:
        settings: The worker's settings.
        engines: The engine of each task but `converse`.
        redis_url: The queue's Redis.
        stop: When set, the worker takes no more jobs, finishes those in flight that end soon, and gives the
            others back. A loop that cannot go on sets it too, so that the other loop ends in good order.
        keys: The key names.
        chat: The engine of `converse`; None: that task is not served.
        stop_timeout_s: Seconds for the jobs in flight to finish once `stop` is set.
        loading: Announces the tasks until the worker is ready for them; None: an announcer of its own.

    Raises:
        ModelBroken: A model fails on a blank image, or on job after job.
        CallTimeout: A model does not return.
        DecoderUnavailable: The decoder processes do not start.
    """
    keys = keys or Keys()
    redis = connect(redis_url)
    announcing: contextlib.AbstractAsyncContextManager[None] = contextlib.nullcontext()
    if loading is None:
        tasks: tuple[Task, ...] = (*engines, "converse") if chat is not None else tuple(engines)
        loading = LoadingAnnouncer(redis, keys, worker_name(), tasks)
        announcing = loading.running()
    batch_jobs = Consumer(redis, keys, tuple(engines), loading.worker, settings, loading=loading)
    chat_jobs = Consumer(redis, keys, ("converse",), loading.worker, settings, loading=loading)
    isolation_lock = asyncio.Lock()
    loops: list[WorkerLoop] = []
    try:
        async with announcing, DecoderPool(settings) as decoder:
            if engines:
                await batch_jobs.ensure_groups()
                backlog = Backlog(redis, keys, tuple(engines))
                loops.append(
                    Pipeline(batch_jobs, backlog, decoder, engines, settings, isolation_lock, stop_timeout_s)
                )
            if chat is not None:
                await chat_jobs.ensure_groups()
                cancellations = CancellationListener(redis, keys)
                reader = PictureReader(chat_jobs, decoder)
                loops.append(
                    ChatLoop(chat_jobs, cancellations, reader, chat, settings, isolation_lock, stop_timeout_s)
                )
            await _run_loops(loops, stop)
    finally:
        await batch_jobs.close()
        await chat_jobs.close()
        await redis.aclose()


async def _run_loops(loops: Sequence[WorkerLoop], stop: asyncio.Event) -> None:
    """Run the loops side by side until they stop; where one cannot go on, the others are told to stop."""
    tasks = [asyncio.create_task(loop.run(stop)) for loop in loops]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        stop.set()
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        task.result()


def load_model(task: Task, settings: WorkerSettings, progress: Progress) -> Engine:
    """Load the engine of a task, with a progress bar where the model must be downloaded.

    Args:
        task: The task.
        settings: The model and the device.
        progress: Called with each step of a download, beside the bar.

    Raises:
        ModelUnavailable: The model cannot be loaded; the message says what to do.
    """
    with import_errors():
        # This imports torch and transformers, which takes seconds.
        from inference.models.loading import load  # noqa: PLC0415

    return load(task, settings, each_of(default_progress(), progress))


def load_chat(settings: WorkerSettings, progress: Progress) -> ChatEngine | None:
    """Load the engine of the `converse` task; None where the settings name no model for it.

    Args:
        settings: The model and the device.
        progress: Called with each step of a download, beside the bar.

    Raises:
        ModelUnavailable: The model cannot be loaded; the message says what to do.
    """
    from inference.models import chat_loading  # noqa: PLC0415 - it may import torch

    return chat_loading.load_chat(settings, each_of(default_progress(), progress))


def main(settings: WorkerSettings, load: Load = load_model, load_chat: LoadChat = load_chat) -> int:
    """Run a worker until SIGTERM or SIGINT, as a process of its own.

    Args:
        settings: The worker's settings.
        load: Loads the engine of a task.
        load_chat: Loads the engine of `converse`.

    Returns:
        The exit code: 0 after a stop signal; `FAILED` or `FATAL` after a message on standard error.
    """
    loading = ModelThread("load")
    code = asyncio.run(_main(settings, load, load_chat, loading))
    loading.close()
    if "torch" in sys.modules or not all_ended(_THREADS_END_S):
        # Python takes two seconds to unload torch, and a thread that is still inside a model would crash the
        # process meanwhile. Everything that needs closing is closed.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


async def _main(settings: WorkerSettings, load: Load, load_chat: LoadChat, loading: ModelThread) -> int:
    stop = asyncio.Event()
    stop_on_signals(stop, "the worker")
    try:
        check_libraries(settings)
        async with contextlib.AsyncExitStack() as stack:
            redis_url = await unless_stopped(stop, stack.enter_async_context(running_redis(settings)))
            if redis_url is not None:
                await _load_and_serve(settings, load, load_chat, loading, redis_url, stop)
    except BeholderError as error:
        sys.stderr.write(f"beholder worker: {error}\n")
        return FATAL
    except WORKER_BROKEN as error:
        sys.stderr.write(f"beholder worker: {error}\n")
        return FAILED
    return 0


async def _load_and_serve(
    settings: WorkerSettings,
    load: Load,
    load_chat: LoadChat,
    thread: ModelThread,
    redis_url: str,
    stop: asyncio.Event,
) -> None:
    """Load the engines and serve jobs; the tasks are announced from before their models are loaded.

    Where only the operator can put right what is wrong, the announcements are withdrawn at once; a worker
    that is stopped, or may succeed when it is started again, leaves them until they run out.
    """
    redis = connect(redis_url)
    loading = LoadingAnnouncer(redis, Keys(), worker_name(), served(settings))
    try:
        async with loading.running():
            try:
                engines, chat = await _load(settings, load, load_chat, thread, loading, stop)
                if not engines and chat is None and not stop.is_set():
                    raise ModelUnavailable(
                        "There is no model for any task in BEHOLDER_TASKS: add a task to it."
                    )
                if not stop.is_set():
                    await serve(settings, engines, redis_url, stop=stop, chat=chat, loading=loading)
            except BeholderError:
                await loading.withdraw()
                raise
    finally:
        await redis.aclose()


async def _load(
    settings: WorkerSettings,
    load: Load,
    load_chat: LoadChat,
    thread: ModelThread,
    loading: LoadingAnnouncer,
    stop: asyncio.Event,
) -> tuple[dict[Task, Engine], ChatEngine | None]:
    """Load the engines; return early, without the missing ones, when `stop` is set."""
    stopped = asyncio.create_task(stop.wait())

    async def unless_stopped(function: Callable[..., T], *arguments: object) -> T | None:
        if stop.is_set():
            return None
        call = asyncio.create_task(thread.call(function, *arguments))
        await asyncio.wait([call, stopped], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            call.cancel()
            return None
        return await call

    try:
        engines: dict[Task, Engine] = {}
        for number, task in enumerate((task for task in settings.tasks if task != "converse"), 1):
            await loading.begin(number)
            engine = await unless_stopped(load, task, settings, loading.progress)
            if engine is not None:
                engines[task] = engine
        chat = None
        if "converse" in settings.tasks:
            await loading.begin(len(engines) + 1)
            chat = await unless_stopped(load_chat, settings, loading.progress)
    finally:
        stopped.cancel()
    return engines, chat
