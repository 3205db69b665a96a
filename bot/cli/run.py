"""`beholder run`: Redis, worker and bot in one go; without a token, in a pocket Discord."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from pydantic import Field, SecretStr, field_validator

from bot.cli.banner import chat_lines
from bot.cli.supervisor import FATAL, Child, keep_all_running
from bot.playground.pocket import always_ready
from bot.playground.routes.playground import session
from bot.playground.server import PocketDiscord
from bot.playground.state.store import StoreError
from bot.settings import BotSettings, queue_name
from inference.errors import BeholderError
from inference.models.catalogue import in_local_cache, served
from inference.queue.client import InferenceClient
from inference.queue.connection import connect, end
from inference.queue.embedded_redis import running_redis
from inference.queue.monitor import watch_results
from inference.sandbox.parent_death import die_with_parent
from inference.schema import Failure, Result
from inference.settings import ModelSize, WorkerSettings

log = logging.getLogger(__name__)

NOT_FOR_CHILDREN = {"DISCORD_TOKEN", "REDIS_URL", "BEHOLDER_MODELS"}


class RunSettings(WorkerSettings):
    """What `run` and `playground` can be told besides."""

    token: SecretStr | None = Field(None, validation_alias="DISCORD_TOKEN")

    @field_validator("token", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    playground_host: str = Field("127.0.0.1", validation_alias="BEHOLDER_PLAYGROUND_HOST")
    playground_port: int = Field(8420, ge=0, le=65535, validation_alias="BEHOLDER_PLAYGROUND_PORT")


def say(line: str) -> None:
    """Print a line for the person at the terminal, at once."""
    print(line, flush=True)


def chosen_models(settings: RunSettings) -> ModelSize:
    """Choose the models: what was asked for, else base, else (pocket Discord, base not in the cache) tiny."""
    if "models" in settings.model_fields_set or settings.token is not None or in_local_cache("base"):
        return settings.models
    return "tiny"


def with_models(settings: RunSettings) -> RunSettings:
    """Return the settings as the worker will have them."""
    return settings.model_copy(update={"models": chosen_models(settings)})


def environment(settings: RunSettings, redis_url: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Make the environment of a child: ours, less the secrets that are not its business, plus `extra`."""
    ours = {name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN}
    # An empty value keeps a child from reading the token out of .env by itself.
    return {
        **ours,
        "DISCORD_TOKEN": "",
        "REDIS_URL": redis_url,
        "BEHOLDER_MODELS": chosen_models(settings),
        "BEHOLDER_DATA_DIR": str(settings.data_dir),
        **extra,
    }


def pocket(
    settings: RunSettings, worker_ready: Callable[[], Awaitable[bool]], models: str = ""
) -> PocketDiscord:
    """Make the pocket Discord that the settings describe; it is not started yet."""
    return PocketDiscord(
        settings.data_dir / "playground",
        host=settings.playground_host,
        port=settings.playground_port,
        worker_ready=worker_ready,
        models=models,
    )


async def joining(discord: PocketDiscord) -> dict[str, str]:
    """Tell what the bot's environment needs to join a pocket Discord."""
    return {
        "DISCORD_TOKEN": discord.bot_token,
        "BEHOLDER_DISCORD_API": discord.api,
        "BEHOLDER_DISCORD_GATEWAY": discord.gateway,
        "BEHOLDER_CAPTION_CHANNELS": str((await session(discord.pocket))["channel_id"]),
    }


async def show_jobs(discord: PocketDiscord, redis_url: str) -> None:
    """Show in the page's inspector what the bot's jobs come to, and how long each stage took."""
    name = queue_name(discord.application_id, BotSettings())
    redis = connect(redis_url)
    try:
        async for outcome in watch_results(redis, name):
            discord.inspect(job_entry(outcome, time.time()))
    finally:
        await redis.aclose()


