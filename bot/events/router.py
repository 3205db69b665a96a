"""Classify each incoming message once, and hand it to the feature that it belongs to."""

import asyncio
import enum
import re
import weakref
from dataclasses import dataclass, field

import discord

from bot.events.promises import Promise, Promises
from bot.images.extract import ImageRef, extract_images
from handlers.storage.read_cursors import ReadCursors
from inference.errors import QueueUnavailable

_USER_MESSAGE_TYPES = frozenset({discord.MessageType.default, discord.MessageType.reply})
"""Types of messages that members write; all others are Discord's own notices."""
_LINK = re.compile(r"https?://\S+")


class MessageKind(enum.IntEnum):
    """What a message may be, as far as that shows without Redis. A smaller kind is tried first."""

    TURN = 1
    """A turn of a conversation: in a thread of the bot's, a reply to the bot, or the next message in a DM."""
    POST = 2
    """A post to be captioned: addressed to the bot, or with pictures, where the bot may reply."""


@dataclass(frozen=True)
class IncomingMessage:
    """A message of a member's, as far as it can be classified without Redis.

    Attributes:
        message: As Discord delivered it, or as it was found by backfill.
        guild_id: The server's id, cached or not; None in a DM.
        is_direct: Whether it is in a DM.
        is_addressed: Whether its author waits for an answer: in a DM, where the bot is mentioned, or in a
            reply to the bot that brings a picture or a question.
        is_named: Whether it is addressed to the bot otherwise than by being a reply.
        asks: Whether it has a question mark.
        images: Its attachments and stickers that claim to be pictures.
        own_thread: Whether it is in a thread that the bot has made: in a conversation.
        replied_to: The bot's message that it replies to.
        can_reply: Whether the bot may write there, as far as the cache tells.
        backfilled: Whether it was found by backfill, and may have been answered before.
        told: Set when its author is being told that Redis is away: then it has a placeholder.
    """

    message: discord.Message
    guild_id: int | None
    is_direct: bool
    is_addressed: bool
    is_named: bool
    asks: bool
    images: tuple[ImageRef, ...]
    own_thread: bool
    replied_to: discord.Message | None
    can_reply: bool
    backfilled: bool = False
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def may_have_reply(self) -> bool:
        """Whether the bot may have replied to it before."""
        return self.backfilled or self.told.is_set()

    def may_be(self, kind: MessageKind) -> bool:
        """Tell whether it may be of a kind."""
        if kind is MessageKind.POST:
            return self.can_reply and (self.is_addressed or bool(self.images))
        goes_on = self.is_direct and self.message.reference is None
        return self.own_thread or self.replied_to is not None or goes_on


class MessageHandler:
    """A feature that takes messages of a kind, and must know when they change."""

    async def handle(self, incoming: IncomingMessage) -> bool:
        """Take a message. Called in the channel's order, and again for a message that is delivered twice.

        Returns:
            Whether it was for this feature: no further one is asked.

        Raises:
            QueueUnavailable: Redis cannot be reached. The message is routed again by backfill.
        """
        raise NotImplementedError

    async def queue_unavailable(self, incoming: IncomingMessage) -> bool:
        """Tell the author of a message that it has to wait for Redis, where an answer will replace that.

        Returns:
            Whether the message is this feature's: no further one is asked.
        """
        del incoming
        return False

    async def message_edited(self, message: discord.Message) -> None:
        """Take in that a message was edited."""

    async def message_deleted(self, message_id: int) -> None:
        """Take in that a message was deleted."""

    async def channel_deleted(self, channel_id: int) -> None:
        """Take in that a channel or thread was deleted."""

    def session_started(self) -> None:
        """Take in that a new gateway session began: events before it may have been missed."""


