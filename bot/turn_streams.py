"""From a turn of a conversation to the stream that shows its answer, and the buttons that pass on to it."""

import asyncio
import contextlib
from collections.abc import Callable

import aiohttp
import discord

from bot import talk_buttons, talk_replies
from bot.answering import retry_redis
from bot.frames import StreamTarget
from bot.opening import unarchive
from bot.pacing import EditRateLimiter
from bot.standing import PostedAnswer
from bot.stream import Stream
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import Exchange, UserTurn
from handlers.storage.inbox import Inbox, Open, OpenTurn
from inference.errors import QueueUnavailable


class TurnStreams:
    """Makes streams.

    Args:
        client: The Discord client.
        inbox: Where the turns are written down.
        history: What was said.
        pace: When messages may be edited.
        channels: Finds a request's channel.
    """

    def __init__(
        self,
        client: discord.Client,
        inbox: Inbox,
        history: History,
        pace: EditRateLimiter,
        channels: Callable[[Open], discord.abc.Messageable],
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._history = history
        self._pace = pace
        self._channels = channels
        self._background: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Let go of everything."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(
        self,
        place: ConversationKey,
        request: OpenTurn,
        exchange: Exchange | None,
        stands: PostedAnswer | None,
    ) -> Stream:
        """Begin to show an answer, or go on with what stands there of it.

        Args:
            place: The conversation.
            request: The turn.
            exchange: The turn in the history; None where it was deleted.
            stands: What an earlier life left, where there was one.
        """
        above = ""
        if exchange is not None and exchange.said.message_id is None and request.reply_to is None:
            above = _above(exchange.said)
        channel = self._channels(request)
        spot = StreamTarget(
            channel,
            request.channel_id,
            request.reply_to,
            request.id,
            above,
            spoiler=await retry_redis(lambda: self._hidden(place, request)),
        )
        ids = stands.ids if stands is not None else request.messages
        partial = [channel.get_partial_message(each) for each in ids]  # type: ignore[attr-defined]

        async def posted(messages: tuple[int, ...]) -> None:
            with contextlib.suppress(QueueUnavailable):
                await self._inbox.amend(request.model_copy(update={"messages": messages}))
                await self._history.shown(place, request.turn_id, messages)
                await self._pass_on_buttons(place, request)

        return Stream(
            spot,
            self._pace,
            posted,
            lambda: talk_buttons.running(place, request.turn_id),
            lambda: unarchive(self._client, request.channel_id),
            partial,
        )

    async def _hidden(self, place: ConversationKey, request: OpenTurn) -> bool:
        """Tell whether a picture that the answer may be about was posted behind a spoiler."""
        subject = await self._history.subject(place)
        exchanges = await self._history.exchanges(place, until=request.turn_id)
        shown = [picture for each in exchanges for picture in each.said.pictures]
        return bool(subject and subject.spoiler) or any(each.spoiler for each in shown)

    async def _pass_on_buttons(self, place: ConversationKey, request: OpenTurn) -> None:
        """Take the buttons off the answer that was the newest until now."""
        before = await self._history.newest(place, request.turn_id)
        if before is None or before == request.turn_id:
            return
        messages = await self._history.messages(place, before)
        exchanges = await self._history.exchanges(place, until=before)
        answered = any(each.said.turn_id == before and each.replied is not None for each in exchanges)
        if messages and answered:
            task = asyncio.create_task(self._strip(request, messages[-1]))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _strip(self, request: OpenTurn, message_id: int) -> None:
        await self._pace.edit(request.channel_id)
        message = self._channels(request).get_partial_message(message_id)  # type: ignore[attr-defined]
        with contextlib.suppress(discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError):
            await message.edit(view=None, allowed_mentions=discord.AllowedMentions.none())


def place_of(request: OpenTurn) -> ConversationKey:
    """Say which conversation a turn is part of."""
    return ConversationKey(request.channel_id, request.hangs_on)


def _above(said: UserTurn) -> str:
    """Show who asked what, where no message of theirs does."""
    return "" if said.text == talk_replies.DESCRIBE else talk_replies.asked(said.speaker, said.text)
