"""Run the open requests of this process, and show that they run; retry Redis until it is reachable.

A request is written to the inbox before its work starts and closed when its outcome is visible. In between it
runs here, at most once at a time. After a restart, or a new connection, `resume_open_requests` starts what is
open and does not run, and so does `sweep` now and then: nothing is left there because its work has failed.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import discord

from bot.discord_api.errors import DISCORD_ERRORS
from bot.errors import DiscordUnavailable
from handlers.storage.inbox import Inbox, Open
from inference.errors import QueueUnavailable

log = logging.getLogger(__name__)

REDIS_RETRY_DELAY_S = 0.25
MAX_REDIS_RETRY_DELAY_S = 5.0
"""Seconds between two attempts while Redis is unreachable."""
MAX_RESUME_DELAY_S = 300.0
"""Seconds before a request whose work has failed is resumed, at most; they double with each failure."""
MAX_TYPING_S = 60.0
"""Seconds of "is typing": after a minute it tells a member nothing any more."""

T = TypeVar("T")
R = TypeVar("R", bound=Open)
Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class _Failures:
    """How often a request's work has failed, and the loop's time before which it is not resumed."""

    count: int = 0
    due: float = 0.0


class RequestRunner:
    """The one registry of running requests. Owned by the client; each feature runs its own kind here.

    Args:
        client: The Discord client.
        inbox: The open requests.
        is_own: Tells whether a request belongs to this process's shard.
        min_resume_delay_s: Seconds before a request whose work has failed is resumed the first time.
    """

    def __init__(
        self,
        client: discord.Client,
        inbox: Inbox,
        is_own: Callable[[Open], bool],
        *,
        min_resume_delay_s: float = 1.0,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._is_own = is_own
        self._min_resume_delay_s = min_resume_delay_s
        self._resume: dict[type, Callable[[Any], Awaitable[None]]] = {}
        self._running: dict[str, tuple[type[Open], asyncio.Task[None]]] = {}
        self._closing: dict[asyncio.Task[None], type[Open]] = {}
        self._reserved: set[str] = set()
        self._failures: dict[str, _Failures] = {}
        self._failed = asyncio.Event()

    def register(self, kind: type[R], resume: Callable[[R], Awaitable[None]]) -> None:
        """Register what starts an open request of a kind again. It calls `start`."""
        self._resume[kind] = resume

    def start(self, request: Open, work: Work) -> "asyncio.Task[None] | None":
        """Run the work of a request that is in the inbox, unless it runs already.

        `work` closes the request with `close` once its outcome is visible. If it raises, or is cancelled, the
        request stays open and is resumed later.

        Returns:
            The task; None where the request runs already.
        """
        if request.id in self._running:
            return None
        task = asyncio.create_task(work(), name=request.id)
        self._running[request.id] = type(request), task
        task.add_done_callback(lambda done: self._forget(request.id, done))
        return task

    @contextlib.contextmanager
    def reserved(self, request_id: str) -> Iterator[None]:
        """Keep a request, while it is written to the inbox, from being resumed: the block starts it."""
        self._reserved.add(request_id)
        try:
            yield
        finally:
            self._reserved.discard(request_id)

    def _forget(self, request_id: str, task: "asyncio.Task[None]") -> None:
        if request_id in self._running and self._running[request_id][1] is task:
            del self._running[request_id]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._failures.pop(request_id, None)
            return
        failures = self._failures.get(request_id, _Failures())
        delay_s = min(MAX_RESUME_DELAY_S, self._min_resume_delay_s * 2**failures.count)
        due = asyncio.get_running_loop().time() + delay_s
        self._failures[request_id] = _Failures(failures.count + 1, due)
        self._failed.set()
        log.error("%s: left in the inbox, again in %.0f s", request_id, delay_s, exc_info=error)

    def channel_of(self, request: Open) -> discord.abc.Messageable:
        """Return a request's channel. One that is not cached can be read from and sent to as well."""
        channel = self._client.get_channel(request.channel_id)
        if isinstance(channel, discord.abc.Messageable):
            return channel
        kind = discord.ChannelType.private if request.guild_id is None else None
        return self._client.get_partial_messageable(request.channel_id, guild_id=request.guild_id, type=kind)

    async def close(self, request_id: str) -> None:
        """Remove a request from the inbox: its outcome is visible. Retried until Redis is reachable."""
        await retry_redis(lambda: self._inbox.close(request_id))

    async def resume_open_requests(self) -> None:
        """Start the open requests of this process that do not run. Retried until Redis is reachable."""
        await retry_redis(self._resume_once)

    async def sweep(self, every_s: float) -> None:
        """Resume, until cancelled, what is open and does not run.

        What has failed is resumed after its delay, without waiting for a new connection to Discord or a
        restart; so is what was left behind in any other way.

        Args:
            every_s: Seconds between two looks into the inbox.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + every_s
        while True:
            soonest = min((each.due for each in self._failures.values() if each.due > clock()), default=until)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(until, soonest) - clock())):
                    await self._failed.wait()
                    self._failed.clear()
                    continue
            until = clock() + every_s
            try:
                await self.resume_open_requests()
            except Exception:
                log.exception("open requests could not be resumed, again in %.0f s", every_s)

    async def _resume_once(self) -> None:
        """Start the open requests once. What has been closed since the inbox was read must not be started.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        now = asyncio.get_running_loop().time()
        open_ = [each for each in await self._inbox.waiting() if self._is_own(each)]
        if open_:
            log.info("inbox: %d open", len(open_))
        for request in open_:
            resume = self._resume.get(type(request))
            later = self._failures.get(request.id, _Failures()).due > now
            if resume is None or later or request.id in self._running or request.id in self._reserved:
                continue
            # Only what runs here is closed: what does not run and is still open stays open.
            if await self._inbox.is_open(request.id):
                await resume(request)

    async def restart(self, request: Open, work: Work) -> None:
        """Run a request that runs, and is in the inbox, anew with other work; one that has ended stays so."""
        if request.id not in self._running:
            return
        _, task = self._running[request.id]
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            self.start(request, work)

    def cancel(self, request_id: str) -> None:
        """Stop a request whose message was deleted, and close it. One that does not run is left as it is."""
        if request_id in self._running:
            kind, task = self._running.pop(request_id)
            task.cancel()
            closing = asyncio.create_task(self._close_cancelled(task, request_id))
            self._closing[closing] = kind
            closing.add_done_callback(lambda done: self._closing.pop(done, None))

    async def _close_cancelled(self, task: "asyncio.Task[None]", request_id: str) -> None:
        await asyncio.wait([task])
        log.info("%s: its message was deleted", request_id)
        await self.close(request_id)

    async def stop(self, kind: type[Open]) -> None:
        """Cancel what runs of a kind, and resume it no more. What has no outcome yet stays in the inbox."""
        self._resume.pop(kind, None)
        tasks = [task for each, task in self._running.values() if each is kind]
        tasks += [task for task, each in self._closing.items() if each is kind]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def retry_redis(operation: Callable[[], Awaitable[T]]) -> T:
    """Retry `operation` with backoff until Redis is reachable. It must be idempotent."""
    delay = REDIS_RETRY_DELAY_S
    while True:
        with contextlib.suppress(QueueUnavailable):
            return await operation()
        await asyncio.sleep(delay)
        delay = min(MAX_REDIS_RETRY_DELAY_S, delay * 2)


