"""Show a text that is being generated in one message, edited at Discord's pace, and in further ones.

The generating side sets the desired state and never waits. One task sends and edits messages until their
actual state is the newest desired one. The last desired state always arrives.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import discord

from bot.discord_api.edit_limiter import EditRateLimiter
from bot.discord_api.errors import DISCORD_ERRORS, THREAD_ARCHIVED, UNKNOWN_MESSAGE
from bot.discord_api.retry import retry_discord
from bot.durable.delivery import MakeView, nonce_for, send_message
from bot.errors import TargetDeleted
from bot.formatting.markdown import MAX_MESSAGE_LENGTH, utf16_length
from bot.settings import Delays
from bot.streaming.paginator import MAX_PAGE_LENGTH, paginate

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 60.0
"""Seconds for one request, including what discord.py waits for by itself."""
SPOILER_LENGTH = 4
"""Characters that hide a page."""


@dataclass(frozen=True)
class StreamTarget:
    """Where an answer is shown.

    Attributes:
        channel: The channel.
        channel_id: Its id.
        reply_to: The message that the first page replies to; None: it replies to none.
        request_id: The request's id: nonces are made from it.
        above: Markdown before the answer.
        spoiler: Whether every page is hidden until somebody clicks.
    """

    channel: discord.abc.Messageable
    channel_id: int
    reply_to: int | None
    request_id: str
    above: str = ""
    spoiler: bool = False


@dataclass(frozen=True)
class DesiredState:
    """Desired state of a streamed answer's messages.

    Attributes:
        pages: The content of each message.
        view: Makes the buttons of the last page.
        look: Names that set of buttons: a page whose look is another is edited.
        final: Whether no further state follows.
    """

    pages: tuple[str, ...] = ()
    view: MakeView | None = None
    look: str = ""
    final: bool = False


@dataclass
class PostedPage:
    """Actual state of one message of the answer.

    Attributes:
        message: The message.
        content: Its content; None where that is not known.
        look: Its buttons.
    """

    message: discord.PartialMessage
    content: str | None = None
    look: str | None = None


class AnswerStream:
    """The messages of one answer, while it is being generated.

    Args:
        target: Where it is shown.
        limiter: Paces the edits.
        delays: Of the retries.
        on_posted: Called with the ids of its messages, before any is added or after one was deleted.
        stop_view: Makes the buttons below an answer that is being generated.
        unarchive: Unarchives the thread: in an archived one nothing can be edited.
        existing: Messages that the answer has already, to be overwritten.

    Attributes:
        deleted: Set when its messages were deleted, or the bot may no longer write there.
        text: The text so far.
    """

    def __init__(
        self,
        target: StreamTarget,
        limiter: EditRateLimiter,
        delays: Delays,
        *,
        on_posted: Callable[[tuple[int, ...]], Awaitable[None]],
        stop_view: MakeView,
        unarchive: Callable[[], Awaitable[None]],
        existing: Iterable[discord.PartialMessage] = (),
    ) -> None:
        self.deleted = asyncio.Event()
        self.text = ""
        self._target = target
        self._limiter = limiter
        self._delays = delays
        self._on_posted = on_posted
        self._stop_view = stop_view
        self._unarchive = unarchive
        self._posted = [PostedPage(each) for each in existing]
        self._sent = len(self._posted)
        self._desired = DesiredState()
        self._unread: str | None = None
        self._changed = asyncio.Event()
        self._writing = asyncio.create_task(self._write(), name=f"stream {target.request_id}")
        # Its error is raised where the end is waited for; here it is only marked as retrieved.
        self._writing.add_done_callback(lambda task: task.cancelled() or task.exception())

    def show_notice(self, text: str) -> None:
        """Show a sentence of the bot's until there is text."""
        self._set(DesiredState((self._above() + text,), self._stop_view, "stop"))

    def show(self, text: str) -> None:
        """Show the text so far."""
        self.text = text
        # Pieces come faster than messages may be edited: only what is sent is read as Markdown.
        self._unread = text
        self._changed.set()

    def show_below(self, text: str) -> None:
        """Show a sentence of the bot's below the text so far, where it has room, until there is more."""
        *pages, last = self._paginate(self.text, final=False) or ("",)
        if utf16_length(f"{last}\n{text}") <= MAX_MESSAGE_LENGTH:
            self._set(DesiredState((*pages, f"{last}\n{text}".lstrip("\n")), self._stop_view, "stop"))

    async def finish(self, text: str, below: str, view: MakeView, look: str) -> None:
        """Show the whole text, and return when Discord shows it.

        Args:
            text: The model's text.
            below: Lines of markdown; on a page of their own where the last one has no room for them.
            view: Makes the buttons.
            look: Names that set of buttons.

        Raises:
            TargetDeleted: The answer's messages were deleted.
            DiscordUnavailable: Discord could not be reached.
        """
        pages = list(self._paginate(text, final=True)) or [self._above().rstrip("\n")]
        if below and utf16_length(f"{pages[-1]}\n{below}") > MAX_MESSAGE_LENGTH:
            pages.append(below)
        elif below:
            pages[-1] = f"{pages[-1]}\n{below}".lstrip("\n")
        self._set(DesiredState(tuple(pages), view, look, final=True))
        await asyncio.shield(self._writing)

    async def finish_last_page(self, page: str, view: MakeView, look: str) -> None:
        """Overwrite the last message with `page`, markdown as it is; the others stay as they are.

        Raises:
            TargetDeleted: The answer's messages were deleted.
            DiscordUnavailable: Discord could not be reached.
        """
        self._posted = self._posted[-1:]
        self._set(DesiredState((page,), view, look, final=True))
        await asyncio.shield(self._writing)

    async def remove(self) -> None:
        """Delete the answer's messages: the turn was deleted."""
        await self.close()
        for each in self._posted:
            with contextlib.suppress(*DISCORD_ERRORS):
                await each.message.delete()

    async def close(self) -> None:
        """Stop writing. The messages stay as they are."""
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The ids of the answer's messages so far."""
        return tuple(each.message.id for each in self._posted)

    def _above(self) -> str:
        return self._target.above and f"{self._target.above}\n"

    def _paginate(self, text: str, *, final: bool) -> tuple[str, ...]:
        max_length = MAX_PAGE_LENGTH - (SPOILER_LENGTH if self._target.spoiler else 0)
        first = max_length - utf16_length(self._above())
        pages = paginate(text, final=final, max_length=max_length, first=first, spoiler=self._target.spoiler)
        if self._target.spoiler:
            pages = [f"||{page}||" for page in pages]
        return (self._above() + pages[0], *pages[1:]) if pages else ()

    def _read(self) -> DesiredState:
        """Return the newest desired state."""
        if self._unread is not None and not self._desired.final:
            pages = self._paginate(self._unread, final=False)
            if pages:
                self._desired = DesiredState(pages, self._stop_view, "stop")
        self._unread = None
        return self._desired

    def _set(self, desired: DesiredState) -> None:
        self._unread = None
        if not self._desired.final:
            self._desired = desired
            self._changed.set()

    async def _write(self) -> None:
        """Write until Discord shows the final state.

        Raises:
            TargetDeleted: The answer's messages were deleted.
            DiscordUnavailable: Discord could not be reached.
        """
        request_id = self._target.request_id
        try:
            while not (self._desired.final and self._first_difference() is None):
                await self._changed.wait()
                self._changed.clear()
                while self._first_difference() is not None:
                    await retry_discord(self._step_in_time, request_id, self._delays)
        except discord.HTTPException as error:
            log.info("%s: status %d, code %d", request_id, error.status, error.code)
            self.deleted.set()
            raise TargetDeleted from error

    def _first_difference(self) -> int | None:
        """Return the index of the first message that is not as desired; None: all are."""
        desired = self._read()
        for at in range(len(desired.pages)):
            if at == len(self._posted) or not self._is_as_desired(at):
                return at
        too_many = desired.final and len(self._posted) > len(desired.pages) > 0
        return len(desired.pages) if too_many else None

    def _is_as_desired(self, at: int) -> bool:
        posted, desired = self._posted[at], self._desired
        look = desired.look if at == len(desired.pages) - 1 else ""
        return (posted.content, posted.look) == (desired.pages[at], look)

    async def _step_in_time(self) -> None:
        at = self._first_difference()
        if at is not None:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await self._step(at)

    async def _step(self, at: int) -> None:
        """Send, edit or delete one message."""
        try:
            if at == len(self._posted):
                await self._send(at)
            elif at < len(self._desired.pages):
                await self._edit(at)
            else:
                # A regenerated answer is shorter than the one before.
                await self._delete_last()
        except discord.HTTPException as error:
            if error.code == THREAD_ARCHIVED:
                await self._unarchive()
            elif error.code == UNKNOWN_MESSAGE and at < len(self._posted) - 1:
                # One page of several was deleted. Where it was the last, somebody wants no answer.
                del self._posted[at]
                await self._on_posted(self.message_ids)
            else:
                raise

    async def _delete_last(self) -> None:
        # Reported first: the deletion's event must not be taken for a member's deletion of the answer.
        await self._on_posted(self.message_ids[:-1])
        try:
            await self._posted[-1].message.delete()
        except discord.HTTPException as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
        self._posted.pop()

    async def _edit(self, at: int) -> None:
        await self._limiter.wait_to_edit(self._target.channel_id, last=self._desired.final)
        # The newest state after the wait. The page is still there, since text only grows.
        content, view, look = self._page(at)
        await self._posted[at].message.edit(
            content=content,
            view=view() if view is not None else None,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self._posted[at] = PostedPage(self._posted[at].message, content, look)

    async def _send(self, at: int) -> None:
        """Begin a further page."""
        await self._limiter.wait_for_any()
        content, view, look = self._page(at)
        target = self._target
        nonce = nonce_for(target.request_id, self._sent)
        reply_to = (target.channel_id, target.reply_to) if at == 0 and target.reply_to is not None else None
        sent = await send_message(target.channel, content, nonce=nonce, view=view, reply_to=reply_to)
        self._sent += 1
        message = discord.PartialMessage(channel=sent.channel, id=sent.id)
        # Where the nonce was known, Discord has returned the message that exists, as it was sent then.
        is_as_sent = sent.content == content and _button_ids(sent) == _button_ids_of(view)
        self._posted.append(PostedPage(message, content if is_as_sent else None, look))
        await self._on_posted(self.message_ids)

    def _page(self, at: int) -> tuple[str, MakeView | None, str]:
        """Return content, buttons and look of a page as they are desired now."""
        desired = self._read()
        at = min(at, len(desired.pages) - 1)
        if at < len(desired.pages) - 1 or desired.view is None:
            return desired.pages[at], None, ""
        return desired.pages[at], desired.view, desired.look


def _button_ids(message: discord.Message) -> list[str | None]:
    rows = (each for each in message.components if isinstance(each, discord.ActionRow))
    return [getattr(button, "custom_id", None) for row in rows for button in row.children]


def _button_ids_of(view: MakeView | None) -> list[str | None]:
    return [] if view is None else [getattr(each, "custom_id", None) for each in view().children]
