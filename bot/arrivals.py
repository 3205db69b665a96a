"""From a message to a request in the inbox, in each channel one after the other."""

import asyncio
import logging
import time
import weakref
from collections.abc import Callable

import discord

from bot import replies
from bot.answering import CaptionService, address
from bot.attachments import extract_images
from bot.delivery import reply_once
from bot.hearing import ChatMessageHandler
from bot.insisting import DiscordUnavailable
from bot.messages import can_reply, guild_id_of, is_private, is_user_message
from handlers.storage.channel_settings import ChannelSettings
from handlers.storage.inbox import AcceptResult, Inbox, OpenPost, Why
from handlers.storage.read_cursors import ReadCursors
from inference.errors import QueueUnavailable

log = logging.getLogger(__name__)


class MessageRouter:
    """Takes messages in.

    Args:
        inbox: Where requests are written down.
        marks: Up to where channels have been seen.
        preferences: Which channels have captions on.
        answering: Goes on with what was accepted.
        me: Gives the bot's own user.
        hearing: Takes what belongs to a conversation.
        missed: Called with a channel, and its server, of which a message could not be taken: Redis is away.
    """

    def __init__(
        self,
        inbox: Inbox,
        marks: ReadCursors,
        preferences: ChannelSettings,
        answering: CaptionService,
        me: Callable[[], discord.ClientUser],
        hearing: ChatMessageHandler,
        missed: Callable[[int, int | None], None],
    ) -> None:
        self._inbox = inbox
        self._marks = marks
        self._preferences = preferences
        self._answering = answering
        self._me = me
        self._hearing = hearing
        self._missed = missed
        self._turns: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()

    async def take(self, message: discord.Message, *, late: bool = False) -> None:
        """Take a message in, after all earlier ones of its channel.

        Args:
            message: As it was delivered or found.
            late: It was found by looking back, and may have been answered before.
        """
        channel = message.channel.id
        turn = self._turns.setdefault(channel, asyncio.Lock())
        async with turn:
            try:
                if not await self._hearing.take(message):
                    await self._accept(message, late=late)
            except QueueUnavailable:
                log.warning("post:%d: Redis not reached, taken up when it is back", message.id)
                self._marks.mark_behind(channel, message.id)
                self._missed(channel, guild_id_of(message))
            else:
                self._marks.seen(channel, message.id, private=is_private(message))
                return
        # The answer to a turn is no reply of this kind: the placeholder would stay.
        if _is_asked(message, self._me()) and not self._hearing.may_take(message):
            await self._say_not_now(message)

    async def _accept(self, message: discord.Message, *, late: bool) -> None:
        why = await self._why(message)
        if why is None:
            return
        request = OpenPost(
            message_id=message.id,
            channel_id=message.channel.id,
            guild_id=guild_id_of(message),
            author_id=message.author.id,
            why=why,
            accepted=time.time(),
        )
        standing = await self._inbox.accept(request)
        if standing is not AcceptResult.CLOSED:
            self._answering.start(request, message, look=late or standing is AcceptResult.OPEN)

    async def _why(self, message: discord.Message) -> Why | None:
        """Tell why a message is for us; None: it is not.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        if not is_user_message(message) or not can_reply(message):
            return None
        if is_private(message):
            return "dm"
        if _is_asked(message, self._me()):
            return "mention"
        if not extract_images(message, asked=False):
            return None
        channel = message.channel
        parent = channel.parent_id if isinstance(channel, discord.Thread) else None
        return "unasked" if await self._preferences.captions_on(channel.id, parent) else None

    async def _say_not_now(self, message: discord.Message) -> None:
        """Tell somebody who waits; the same reply becomes the answer once Redis is back."""
        request = OpenPost(
            message_id=message.id,
            channel_id=message.channel.id,
            guild_id=guild_id_of(message),
            author_id=message.author.id,
            why="mention",
            accepted=time.time(),
        )
        try:
            await reply_once(address(request, message, self._me().id), replies.NO_MEMORY, look=True)
        except DiscordUnavailable:
            log.warning("post:%d: neither Redis nor Discord can be reached", message.id)


def _is_asked(message: discord.Message, me: discord.ClientUser) -> bool:
    """Tell whether somebody waits for an answer: in a DM, or where the bot is named.

    A reply to one of the bot's messages mentions it without naming it; that is meant for it only where it
    brings a picture along, and not when somebody says thanks.
    """
    if not is_user_message(message):
        return False
    if is_private(message) or me.id in message.raw_mentions:
        return True
    role = message.guild.self_role if message.guild is not None else None
    if role is not None and role in message.role_mentions:
        return True
    return me in message.mentions and bool(extract_images(message, asked=False))
