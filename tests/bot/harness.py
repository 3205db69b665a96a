"""The bot with a pocket Discord, a real Redis and a worker without models."""

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
from inference.errors import PictureGone
from inference.queue.connection import connect
from inference.queue.consumer import ClaimedJob, Consumer
from inference.queue.keys import Keys
from inference.schema import (
    Answer,
    Answered,
    Captioned,
    Failure,
    Job,
    Match,
    Matched,
    Picture,
    Result,
)
from inference.settings import WorkerSettings
from tests.e2e.member import Member, Message
from tests.openapi import DESCRIPTION, Judge

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff\xe0"
SHORT_DELAYS = Delays(
    retry_s=0.05, max_retry_s=1.0, link_embed_s=0.5, backfill_retry_s=0.05, login_retry_s=0.05
)
"""Short delays of retries, and the usual ones of notices."""
NOTICES_AT_ONCE = replace(SHORT_DELAYS, placeholder_s=0.1, queue_position_s=0.05)
"""Short delays of retries, and of notices to waiting members."""
SCRIPTED = ("bot.cogs.error_handler", "bot.cogs.gateway", "tests.bot.scripted_cog")
"""Extensions of a bot with one command, which does what `tests.bot.scripted_command` sets."""
RATE_LIMIT_SPEEDUP = 10
"""Factor by which the rate limits' windows are shorter than Discord's, also in the headers."""
TIMEOUT_S = 120
"""Seconds for which a test waits for an event."""


def picture(caption: str, start: bytes = PNG) -> bytes:
    """Make bytes that start like a picture and contain its caption, for workers without models."""
    return start + b"caption:" + caption.encode()


def caption_of(data: bytes) -> str:
    """Return the caption that `picture` was given."""
    return data.partition(b"caption:")[2].decode()


class EchoWorker:
    """Takes jobs from the real queue and answers them with the captions in the pictures.

    Attributes:
        jobs: The jobs that it has taken.
        gate: Replies wait until it is set.
        failures: Error codes by caption, for pictures that fail.
        cut_off: Captions of pictures whose files count as cut off.
    """

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self.jobs: list[Job] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._changed = asyncio.Condition()
        self.failures: dict[str, str] = {}
        self.cut_off: set[str] = set()

    async def wait_for_jobs(self, count: int) -> None:
        """Wait until it has taken `count` jobs."""
        async with asyncio.timeout(TIMEOUT_S), self._changed:
            await self._changed.wait_for(lambda: len(self.jobs) >= count)

    async def run(self) -> None:
        redis = connect(self._url)
        settings = WorkerSettings(_env_file=None, redis_url=SecretStr(self._url))
        consumer = Consumer(redis, Keys(), ["caption", "answer", "match"], "worker", settings)
        try:
            await consumer.ensure_groups()
            while True:
                await consumer.beat(60)
                for claimed in await consumer.take(10, 200):
                    await self._answer(consumer, claimed)
        finally:
            await consumer.close()
            await redis.aclose()

    async def _answer(self, consumer: Consumer, claimed: ClaimedJob) -> None:
        async with self._changed:
            self.jobs.append(claimed.job)
            self._changed.notify_all()
        await self.gate.wait()
        try:
            caption = caption_of(await consumer.picture(claimed.job.request.pictures[0]))
        except PictureGone as error:
            await consumer.finish(claimed, Failure(job_id=claimed.job.id, code=error.code))
            return
        code = self.failures.get(caption)
        request = claimed.job.request
        thumbnails: tuple[Picture, ...] = ()
        if request.thumbnail:
            scope = request.pictures[0].scope
            thumbnails = (await consumer.put_picture(scope, picture(caption, JPEG)),)
        cut_off = (1,) if caption in self.cut_off else ()
        outcome: Answered | Captioned | Matched = Captioned(
            text=caption, thumbnails=thumbnails, cut_off=cut_off
        )
        if isinstance(request, Answer):
            text = f"{caption}, if you ask: {request.question}"
            outcome = Answered(text=text, thumbnails=thumbnails, cut_off=cut_off)
        if isinstance(request, Match):
            captions = [caption_of(await consumer.picture(each)) for each in request.pictures]
            rows = tuple(tuple(float(label == each) for label in request.labels) for each in captions)
            cut = tuple(number for number, each in enumerate(captions, 1) if each in self.cut_off)
            outcome = Matched(cosine=rows, share=rows, thumbnails=thumbnails * len(rows), cut_off=cut)
        reply = (
            Failure(job_id=claimed.job.id, code=code)
            if code
            else Result(job_id=claimed.job.id, outcome=outcome)
        )
        await consumer.finish(claimed, reply)


