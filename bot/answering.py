"""From an accepted request to its visible outcome."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import aiohttp
import discord

from bot import replies
from bot.attachments import ImageRef, extract_images, may_show_more_later
from bot.delivery import ReplyTarget, reply_once
from bot.fetching import Fetcher
from bot.insisting import DiscordUnavailable
from bot.sources import source
from bot.talk_buttons import begin
from handlers.captioning import Captioner
from handlers.ports import ImageSource, JobContext
from handlers.storage.inbox import Inbox, OpenPost
from inference.errors import BeholderError, PictureGone, QueueUnavailable

log = logging.getLogger(__name__)

SECONDS_TO_PLACEHOLDER = 10.0
"""After which somebody who waits hears that no worker is up."""
LONGEST_TYPING = 60.0
"""Seconds: beyond them "is typing" tells nobody anything."""
LINK_SECONDS = 2.0
"""That Discord gets to fetch what a link shows, before a message without pictures is looked at again."""
PAUSE = 2.0
"""Seconds between attempts to reach Redis or Discord."""

T = TypeVar("T")

Channels = Callable[[OpenPost], discord.abc.Messageable]
"""Finds the channel that a request's message is in."""


class CaptionService:
    """The requests that are being worked on.

    Args:
        inbox: Where they are written down.
        captioner: Captions pictures.
        fetcher: Fetches them.
        channels: Finds a request's channel.
        me: Gives the bot's own id.
        workers_ready: Tells whether a worker that captions is up.
    """

    def __init__(
        self,
        inbox: Inbox,
        captioner: Captioner,
        fetcher: Fetcher,
        channels: Channels,
        me: Callable[[], int],
        workers_ready: Callable[[], Awaitable[bool]],
    ) -> None:
        self._inbox = inbox
        self._captioner = captioner
        self._fetcher = fetcher
        self._channels = channels
        self._me = me
        self._workers_ready = workers_ready
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def start(self, request: OpenPost, message: discord.Message | None, *, look: bool) -> None:
        """Begin with a request, unless it is under way already.

        Args:
            request: It stands in the inbox.
            message: Its message, where it is at hand.
            look: Whether it may have been answered before.
        """
        if request.message_id in self._under_way:
            return
        task = asyncio.create_task(self._finish(request, message, look=look), name=request.id)
        self._under_way[request.message_id] = task
        task.add_done_callback(lambda done: self._ended(request, done))

    def _ended(self, request: OpenPost, task: "asyncio.Task[None]") -> None:
        if self._under_way.get(request.message_id) is task:
            del self._under_way[request.message_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: left in the inbox", request.id, exc_info=error)

    async def take_up(self, mine: Callable[[OpenPost], bool]) -> None:
        """Begin again with what an earlier life left open.

        Args:
            mine: Tells which requests are this process's.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        waiting = [
            request
            for request in await self._inbox.waiting()
            if isinstance(request, OpenPost) and mine(request)
        ]
        if waiting:
            log.info("inbox: %d open", len(waiting))
        for request in waiting:
            self.start(request, None, look=True)

    def forget_deleted(self, message_id: int) -> None:
        """Stop working on a message that was deleted: nobody is there to be answered."""
        task = self._under_way.pop(message_id, None)
        if task is not None:
            task.cancel()
            ending = asyncio.create_task(self._close_deleted(task, f"post:{message_id}"))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _close_deleted(self, task: "asyncio.Task[None]", request_id: str) -> None:
        await asyncio.wait([task])
        log.info("%s: its message was deleted", request_id)
        await retry_redis(lambda: self._inbox.close(request_id))

    async def stop(self) -> None:
        """Let go of everything; what has no outcome yet is in the inbox."""
        tasks = [*self._under_way.values(), *self._ending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _finish(self, request: OpenPost, message: discord.Message | None, *, look: bool) -> None:
        started = time.monotonic()
        message = message or await self._fetched(request)
        pictures: tuple[ImageRef, ...] = ()
        asked = _asked(request)
        if message is not None:
            message, pictures = await self._looked_at(request, message)
            sources = self._sources(request, pictures)
            async with self._waiting_shown(request, message, look=look):
                text, described = await self._text(asked, sources, pictures)
            if text is not None:
                await self._deliver(request, message, text, look=look, talk=described)
        await retry_redis(lambda: self._inbox.close(request.id))
        if pictures:
            with contextlib.suppress(QueueUnavailable):
                await self._captioner.release_results(asked, self._sources(request, pictures))
        log.info("%s: done in %.2f s, %d pictures", request.id, time.monotonic() - started, len(pictures))

    async def _looked_at(
        self, request: OpenPost, message: discord.Message
    ) -> tuple[discord.Message, tuple[ImageRef, ...]]:
        """List the message's pictures, giving Discord the time to fetch what a link shows."""
        asked = request.why != "unasked"
        pictures = extract_images(message, asked=asked)
        if asked and not pictures and may_show_more_later(message):
            await asyncio.sleep(LINK_SECONDS)
            message = await self._fetched(request) or message
            pictures = extract_images(message, asked=asked)
        return message, pictures

    async def _text(
        self, asked: JobContext, sources: Sequence[ImageSource], pictures: Sequence[ImageRef]
    ) -> tuple[str | None, bool]:
        """Say what is in the pictures.

        Returns:
            What to say, None where nobody asked and there is nothing to see (any more); and whether a picture
            was described.
        """
        if not pictures:
            return (replies.HELP if asked.priority == "waiting" else None), False
        try:
            outcomes = await self._captioner.caption(asked, sources)
        except Exception:
            # A fault of ours must not leave anybody without an answer.
            log.exception("%s: failed", asked.request)
            return replies.BROKE, False
        text = replies.captions(replies.said(outcomes, [each.spoiler for each in pictures]))
        return text, not all(isinstance(each, BeholderError) for each in outcomes)

    async def _deliver(
        self, request: OpenPost, message: discord.Message, text: str, *, look: bool, talk: bool = False
    ) -> discord.Message | None:
        buttons = partial(begin, request.message_id) if talk else None
        return await reply_once(address(request, message, self._me()), text, look=look, buttons=buttons)

    async def _fetched(self, request: OpenPost) -> discord.Message | None:
        """Fetch the request's message; None where it is gone or not for the bot to see any more.

        Raises:
            Unreachable: Discord could not be reached.
        """
        for _ in range(5):
            try:
                return await self._channels(request).fetch_message(request.message_id)
            except (discord.NotFound, discord.Forbidden):
                return None
            except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning("%s: Discord not reached (%s)", request.id, type(error).__name__)
            await asyncio.sleep(PAUSE)
        raise DiscordUnavailable

    def _sources(self, request: OpenPost, pictures: Sequence[ImageRef]) -> list[ImageSource]:
        async def again() -> tuple[ImageRef, ...]:
            try:
                message = await self._fetched(request)
            except DiscordUnavailable as error:
                raise PictureGone("Discord could not be reached for the message.") from error
            return extract_images(message, asked=request.why != "unasked") if message is not None else ()

        return [source(self._fetcher, each, again) for each in pictures]

    @contextlib.asynccontextmanager
    async def _waiting_shown(
        self, request: OpenPost, message: discord.Message, *, look: bool
    ) -> AsyncIterator[None]:
        """Show that something is being done for as long as it is."""
        showing = [asyncio.create_task(type_until_cancelled(message.channel))]
        if request.why != "unasked":
            showing.append(asyncio.create_task(self._hold(request, message, look=look)))
        try:
            yield
        finally:
            for task in showing:
                task.cancel()
            await asyncio.gather(*showing, return_exceptions=True)

    async def _hold(self, request: OpenPost, message: discord.Message, *, look: bool) -> None:
        """Tell somebody who waits that no worker is up. The same reply becomes the answer."""
        await asyncio.sleep(SECONDS_TO_PLACEHOLDER)
        with contextlib.suppress(QueueUnavailable, DiscordUnavailable):
            if not await self._workers_ready():
                await self._deliver(request, message, replies.NO_WORKER, look=look)


def address(request: OpenPost, message: discord.Message, me: int) -> ReplyTarget:
    """Say where a request's outcome goes."""
    return ReplyTarget(message.channel, request.channel_id, request.message_id, me, request.id)


def _asked(request: OpenPost) -> JobContext:
    waits = request.why != "unasked"
    return JobContext(request.id, request.scope, request.author_id, "waiting" if waits else "unasked")


async def type_until_cancelled(channel: discord.abc.Messageable) -> None:
    """Show "is typing" until cancelled; nothing hangs on it."""
    with contextlib.suppress(discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(LONGEST_TYPING), channel.typing():
            await asyncio.Event().wait()


async def retry_redis(step: Callable[[], Awaitable[T]]) -> T:
    """Do a step, again while Redis is away; a restart until then finds the request open, and its reply."""
    while True:
        try:
            return await step()
        except BeholderError as error:
            log.warning("Redis not reached (%s), again in %.0f s", error.code, PAUSE)
        await asyncio.sleep(PAUSE)