@contextlib.asynccontextmanager
async def progress_shown(
    status: Callable[[], Awaitable[str | None]] | None,
    show: Callable[[str], Awaitable[None]],
    *,
    every_s: float,
    typing_in: discord.abc.Messageable | None = None,
) -> AsyncIterator[None]:
    """Show a member that their request is being worked on, for as long as the block runs.

    An update that is being sent when the block ends is waited for: it must not arrive after the outcome.

    Args:
        status: Returns a sentence for the member, an empty one where there is nothing to say yet, None where
            there will be nothing more to say; it may raise QueueUnavailable. Without one nobody waits.
        show: Shows a sentence that differs from the one before.
        every_s: Seconds before the first look at `status`, and between two.
        typing_in: Where the bot "is typing" meanwhile.
    """
    sending = asyncio.Lock()
    tasks = [asyncio.create_task(_type(typing_in))] if typing_in is not None else []
    if status is not None:
        tasks.append(asyncio.create_task(_update(status, show, every_s, sending)))
    try:
        yield
        await sending.acquire()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _update(
    status: Callable[[], Awaitable[str | None]],
    show: Callable[[str], Awaitable[None]],
    every_s: float,
    sending: asyncio.Lock,
) -> None:
    """Show each new sentence, until there is nothing more to say. No error of it may cost the outcome."""
    shown = ""
    while True:
        await asyncio.sleep(every_s)
        try:
            text = await status()
            if text is None:
                return
            if text not in {"", shown}:
                async with sending:
                    await show(text)
                shown = text
        except (QueueUnavailable, DiscordUnavailable):
            continue
        except Exception:
            log.exception("a member could not be told how long to wait")
            return


async def _type(channel: discord.abc.Messageable) -> None:
    """Show "is typing" until cancelled. Errors are ignored: nothing depends on it."""
    with contextlib.suppress(*DISCORD_ERRORS):
        async with asyncio.timeout(MAX_TYPING_S), channel.typing():
            await asyncio.Event().wait()