class Clock:
    """Unix time, moved on by `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Harness:
    """The bot's surroundings; starts the bot and the worker.

    Attributes:
        pocket: The pocket Discord.
        session: The answer of `GET /playground/session`.
        redis_url: The URL of Redis.
        ada: The client of the first member, an admin.
        clock: The pocket Discord's clock.
        judge: Checks the traffic against Discord's description; None where that is missing.
        data: The bot's data folder.
    """

    def __init__(
        self,
        pocket: PocketDiscord,
        session: dict[str, Any],
        redis_url: str,
        ada: Member,
        clock: "Clock",
        judge: Judge | None,
        data: Path,
    ) -> None:
        self.pocket = pocket
        self.session = session
        self.redis_url = redis_url
        self.ada = ada
        self.clock = clock
        self.judge = judge
        self.data = data

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
    def mention(self) -> str:
        """A mention of the bot."""
        return f"<@{self.session['bot_user_id']}>"

    def settings(self, **changes: Any) -> BotSettings:
        """Make the bot's settings."""
        defaults: dict[str, Any] = {
            "redis_url": SecretStr(self.redis_url),
            "token": SecretStr(self.pocket.bot_token),
            "caption_channels": self.pictures,
            "discord_api": self.pocket.api,
            "discord_gateway": self.pocket.gateway,
            "data_dir": self.data,
        }
        return BotSettings(_env_file=None, **{**defaults, **changes})

    @asynccontextmanager
    async def bot(
        self,
        *,
        extensions: Sequence[str] = EXTENSIONS,
        delays: Delays = SHORT_DELAYS,
        **changes: Any,
    ) -> AsyncIterator[asyncio.Event]:
        """Run the bot in this process until the block ends. Yields the event that stops it."""
        stopped = asyncio.Event()
        with discord_at(self.pocket.api, self.pocket.gateway):
            settings = self.settings(**changes)
            running = asyncio.create_task(run_until(settings, stopped, extensions=extensions, delays=delays))
            try:
                await self.wait_online(running)
                yield stopped
            finally:
                stopped.set()
                async with asyncio.timeout(TIMEOUT_S):
                    await running

    def environment(self) -> dict[str, str]:
        """Return the environment of a `beholder` process."""
        return {name: value for name, value in os.environ.items() if not name.startswith("BEHOLDER_")} | {
            "REDIS_URL": self.redis_url,
            "DISCORD_TOKEN": self.pocket.bot_token,
            "BEHOLDER_CAPTION_CHANNELS": self.pictures,
            "BEHOLDER_DISCORD_API": self.pocket.api,
            "BEHOLDER_DISCORD_GATEWAY": self.pocket.gateway,
            "BEHOLDER_DATA_DIR": str(self.data),
        }

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run `beholder bot` in a process of its own, killed when the block ends."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "bot", env=self.environment(), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await self.wait_online()
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
            await self.wait_offline()

    async def wait_online(self, running: "asyncio.Task[None] | None" = None) -> None:
        """Wait until the bot has a gateway connection."""
        await wait_until(self._is_online, running)

    async def wait_offline(self) -> None:
        """Wait until the bot has no gateway connection."""
        await wait_until(lambda: not self._is_online())

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
        """Return the bot's replies to a message."""
        found: list[Message] = await self.ada.request("GET", f"/channels/{channel}/messages?limit=100")
        return [
            each
            for each in found
            if (each.get("message_reference") or {}).get("message_id") == message["id"]
            and each["author"]["id"] == self.session["bot_user_id"]
        ]

    async def all_closed(self) -> None:
        """Wait until no request is open."""
        await self._wait_for_size(self._key("inbox"), lambda count: count == 0)

    async def wait_for_cursors(self, channels: int) -> None:
        """Wait until the read cursors of so many channels are in Redis, each at the newest message."""
        newest = self.pocket.pocket.world.channels
        redis = connect(self.redis_url)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while True:
                    found = await redis.hgetall(self._key("marks"))
                    up_to_date = [
                        each for each, mark in found.items() if newest[int(each)].last_message_id == int(mark)
                    ]
                    if len(up_to_date) >= channels:
                        return
                    await asyncio.sleep(0.02)
        finally:
            await redis.aclose()

    async def wait_for_settings(self, channels: int) -> None:
        """Wait until the caption settings of so many channels are in Redis."""
        await self._wait_for_size("beholder:captions", lambda count: count == channels)

    def _key(self, kind: str) -> str:
        return f"beholder:{kind}:{self.session['application_id']}"

    async def _wait_for_size(self, key: str, condition: Callable[[int], bool]) -> None:
        """Wait until the number of fields of a hash meets a condition."""
        redis = connect(self.redis_url)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not condition(await redis.hlen(key)):  # noqa: ASYNC110 - Redis has no event for this
                    await asyncio.sleep(0.02)
        finally:
            await redis.aclose()

    async def forget(self, kind: str) -> None:
        """Delete the bot's keys of a kind, such as `about`."""
        redis = connect(self.redis_url)
        try:
            keys = [key async for key in redis.scan_iter(f"{self._key(kind)}:*")]
            if keys:
                await redis.delete(*keys)
        finally:
            await redis.aclose()

    async def keys(self, kind: str) -> list[str]:
        """Return the names of the bot's keys of a kind."""
        redis = connect(self.redis_url)
        try:
            return [bytes(key).decode() async for key in redis.scan_iter(f"{self._key(kind)}:*")]
        finally:
            await redis.aclose()

    async def stored_turns(self, thread_id: int) -> list[dict[str, Any]]:
        """Return the stored turns of a thread's conversation, in their order."""
        redis = connect(self.redis_url)
        try:
            raw = await redis.hgetall(f"{self._key('talk')}:{thread_id}:0")
        finally:
            await redis.aclose()
        turns = [json.loads(value) for name, value in raw.items() if bytes(name).startswith(b"said:")]  # type: ignore[arg-type]
        return sorted(turns, key=lambda turn: int(turn["turn_id"]))

    async def wait_stored(self, thread_id: int, text: str) -> None:
        """Wait until a turn of a thread's conversation has this text."""
        async with asyncio.timeout(TIMEOUT_S):
            stored = self.stored_turns
            while text not in {each["text"] for each in await stored(thread_id)}:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

    async def wait_open(self, request_id: str, matches: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until an open request matches."""
        async with asyncio.timeout(TIMEOUT_S):
            while not matches((await self.open_requests()).get(request_id, {})):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

    async def open_requests(self) -> dict[str, dict[str, Any]]:
        """Return the open requests in the inbox, by their ids."""
        redis = connect(self.redis_url)
        try:
            raw = await redis.hgetall(self._key("inbox"))
        finally:
            await redis.aclose()
        return {bytes(key).decode(): json.loads(value) for key, value in raw.items()}  # type: ignore[arg-type]


async def wait_until(condition: Callable[[], bool], running: "asyncio.Task[None] | None" = None) -> None:
    """Wait for a condition. If the task `running` ends meanwhile, its error is raised."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            if running is not None and running.done():
                running.result()
            await asyncio.sleep(0.01)


@asynccontextmanager
async def checked_traffic(pocket: PocketDiscord) -> AsyncIterator[Judge | None]:
    """Check all traffic against Discord's description until the block ends; skipped where that is missing.

    The bot's requests must be valid even if they are refused. Members may send invalid ones on purpose.
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
async def bot_harness(folder: Path, redis_url: str, ahead: float = 0.0) -> AsyncIterator[Harness]:
    """Start a pocket Discord, whose clock is `ahead` seconds before the bot's, and make the harness."""
    clock = Clock()
    clock.ahead = ahead
    async with PocketDiscord(folder, port=0, clock=clock) as pocket, checked_traffic(pocket) as judge:
        async with aiohttp.ClientSession() as http, http.get(f"{pocket.url}/playground/session") as answer:
            session = await answer.json()
        rates = pocket.pocket.rates.rates
        rates.routes = {
            route: (count, seconds / RATE_LIMIT_SPEEDUP) for route, (count, seconds) in SEEN.items()
        }
        async with Member(session) as ada:
            yield Harness(pocket, session, redis_url, ada, clock, judge, folder / "data")
