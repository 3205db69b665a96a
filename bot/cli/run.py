"""`beholder run`: Redis, a worker and the bot, without a token in a pocket Discord; `beholder playground`."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any

from pydantic import SecretStr

from bot.cli.banner import chat_lines
from bot.cli.instance_lock import AlreadyRunning, only_instance
from bot.cli.supervisor import FATAL, Child, keep_all_running
from bot.playground.pocket import always_ready
from bot.playground.routes.playground import session
from bot.playground.server import ListenError, PocketDiscord
from bot.playground.state.store import StoreError
from bot.settings import BotSettings, RunSettings, queue_name
from inference.errors import BeholderError
from inference.models.catalogue import in_local_cache, served
from inference.models.libraries import check_libraries
from inference.queue.client import InferenceClient
from inference.queue.connection import connect, end
from inference.queue.embedded_redis import running_redis
from inference.queue.monitor import watch_results
from inference.sandbox.parent_death import die_with_parent
from inference.schema import Failure, Result
from inference.settings import ModelSize
from inference.stop_signals import stop_on_signals, unless_stopped

log = logging.getLogger(__name__)

NOT_INHERITED = {"DISCORD_TOKEN", "REDIS_URL", "BEHOLDER_MODELS"}
"""Environment variables that a child process does not inherit: it gets values of its own."""


def print_line(line: str) -> None:
    """Print a line and flush, so that it is visible at once where stdout is a pipe."""
    print(line, flush=True)


def chosen_models(settings: RunSettings) -> ModelSize:
    """Return the models' size as set; else base, or tiny if there is no token and no base in the cache."""
    if "models" in settings.model_fields_set or settings.token is not None or in_local_cache("base"):
        return settings.models
    return "tiny"


def with_models(settings: RunSettings) -> RunSettings:
    """Return the settings with the chosen models, as the worker gets them."""
    return settings.model_copy(update={"models": chosen_models(settings)})


