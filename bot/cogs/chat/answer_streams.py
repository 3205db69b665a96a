"""Show the answer to a turn as it is generated: its messages, and the buttons that move on to them."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence

import discord

from bot.client import Beholder
from bot.cogs.chat.buttons import running_view
from bot.cogs.chat.strings import DESCRIBE, RETRYING, THINKING, asked_line, pulling
from bot.discord_api.retry import retry_discord
from bot.discord_api.threads import unarchive
from bot.durable.runner import retry_redis
from bot.errors import DiscordUnavailable, TargetDeleted
from bot.formatting.markdown import small_print
from bot.streaming.message import AnswerStream, StreamTarget
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import Exchange, UserTurn
from handlers.chat.service import ChatJob, ChatService
from handlers.storage.inbox import OpenTurn
from inference.errors import QueueUnavailable
from inference.schema import Conversed, Delta

log = logging.getLogger(__name__)


class TurnStreams:
    """Makes the streams of answers.

    Args:
        client: The bot.
        history: The conversations.
    """

    def __init__(self, client: Beholder, history: History) -> None:
        self._client = client
        self._history = history
        self._moving: dict[str, asyncio.Task[None]] = {}
        self._waiting: set[tuple[ConversationKey, int]] = set()

    async def stop(self) -> None:
        """Cancel what runs in the background."""
        tasks = list(self._moving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(
        self,
        key: ConversationKey,
        request: OpenTurn,
        exchange: Exchange | None,
        existing: Sequence[int] | None,
    ) -> AnswerStream:
        """Begin the stream of an answer, or go on with the messages that it has.

        Args:
            key: The conversation.
            request: The turn.
            exchange: The turn in the history; None where it was deleted.
            existing: The answer's messages, where a previous process may have sent some; None: as stored.
        """
        above = ""
        if exchange is not None and exchange.said.message_id is None and request.reply_to is None:
            above = _line_above(exchange.said)
        channel = self._client.runner.channel_of(request)
        target = StreamTarget(
            channel,
            request.channel_id,
            request.reply_to,
            request.id,
            above,
            spoiler=await retry_redis(lambda: self._is_hidden(key, request)),
        )
        ids = request.messages if existing is None else existing
        messages = [channel.get_partial_message(each) for each in ids]  # type: ignore[attr-defined]

        async def posted(message_ids: tuple[int, ...]) -> None:
            with contextlib.suppress(QueueUnavailable):
                await self._client.inbox.amend(request.model_copy(update={"messages": message_ids}))
                await self._history.shown(key, request.turn_id, message_ids)
                if await self._history.newest(key) is None:
                    await self._history.newest(key, request.turn_id)
            self._begin_moving(key, request)

        return AnswerStream(
            target,
            self._client.edit_limiter,
            self._client.delays,
            on_posted=posted,
            stop_view=lambda: running_view(key, request.turn_id),
            unarchive=lambda: unarchive(self._client, request.channel_id),
            existing=messages,
        )

    async def _is_hidden(self, key: ConversationKey, request: OpenTurn) -> bool:
        """Tell whether a picture that the answer may be about was posted behind a spoiler."""
        subject = await self._history.subject(key)
        exchanges = await self._history.exchanges(key, until=request.turn_id)
        posted = [picture for each in exchanges for picture in (*each.said.pictures, *each.said.about)]
        return bool(subject and subject.spoiler) or any(each.spoiler for each in posted)

    @contextlib.contextmanager
    def waiting(self, key: ConversationKey, request: OpenTurn) -> Iterator[None]:
        """Leave a turn that others overtake its Stop button, until the block ends."""
        self._waiting.add((key, request.turn_id))
        try:
            yield
        finally:
            self._waiting.discard((key, request.turn_id))

    async def buttons_moved(self, key: ConversationKey, request: OpenTurn) -> None:
        """Return when no earlier answer of the conversation has buttons any more."""
        await asyncio.shield(self._begin_moving(key, request))

    def _begin_moving(self, key: ConversationKey, request: OpenTurn) -> asyncio.Task[None]:
        """Begin to move the buttons, beside the answer: that does not wait for Discord's limit on edits."""
        task = self._moving.get(request.id)
        if task is None:
            task = asyncio.create_task(self._move_buttons(key, request), name=f"buttons {request.id}")
            self._moving[request.id] = task
            task.add_done_callback(lambda _: self._moving.pop(request.id, None))
        return task

    async def _move_buttons(self, key: ConversationKey, request: OpenTurn) -> None:
        """Make this answer the newest, once the one that was the newest until now has no buttons.

        In this order, so that a bot that is killed in between does both after its restart.
        """
        before = await retry_redis(lambda: self._history.newest(key))
        if before == request.turn_id:
            return
        if before is not None and (key, before) not in self._waiting:
            messages = await retry_redis(lambda: self._history.messages(key, before))
            if messages:
                await self._remove_buttons(request, messages[-1])
        await retry_redis(lambda: self._history.newest(key, request.turn_id))

    async def _remove_buttons(self, request: OpenTurn, message_id: int) -> None:
        channel = self._client.runner.channel_of(request)
        message = channel.get_partial_message(message_id)  # type: ignore[attr-defined]

        async def remove() -> None:
            await self._client.edit_limiter.wait_to_edit(request.channel_id)
            await message.edit(view=None, allowed_mentions=discord.AllowedMentions.none())

        try:
            await retry_discord(remove, request.id, self._client.delays)
        except (discord.HTTPException, DiscordUnavailable) as error:
            # It was deleted, or the bot may no longer write there.
            log.info("%s: the buttons of an earlier answer stay: %s", request.id, type(error).__name__)


