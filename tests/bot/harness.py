"""A pocket Discord, a real Redis and a worker without models, around the bot as it is."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from bot.cli.bot import run_until
from bot.client import EXTENSIONS
from bot.playground.discord_py_patch import discord_at
from bot.playground.ratelimits import SEEN
from bot.playground.server import PocketDiscord
from bot.playground.testing.observers import RestExchange
from bot.settings import BotSettings, Delays
from inference.queue.connection import connect
from inference.queue.consumer import ClaimedJob, Consumer
from inference.queue.keys import Keys
from inference.schema import Answer, Answered, Captioned, Failure, Job, Picture, Result
from inference.settings import WorkerSettings
from tests.e2e.member import Member, Message
from tests.openapi import DESCRIPTION, Judge

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff\xe0"
QUICK = Delays(retry_s=0.05, max_retry_s=1.0, link_embed_s=0.5, backfill_retry_s=0.05)
"""Delays that do not keep a test waiting, and show no placeholder."""
IMPATIENT = replace(QUICK, placeholder_s=0.1, queue_position_s=0.05)
"""The same, with whoever waits being told so at once."""
SCRIPTED = ("bot.cogs.error_handler", "bot.cogs.gateway", "tests.bot.scripted_cog")
"""Extensions of a bot whose one command does what `tests.bot.scripted_command` says."""
RATE_LIMIT_SPEEDUP = 10
"""Discord's windows for rate limits are shorter by this, so that tests wait less; its headers say so."""
TIMEOUT_S = 60
"""Seconds until a test that waits for something gives up."""


def picture(caption: str, start: bytes = PNG) -> bytes:
    """Make bytes that start like a picture and say how they are to be captioned."""
    return start + b"caption:" + caption.encode()


def read(data: bytes) -> str:
    """Return what `picture` was given."""
    return data.partition(b"caption:")[2].decode()


class EchoWorker:
    """Takes jobs from the real queue and answers them without a model.

    Attributes:
        jobs: What it has taken.
        gate: Answers wait until it is set.
    """

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self.jobs: list[Job] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._news = asyncio.Condition()
        self.failures: dict[str, str] = {}
        """Error codes by caption, for pictures that are to fail."""

    async def taken(self, count: int) -> None:
        """Wait until so many jobs have been taken."""
        async with asyncio.timeout(TIMEOUT_S), self._news:
            await self._news.wait_for(lambda: len(self.jobs) >= count)

    async def run(self) -> None:
        redis = connect(self._url)
        settings = WorkerSettings(_env_file=None, redis_url=SecretStr(self._url))
        consumer = Consumer(redis, Keys(), ["caption", "answer"], "worker", settings)
        try:
            await consumer.ensure_groups()
            while True:
                await consumer.beat(60)
                for taken in await consumer.take(10, 200):
                    await self._answer(consumer, taken)
        finally:
            await consumer.close()
            await redis.aclose()

    async def _answer(self, consumer: Consumer, taken: ClaimedJob) -> None:
        async with self._news:
            self.jobs.append(taken.job)
            self._news.notify_all()
        await self.gate.wait()
        caption = read(await consumer.picture(taken.job.request.pictures[0]))
        code = self.failures.get(caption)
        request = taken.job.request
        thumbnails: tuple[Picture, ...] = ()
        if request.thumbnail:
            scope = request.pictures[0].scope
            thumbnails = (await consumer.put_picture(scope, picture(caption, JPEG)),)
        outcome = (
            Answered(text=f"{caption}, if you ask: {request.question}", thumbnails=thumbnails)
            if isinstance(request, Answer)
            else Captioned(text=caption, thumbnails=thumbnails)
        )
        reply = (
            Failure(job_id=taken.job.id, code=code) if code else Result(job_id=taken.job.id, outcome=outcome)
        )
        await consumer.finish(taken, reply)