def child_environment(settings: RunSettings, redis_url: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Make a child process's environment: this process's without `NOT_INHERITED`, then `extra`.

    Only the bot gets the token, in `extra`.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    # An empty value keeps a child from reading the token from .env.
    return {
        **inherited,
        "DISCORD_TOKEN": "",
        "REDIS_URL": redis_url,
        "BEHOLDER_MODELS": chosen_models(settings),
        "BEHOLDER_DATA_DIR": str(settings.data_dir),
        **extra,
    }


def pocket_discord(
    settings: RunSettings, worker_ready: Callable[[], Awaitable[bool]], models: str = ""
) -> PocketDiscord:
    """Make the pocket Discord with these settings. Entering it as a context starts it.

    Args:
        settings: Its address and data folder.
        worker_ready: Returns whether each task is served by a ready worker, for `/playground/session`.
        models: The models' size, for the page.
    """
    return PocketDiscord(
        settings.data_dir / "playground",
        host=settings.playground_host,
        port=settings.playground_port,
        worker_ready=worker_ready,
        models=models,
    )


async def bot_environment(discord: PocketDiscord) -> dict[str, str]:
    """Return the environment variables with which a bot connects to a pocket Discord."""
    return {
        "DISCORD_TOKEN": discord.bot_token,
        "BEHOLDER_DISCORD_API": discord.api,
        "BEHOLDER_DISCORD_GATEWAY": discord.gateway,
        "BEHOLDER_CAPTION_CHANNELS": str((await session(discord.pocket))["channel_id"]),
    }


async def show_jobs(discord: PocketDiscord, redis_url: str) -> None:
    """Add the outcomes of the bot's jobs to the page's inspector, until cancelled."""
    name = queue_name(discord.application_id, BotSettings())
    redis = connect(redis_url)
    try:
        async for outcome in watch_results(redis, name):
            discord.inspect(job_entry(outcome, time.time()))
    finally:
        await redis.aclose()


def job_entry(outcome: Result | Failure, now: float) -> dict[str, Any]:
    """Make the inspector's entry for a job's outcome, without members' or models' text.

    Args:
        outcome: The outcome.
        now: Unix time at which it was read.

    Returns:
        The entry; `times` has the milliseconds of each stage: `waited` in the queue, `decode`, `forward` in
        the model, and `reply` from there to `now`.
    """
    entry: dict[str, Any] = {"kind": "job", "job": outcome.job_id}
    if isinstance(outcome, Failure):
        return entry | {"name": f"failed: {outcome.code}", "status": outcome.code}
    times = outcome.timings
    stages = {"waited": times.waited, "decode": times.decode, "forward": times.forward}
    if times.done is not None:
        stages["reply"] = max(0.0, now - times.done) * 1000
    rounded = {stage: round(milliseconds, 1) for stage, milliseconds in stages.items()}
    return entry | {"name": outcome.outcome.task, "times": rounded, "batch": times.batch}


@contextlib.asynccontextmanager
async def running_discord(settings: RunSettings, redis_url: str) -> AsyncIterator[dict[str, str]]:
    """Provide a Discord while the context lasts: the real one if there is a token, else a pocket Discord.

    Yields:
        The environment variables with which the bot connects to it.
    """
    if settings.token is not None:
        yield {"DISCORD_TOKEN": settings.token.get_secret_value()}
        return
    queue_settings = settings.model_copy(update={"redis_url": SecretStr(redis_url)})
    async with InferenceClient.open(queue_settings, "run") as queue:

        async def worker_ready() -> bool:
            return await queue.workers_ready(served(with_models(settings)))

        async with pocket_discord(settings, worker_ready, chosen_models(settings)) as discord:
            print_line(f"  Discord   no token was given: a pocket Discord at {discord.url}")
            watching = asyncio.create_task(show_jobs(discord, redis_url), name="jobs for the inspector")
            try:
                yield await bot_environment(discord)
            finally:
                await end(watching)


def print_models(settings: RunSettings) -> None:
    """Print the models' size, and for the tiny models how to get the real ones."""
    models = chosen_models(settings)
    print_line(f"  Models    {models}")
    if models == "tiny":
        print_line("            They know coloured shapes only; `make models` fetches the real ones.")


async def print_chat(settings: RunSettings) -> None:
    """Print the lines about conversations, indented below their label."""
    labels = itertools.chain(["  Chat      "], itertools.repeat("            "))
    for label, line in zip(labels, await chat_lines(with_models(settings)), strict=False):
        print_line(label + line)


async def run(settings: RunSettings, stopped: asyncio.Event) -> int:
    """Run everything until `stopped` is set.

    Returns:
        The exit code.
    """
    check_libraries(with_models(settings))
    # Settings that only the bot reads are checked before anything starts, too.
    bot_settings = BotSettings()
    with only_instance(bot_settings):
        return await _run(settings, stopped)


async def _run(settings: RunSettings, stopped: asyncio.Event) -> int:
    async with contextlib.AsyncExitStack() as stack:
        print_line("Beholder is starting.")
        print_line(f"  Redis     {'the one in REDIS_URL' if settings.redis_url else 'started by Beholder'}")
        redis_url = await unless_stopped(stopped, stack.enter_async_context(running_redis(settings)))
        if redis_url is None:
            return 0
        print_models(settings)
        await print_chat(settings)
        async with running_discord(settings, redis_url) as for_bot:
            worker = Child("worker", ["worker"], child_environment(settings, redis_url, {}))
            bot = Child("bot", ["bot"], child_environment(settings, redis_url, for_bot))
            print_line("            Ctrl-C stops everything.")
            return await keep_all_running([worker, bot], stopped)


async def _until_signal(settings: RunSettings) -> int:
    stopped = asyncio.Event()
    stop_on_signals(stopped, "the worker, the bot and Redis")
    return await run(settings, stopped)


def _outcome(running: Coroutine[Any, Any, int]) -> int:
    """Run until the end, and say in one sentence why it could not start.

    Returns:
        The exit code.
    """
    try:
        return asyncio.run(running)
    except (BeholderError, StoreError, ListenError, AlreadyRunning) as error:
        print(f"beholder: {error}", file=sys.stderr, flush=True)
        return FATAL


def main(*, tied: bool) -> int:
    """Run everything until Ctrl-C.

    Args:
        tied: Stop when the parent process ends, so that a killed `make run` leaves no process behind.

    Returns:
        The exit code.
    """
    if tied:
        die_with_parent(how=signal.SIGTERM)
    return _outcome(_until_signal(RunSettings()))


async def _serve_pocket(settings: RunSettings) -> int:
    stopped = asyncio.Event()
    stop_on_signals(stopped, "the pocket Discord")
    async with pocket_discord(settings, always_ready) as discord:
        print_line(f"A pocket Discord: {discord.url}")
        print_line("Environment variables for a bot:")
        for name, value in (await bot_environment(discord)).items():
            print_line(f"  {name}={value}")
        await stopped.wait()
    return 0


def playground() -> int:
    """Run the pocket Discord alone until Ctrl-C.

    Returns:
        The exit code.
    """
    return _outcome(_serve_pocket(RunSettings()))