async def follow(
    stream: AnswerStream, job: ChatJob, chat: ChatService, before: str, edited: asyncio.Event
) -> Conversed | None:
    """Show an answer as it is generated, and return the whole.

    Args:
        stream: Shows it.
        job: Its job.
        chat: Returns the job's result.
        before: The text that the answer continues.
        edited: Set when the turn was edited before its answer has begun.

    Returns:
        The whole answer; None where the turn was edited.

    Raises:
        BeholderError: There is none.
        TargetDeleted: Its messages were deleted.
    """
    showing = asyncio.create_task(_show_deltas(stream, job, before))
    deleted = asyncio.create_task(stream.deleted.wait())
    changed = asyncio.create_task(edited.wait())
    try:
        await asyncio.wait([showing, deleted, changed], return_when=asyncio.FIRST_COMPLETED)
        if edited.is_set():
            return None
        if not showing.done():
            raise TargetDeleted
        return await chat.result(job)
    finally:
        for task in (showing, deleted, changed):
            task.cancel()
        await asyncio.gather(showing, deleted, changed, return_exceptions=True)


async def _show_deltas(stream: AnswerStream, job: ChatJob, before: str) -> None:
    """Show each piece of text in order. After a missing one nothing more is shown until the result."""
    text, attempt, expected = "", 0, 0
    async for delta in job.ticket.deltas():
        if not isinstance(delta, Delta):
            notices = {"retrying": RETRYING, "thinking": THINKING}
            if not before:
                stream.show_notice(small_print(notices.get(delta.what) or pulling(delta.done)))
            continue
        if delta.attempt != attempt:
            text, attempt, expected = "", delta.attempt, 0
        if delta.seq == expected:
            expected += 1
            text = delta.text if delta.anew else text + delta.text
            if before or text:
                stream.show(continued(before, text))
            else:
                # What was shown has turned out to be thought.
                stream.text = ""
                stream.show_notice(small_print(THINKING))


def continued(before: str, text: str) -> str:
    """Join an answer that was cut off and its continuation."""
    # A model begins its answer without the space that its text would have had before it.
    gap = before[-1:].isalnum() and text[:1].isalnum() and not before[-1:].isspace()
    return f"{before} {text}" if gap else before + text


def key_of(request: OpenTurn) -> ConversationKey:
    """Return the conversation that a turn is part of."""
    return ConversationKey(request.channel_id, request.root_message_id)


def _line_above(turn: UserTurn) -> str:
    """Write the question above its answer, where no message of a member's shows it."""
    return "" if turn.text == DESCRIBE else asked_line(turn.speaker, turn.text)