class Clock:
    """The time, or later by `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Harness:
    """Everything around the bot.

    Attributes:
        pocket: The Discord.
        session: What `GET /playground/session` says.
        settings: What the bot is told.
        ada: The first member, an admin.
        clock: The Discord's.
        judge: Holds what is said to Discord's description, where that is there.
    """

    def __init__(
        self,
        pocket: PocketDiscord,
        session: dict[str, Any],
        redis_url: str,
        ada: Member,
        clock: "Clock",
        judge: Judge | None,
    ) -> None:
        self.pocket = pocket
        self.session = session
        self.redis_url = redis_url
        self.ada = ada
        self.clock = clock
        self.judge = judge

    @property
    def pictures(self) -> str:
        """The channel with captions on."""
        return str(self.session["channel_id"])

    @property
    def general(self) -> str:
        """A channel without captions."""
        world = self.pocket.world
        return next(
            str(each.id) for each in world.guild_channels(world.guild) if str(each.id) != self.pictures
        )

    @property
    def me(self) -> str:
        """How the bot is mentioned."""
        return f"<@{self.session['bot_user_id']}>"

    def settings(self, **changes: Any) -> BotSettings:
        given: dict[str, Any] = {
            "redis_url": SecretStr(self.redis_url),
            "token": SecretStr(self.pocket.bot_token),
            "caption_channels": self.pictures,
            "discord_api": self.pocket.api,
            "discord_gateway": self.pocket.gateway,
        }
        return BotSettings(_env_file=None, **{**given, **changes})

    @asynccontextmanager
    async def bot(
        self,
        *,
        extensions: Sequence[str] = EXTENSIONS,
        delays: Delays = QUICK,
        **changes: Any,
    ) -> AsyncIterator[asyncio.Event]:
        """Run the bot in this process until the block ends. Yields the event that stops it."""
        stopped = asyncio.Event()
        with discord_at(self.pocket.api, self.pocket.gateway):
            settings = self.settings(**changes)
            running = asyncio.create_task(run_until(settings, stopped, extensions=extensions, delays=delays))
            try:
                await self.online(running)
                yield stopped
            finally:
                stopped.set()
                async with asyncio.timeout(TIMEOUT_S):
                    await running

    def environment(self) -> dict[str, str]:
        """Make the environment of a `beholder` process."""
        return {name: value for name, value in os.environ.items() if not name.startswith("BEHOLDER_")} | {
            "REDIS_URL": self.redis_url,
            "DISCORD_TOKEN": self.pocket.bot_token,
            "BEHOLDER_CAPTION_CHANNELS": self.pictures,
            "BEHOLDER_DISCORD_API": self.pocket.api,
            "BEHOLDER_DISCORD_GATEWAY": self.pocket.gateway,
        }

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run `beholder bot` in a process of its own, killed when the block ends."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "bot", env=self.environment(), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await self.online()
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
            await self.offline()

    async def online(self, running: "asyncio.Task[None] | None" = None) -> None:
        """Wait until the bot is on the gateway."""
        await until(self._is_online, running)

    async def offline(self) -> None:
        """Wait until the bot's connection is seen to be gone."""
        await until(lambda: not self._is_online())

    def _is_online(self) -> bool:
        hub = self.pocket.pocket.hub
        return any(session.connection is not None for session in hub.of(self.pocket.world.bot.id))

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[EchoWorker]:
        """Run a worker until the block ends."""
        worker = EchoWorker(self.redis_url)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def replies(self, channel: str, message: Message) -> list[Message]:
        """Return the bot's replies to a message, as the channel has them now."""
        found: list[Message] = await self.ada.request("GET", f"/channels/{channel}/messages?limit=100")
        return [
            each
            for each in found
            if (each.get("message_reference") or {}).get("message_id") == message["id"]
            and each["author"]["id"] == self.session["bot_user_id"]
        ]

    async def all_closed(self) -> None:
        """Wait until no request is open."""
        await self._redis_has("inbox", lambda count: count == 0)

    async def marked(self, channels: int) -> None:
        """Wait until it is written down up to where so many channels have been seen."""
        await self._redis_has("marks", lambda count: count >= channels)

    async def chosen(self, channels: int) -> None:
        """Wait until so many channels have chosen whether they have captions."""
        await self._has("beholder:captions", lambda count: count == channels)

    async def _redis_has(self, what: str, enough: Callable[[int], bool]) -> None:
        await self._has(f"beholder:{what}:{self.session['application_id']}", enough)

    async def _has(self, name: str, enough: Callable[[int], bool]) -> None:
        redis = connect(self.redis_url)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not enough(await redis.hlen(name)):  # noqa: ASYNC110 - it is Redis that has to change
                    await asyncio.sleep(0.02)
        finally:
            await redis.aclose()

    async def open_requests(self) -> dict[str, dict[str, Any]]:
        """Return what the inbox holds."""
        redis = connect(self.redis_url)
        try:
            raw = await redis.hgetall(f"beholder:inbox:{self.session['application_id']}")
        finally:
            await redis.aclose()
        return {bytes(key).decode(): json.loads(value) for key, value in raw.items()}  # type: ignore[arg-type]


async def until(true: Callable[[], bool], running: "asyncio.Task[None] | None" = None) -> None:
    """Wait for something; a task that ends meanwhile fails the test with its own error."""
    async with asyncio.timeout(TIMEOUT_S):
        while not true():
            if running is not None and running.done():
                running.result()
            await asyncio.sleep(0.01)


@asynccontextmanager
async def judged(pocket: PocketDiscord) -> AsyncIterator[Judge | None]:
    """Hold all that is said until the block ends to Discord's description, where that is there.

    What the bot asks for has to fit even where it is refused; people may ask for nonsense on purpose.
    """

    def is_checked(exchange: RestExchange) -> bool:
        return exchange.user_id in {None, pocket.world.bot.id} or exchange.status < 300

    if not DESCRIPTION.is_file():
        # tests/bot/test_discord_description.py is skipped then, and says why.
        yield None
        return
    judge = Judge(requests=is_checked)
    pocket.observers.append(judge)
    yield judge
    pocket.observers.remove(judge)
    assert not judge.found, judge.verdict()


@asynccontextmanager
async def bot_harness(folder: Path, redis_url: str) -> AsyncIterator[Harness]:
    """Set the harness."""
    clock = Clock()
    async with PocketDiscord(folder, port=0, clock=clock) as pocket, judged(pocket) as judge:
        async with aiohttp.ClientSession() as http, http.get(f"{pocket.url}/playground/session") as answer:
            session = await answer.json()
        rates = pocket.pocket.rates.rates
        rates.routes = {
            route: (count, seconds / RATE_LIMIT_SPEEDUP) for route, (count, seconds) in SEEN.items()
        }
        async with Member(session) as ada:
            yield Harness(pocket, session, redis_url, ada, clock, judge)