class MessageRouter:
    """Hands messages and message events to the features; in each channel one message after the other.

    Args:
        bot_id: The bot's own id.
        cursors: Moved on when a message is in the inbox, or needs nothing.
        promises: The messages whose authors were told to wait for Redis.
        first_word_s: Seconds after which the author of a message is told that Redis is away, if that is why
            it is not in the inbox: however many others of its channel wait before it.
    """

    def __init__(self, bot_id: int, cursors: ReadCursors, promises: Promises, *, first_word_s: float) -> None:
        self._bot_id = bot_id
        self._cursors = cursors
        self._promises = promises
        self._first_word_s = first_word_s
        self._handlers: dict[MessageKind, MessageHandler] = {}
        self._turns: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()

    def register(self, kind: MessageKind, handler: MessageHandler) -> None:
        """Register the feature that takes a kind of message."""
        self._handlers[kind] = handler
        self._handlers = dict(sorted(self._handlers.items()))

    def unregister(self, kind: MessageKind) -> None:
        """Let nothing take a kind of message any more."""
        del self._handlers[kind]

    async def route(self, message: discord.Message, *, backfilled: bool = False) -> IncomingMessage | None:
        """Hand a message to the first feature that takes it, after all earlier ones of its channel.

        Returns:
            None where it is dealt with. Otherwise Redis was away: the channel's cursor stays until backfill
            has found the message, and its author is to be told.
        """
        incoming = self._classify(message, backfilled=backfilled) if is_user_message(message) else None
        telling = None
        if incoming is not None and not backfilled:
            telling = asyncio.create_task(self._tell_in_time(incoming), name=f"first word {message.id}")
        try:
            unhandled = await self._route(message, incoming)
        finally:
            if telling is not None and not (incoming and incoming.told.is_set()):
                telling.cancel()
        if telling is not None:
            await asyncio.gather(telling, return_exceptions=True)
        if unhandled is None:
            self._promises.drop(message.id)
        return unhandled

    async def _tell_in_time(self, incoming: IncomingMessage) -> None:
        await asyncio.sleep(self._first_word_s)
        await self.tell_unavailable(incoming)

    async def _route(
        self, message: discord.Message, incoming: IncomingMessage | None
    ) -> IncomingMessage | None:
        channel_id = message.channel.id
        async with self._turns.setdefault(channel_id, asyncio.Lock()):
            try:
                if incoming is not None:
                    await self._handle(incoming)
            except QueueUnavailable:
                self._cursors.mark_behind(channel_id, message.id)
            else:
                self._cursors.seen(channel_id, message.id, private=is_direct(message))
                return None
        return incoming

    async def routed(self, channel_id: int) -> None:
        """Return when every message of a channel that has come until now is routed."""
        async with self._turns.setdefault(channel_id, asyncio.Lock()):
            pass

    async def _handle(self, incoming: IncomingMessage) -> None:
        for kind, handler in tuple(self._handlers.items()):
            if incoming.may_be(kind) and await handler.handle(incoming):
                return

    async def tell_unavailable(self, incoming: IncomingMessage) -> None:
        """Tell the author of a message once that it has to wait for Redis."""
        if incoming.told.is_set():
            return
        incoming.told.set()
        for kind, handler in tuple(self._handlers.items()):
            if incoming.may_be(kind) and await handler.queue_unavailable(incoming):
                message = incoming.message
                self._promises.make(Promise(message.id, message.channel.id, incoming.guild_id))
                return

    async def message_edited(self, message: discord.Message) -> None:
        """Tell every feature that a message was edited."""
        await asyncio.gather(*(each.message_edited(message) for each in self._handlers.values()))

    async def message_deleted(self, message_id: int) -> None:
        """Tell every feature that a message was deleted."""
        await asyncio.gather(*(each.message_deleted(message_id) for each in self._handlers.values()))

    async def channel_deleted(self, channel_id: int) -> None:
        """Tell every feature that a channel or thread was deleted."""
        await asyncio.gather(*(each.channel_deleted(channel_id) for each in self._handlers.values()))

    def session_started(self) -> None:
        """Tell every feature that a new gateway session began."""
        for handler in self._handlers.values():
            handler.session_started()

    def _classify(self, message: discord.Message, *, backfilled: bool) -> IncomingMessage:
        replied_to = message.reference.resolved if message.reference is not None else None
        to_bot = isinstance(replied_to, discord.Message) and replied_to.author.id == self._bot_id
        images = extract_images(message, asked=False)
        is_named, asks = self._is_named(message), _asks(message)
        mentioned = any(user.id == self._bot_id for user in message.mentions)
        return IncomingMessage(
            message=message,
            guild_id=guild_id_of(message),
            is_direct=is_direct(message),
            is_addressed=is_named or (bool(images) and mentioned) or (to_bot and asks),
            is_named=is_named,
            asks=asks,
            images=images,
            own_thread=is_own_thread(message.channel, self._bot_id),
            replied_to=replied_to if isinstance(replied_to, discord.Message) and to_bot else None,
            can_reply=can_reply(message),
            backfilled=backfilled,
        )

    def _is_named(self, message: discord.Message) -> bool:
        """Tell whether a message is addressed to the bot, otherwise than by being a reply.

        A reply to one of the bot's messages mentions it without naming it. That is meant for the bot only
        where it brings a picture or a question, and not when somebody says thanks.
        """
        if is_direct(message) or self._bot_id in message.raw_mentions:
            return True
        role = message.guild.self_role if message.guild is not None else None
        return role is not None and role in message.role_mentions


def _asks(message: discord.Message) -> bool:
    """Tell whether a message has a question mark, of any script, outside of links."""
    return any(mark in _LINK.sub("", message.content) for mark in "?\uff1f\u061f\u037e\u055e")


def is_user_message(message: discord.Message) -> bool:
    """Tell whether a person wrote a message: no bot, no webhook, and not Discord itself."""
    return not message.author.bot and message.webhook_id is None and message.type in _USER_MESSAGE_TYPES


def is_direct(message: discord.Message) -> bool:
    """Tell whether a message is in a DM."""
    channel = message.channel
    partial = isinstance(channel, discord.PartialMessageable) and channel.type is discord.ChannelType.private
    return message.guild is None and (partial or isinstance(channel, discord.DMChannel))


def is_own_thread(channel: object, bot_id: int) -> bool:
    """Tell whether a channel is a thread that the bot has made: a conversation."""
    return isinstance(channel, discord.Thread) and channel.owner_id == bot_id


def guild_id_of(message: discord.Message) -> int | None:
    """Return the id of a message's server, cached or not; None in a DM."""
    if message.guild is not None:
        return message.guild.id
    channel = message.channel
    return channel.guild_id if isinstance(channel, discord.PartialMessageable) else None


def can_reply(message: discord.Message) -> bool:
    """Tell whether the bot may write where a message is, as far as the cache tells."""
    guild, channel = message.guild, message.channel
    if guild is None or isinstance(
        channel, discord.PartialMessageable | discord.DMChannel | discord.GroupChannel
    ):
        return True
    rights = channel.permissions_for(guild.me)
    return rights.view_channel and (
        rights.send_messages_in_threads if isinstance(channel, discord.Thread) else rights.send_messages
    )
