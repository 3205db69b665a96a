"""A text as it is generated -> one message, edited at Discord's pace, and further ones where it gets long.

Whoever generates says what the text is by now, and never waits; a task of its own sends and edits what
is newest whenever Discord allows it. The last state always arrives.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import aiohttp
import discord

from bot.delivery import NO_HISTORY
from bot.frames import Buttons, DesiredState, PostedPage, StreamTarget, View
from bot.pacing import EditRateLimiter
from bot.replies import MAX_MESSAGE_LENGTH, length
from bot.splitting import MAX_PAGE_LENGTH, paginate
from inference.schema import job_id

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between attempts while Discord cannot be reached."""
PATIENCE = 900.0
"""Seconds after which an answer is left as it is."""
REQUEST_SECONDS = 60.0
"""For one request, with what discord.py waits for by itself."""
UNKNOWN_MESSAGE = 10008
ARCHIVED = 50083
"""Discord's error codes for a message that is not there (any more), and for an edit in an archived thread."""
SPOILER = 4
"""Characters that hide a page."""


class TargetDeleted(Exception):
    """The messages were deleted, or nobody may write where they belong: nobody is there to be answered."""


class Unfinished(Exception):
    """Discord could not be reached for `PATIENCE` seconds."""


@dataclass
class Stream:
    """One answer, while it is written.

    Attributes:
        spot: Where it goes.
        pace: When that may be.
        posted: Told of the ids of its messages, before anything is put into a further one.
        stop: Makes the buttons below an answer that is still being written.
        wake: Takes the thread out of the archive, where nothing can be edited.
        existing: Messages that it has already, to be written over.
        gone: Set where nobody is there to be answered any more.
        said: What the model has said so far.
    """

    spot: StreamTarget
    pace: EditRateLimiter
    posted: Callable[[tuple[int, ...]], Awaitable[None]]
    stop: Buttons
    wake: Callable[[], Awaitable[None]]
    existing: Iterable[discord.PartialMessage] = ()
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    said: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._stood = [PostedPage(each) for each in self.existing]
        self._sent = len(self._stood)
        self._frame = DesiredState()
        self._news = asyncio.Event()
        self._writing = asyncio.create_task(self._write(), name=f"stream {self.spot.request}")
        # Whoever waits for the end gets it; until then nobody looks.
        self._writing.add_done_callback(lambda task: task.cancelled() or task.exception())

    def note(self, text: str) -> None:
        """Let a sentence of ours stand there until there are words."""
        self._set(DesiredState((self._above() + text,), self.stop, "stop"))

    def show(self, text: str) -> None:
        """Show what the model has said so far."""
        self.said = text
        pages = self._pages(text, final=False)
        if pages:
            self._set(DesiredState(pages, self.stop, "stop"))

    async def finish(self, text: str, below: str, buttons: Buttons, look: str) -> None:
        """Show the whole, and return when it stands there.

        Args:
            text: What the model said.
            below: Lines of markdown; a page of their own where the last one has no room for them.
            buttons: Those that it gets.
            look: Tells them from others.

        Raises:
            Gone: Nobody is there to be answered.
            Unfinished: Discord could not be reached.
        """
        pages = list(self._pages(text, final=True)) or [self._above().rstrip("\n")]
        if below and length(f"{pages[-1]}\n{below}") > MAX_MESSAGE_LENGTH:
            pages.append(below)
        elif below:
            pages[-1] = f"{pages[-1]}\n{below}".lstrip("\n")
        self._set(DesiredState(tuple(pages), buttons, look, last=True))
        await asyncio.shield(self._writing)

    async def leave(self, page: str, buttons: Buttons, look: str) -> None:
        """Let the last message say `page`, markdown and all, and the others what they say.

        Raises:
            Gone: Nobody is there to be answered.
            Unfinished: Discord could not be reached.
        """
        self._stood = self._stood[-1:]
        self._set(DesiredState((page,), buttons, look, last=True))
        await asyncio.shield(self._writing)

    async def remove(self) -> None:
        """Delete what stands there: what it answers was deleted."""
        await self.close()
        for each in self._stood:
            with contextlib.suppress(discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError):
                await each.message.delete()

    async def close(self) -> None:
        """Let go; what stands there stays as it is."""
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)

    @property
    def messages(self) -> tuple[int, ...]:
        """The answer's messages so far."""
        return tuple(each.message.id for each in self._stood)

    def _above(self) -> str:
        return self.spot.above and f"{self.spot.above}\n"

    def _pages(self, text: str, *, final: bool) -> tuple[str, ...]:
        most = MAX_PAGE_LENGTH - (SPOILER if self.spot.spoiler else 0)
        if self.spot.spoiler:
            # In code it stays as it is, and would end the spoiler.
            text = text.replace("||", "|\u200b|")
        pages = paginate(text, final=final, most=most, first=most - length(self._above()))
        if self.spot.spoiler:
            pages = [f"||{page}||" for page in pages]
        return (self._above() + pages[0], *pages[1:]) if pages else ()

    def _set(self, frame: DesiredState) -> None:
        if not self._frame.last:
            self._frame = frame
            self._news.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await self._catch_up()
                if self._frame.last and not self._news.is_set():
                    return
        except TargetDeleted:
            self.gone.set()
            raise

    async def _catch_up(self) -> None:
        """Send and edit until Discord shows the newest frame."""
        loop = asyncio.get_running_loop()
        since, pause = loop.time(), FIRST_PAUSE
        while (at := self._behind()) is not None:
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    await self._step(at)
                since, pause = loop.time(), FIRST_PAUSE
            except discord.HTTPException as error:
                if error.status < 500 and error.status != 429:
                    log.info("%s: status %d, code %d", self.spot.request, error.status, error.code)
                    raise TargetDeleted from error
                problem: Exception = error
            except (aiohttp.ClientError, OSError, TimeoutError, discord.RateLimited) as error:
                problem = error
            else:
                continue
            log.warning("%s: Discord not reached (%s)", self.spot.request, type(problem).__name__)
            if loop.time() + pause > since + PATIENCE:
                raise Unfinished from problem
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _behind(self) -> int | None:
        """Find the first message that is not as it should be; None: all are."""
        for at in range(len(self._frame.pages)):
            if at == len(self._stood) or not self._is_right(at):
                return at
        extra = self._frame.last and len(self._stood) > len(self._frame.pages) > 0
        return len(self._frame.pages) if extra else None

    def _is_right(self, at: int) -> bool:
        stood, frame = self._stood[at], self._frame
        look = frame.look if at == len(frame.pages) - 1 else ""
        return (stood.content, stood.look) == (frame.pages[at], look)

    async def _step(self, at: int) -> None:
        try:
            if at == len(self._stood):
                await self._send(at)
            elif at < len(self._frame.pages):
                await self._edit(at)
            else:
                # An answer made anew is shorter than the one before.
                await self._delete_last()
        except discord.HTTPException as error:
            if error.code == ARCHIVED:
                await self.wake()
            elif error.code == UNKNOWN_MESSAGE and at < len(self._stood) - 1:
                # One page of several was deleted; where it was the last, somebody wants no answer.
                del self._stood[at]
                await self.posted(self.messages)
            else:
                raise

    async def _delete_last(self) -> None:
        # Crossed out first: whoever hears of the deletion must not take the answer for deleted.
        await self.posted(self.messages[:-1])
        try:
            await self._stood[-1].message.delete()
        except discord.HTTPException as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
        self._stood.pop()

    async def _edit(self, at: int) -> None:
        await self.pace.edit(self.spot.channel_id, last=self._frame.last)
        # What is newest after the wait; the page is still there, since text only grows.
        content, buttons, look = self._page(at)
        await self._stood[at].message.edit(
            content=content, view=buttons, allowed_mentions=discord.AllowedMentions.none()
        )
        self._stood[at] = PostedPage(self._stood[at].message, content, look)

    async def _send(self, at: int) -> None:
        await self.pace.anything()
        content, buttons, look = self._page(at)
        nonce = job_id("nonce", self.spot.request, self._sent)[:25]
        sent = await self._post(content, buttons, nonce, first=at == 0)
        self._sent += 1
        one = discord.PartialMessage(channel=sent.channel, id=sent.id)
        # Where the nonce was known, Discord has returned what stands there already.
        self._stood.append(PostedPage(one, content if sent.content == content else None, look))
        await self.posted(self.messages)

    def _page(self, at: int) -> tuple[str, View | None, str]:
        frame = self._frame
        at = min(at, len(frame.pages) - 1)
        if at < len(frame.pages) - 1 or frame.buttons is None:
            return frame.pages[at], None, ""
        return frame.pages[at], frame.buttons(), frame.look

    async def _post(self, content: str, view: View | None, nonce: str, *, first: bool) -> discord.Message:
        send: Callable[..., Awaitable[discord.Message]] = partial(
            self.spot.channel.send,
            content,
            nonce=nonce,
            allowed_mentions=discord.AllowedMentions.none(),
            **({} if view is None else {"view": view}),
        )
        if not first or self.spot.reply_to is None:
            return await send()
        answered = discord.MessageReference(message_id=self.spot.reply_to, channel_id=self.spot.channel_id)
        try:
            return await send(reference=answered, mention_author=False)
        except discord.HTTPException as error:
            if error.code != NO_HISTORY:
                raise
            return await send()