def job_entry(outcome: Result | Failure, now: float) -> dict[str, Any]:
    """Describe a job's outcome for the inspector, without what people posted or the models said.

    Args:
        outcome: It.
        now: When it came here, in Unix time; `reply` is what it took from the model to here.
    """
    entry: dict[str, Any] = {"kind": "job", "job": outcome.job_id}
    if isinstance(outcome, Failure):
        return entry | {"name": f"failed: {outcome.code}", "status": outcome.code}
    times = outcome.timings
    took = {"waited": times.waited, "decode": times.decode, "forward": times.forward}
    if times.done is not None:
        took["reply"] = max(0.0, now - times.done) * 1000
    rounded = {stage: round(milliseconds, 1) for stage, milliseconds in took.items()}
    return entry | {"name": outcome.outcome.task, "times": rounded, "batch": times.batch}


@contextlib.asynccontextmanager
async def discord_side(settings: RunSettings, redis_url: str) -> AsyncIterator[dict[str, str]]:
    """Have a Discord to join: the real one where there is a token, else a pocket one meanwhile.

    Yields:
        What the bot's environment needs to join it.
    """
    if settings.token is not None:
        yield {"DISCORD_TOKEN": settings.token.get_secret_value()}
        return
    ours = settings.model_copy(update={"redis_url": SecretStr(redis_url)})
    async with InferenceClient.open(ours, "run") as queue:

        async def worker_ready() -> bool:
            return await queue.workers_ready(served(with_models(settings)))

        async with pocket(settings, worker_ready, chosen_models(settings)) as discord:
            say(f"  Discord   a pocket one, no token was given: {discord.url}")
            looking = asyncio.create_task(show_jobs(discord, redis_url), name="jobs for the inspector")
            try:
                yield await joining(discord)
            finally:
                await end(looking)


def say_models(settings: RunSettings) -> None:
    """Say which models will answer, and how to get others."""
    models = chosen_models(settings)
    say(f"  Models    {models}")
    if models == "tiny":
        say("            These small models know coloured shapes only; `make models` fetches the real ones.")


async def say_chat(settings: RunSettings) -> None:
    """Say what converses, and what to do where nothing does."""
    heads = itertools.chain(["  Talk      "], itertools.repeat("            "))
    for head, line in zip(heads, await chat_lines(with_models(settings)), strict=False):
        say(head + line)


async def run(settings: RunSettings, stopped: asyncio.Event) -> int:
    """Run everything until `stopped` is set.

    Returns:
        The exit code.
    """
    async with running_redis(settings) as redis_url:
        say("Beholder is starting.")
        say(f"  Redis     {'yours' if settings.redis_url else 'one of our own'}")
        say_models(settings)
        await say_chat(settings)
        async with discord_side(settings, redis_url) as joined:
            worker = Child("worker", ["worker"], environment(settings, redis_url, {}))
            bot = Child("bot", ["bot"], environment(settings, redis_url, joined))
            say("            Ctrl-C stops all of it.")
            return await keep_all_running([worker, bot], stopped)


async def _until_signal(settings: RunSettings) -> int:
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    return await run(settings, stopped)


def main(*, tied: bool) -> int:
    """Run everything until Ctrl-C.

    Args:
        tied: Stop when the process that started us is gone, so that a killed `make run` leaves nothing.

    Returns:
        The exit code.
    """
    if tied:
        die_with_parent(how=signal.SIGTERM)
    try:
        return asyncio.run(_until_signal(RunSettings()))
    except (BeholderError, StoreError, OSError) as error:
        print(f"beholder: {error}", file=sys.stderr)
        return FATAL


async def _serve_pocket(settings: RunSettings) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with pocket(settings, always_ready) as discord:
        say(f"A pocket Discord: {discord.url}")
        say("For a bot beside it:")
        for name, value in (await joining(discord)).items():
            say(f"  {name}={value}")
        await stopped.wait()
    return 0


def playground() -> int:
    """Run the pocket Discord alone until Ctrl-C.

    Returns:
        The exit code.
    """
    return asyncio.run(_serve_pocket(RunSettings()))
