"""From a message to a turn of a conversation, where it is one."""

import contextlib
import logging
import time
from collections.abc import Callable

import discord

from bot.answering import retry_redis
from bot.attachments import own_images
from bot.checking import check
from bot.conversing import ChatTurnRunner
from bot.excusing import Excuses
from bot.messages import can_reply, guild_id_of, is_own_thread, is_private, is_user_message, user_turn
from bot.rebuilding import rebuild
from handlers.chat.history import ConversationKey, History
from handlers.storage.inbox import OpenTurn
from inference.errors import QueueUnavailable

log = logging.getLogger(__name__)


class ChatMessageHandler:
    """Listens for what is said to the bot in conversations.

    Args:
        client: The Discord client.
        history: What was said.
        conversing: Goes on with what was heard.
        me: Gives the bot's own user.
    """

    def __init__(
        self,
        client: discord.Client,
        history: History,
        conversing: ChatTurnRunner,
        me: Callable[[], discord.ClientUser],
    ) -> None:
        self._client = client
        self._history = history
        self._conversing = conversing
        self._me = me
        self._excuses = Excuses(client, history)
        self._checked: set[ConversationKey] = set()

    async def take(self, message: discord.Message) -> bool:
        """Take a message in, where it belongs to a conversation.

        Returns:
            Whether it does; then nothing else is to be done with it.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        if not is_user_message(message):
            return False
        place = await self._place(message)
        if not can_reply(message):
            return place is not None
        if place is None:
            return not own_images(message) and await self._excuses.lost(message, self._about(message))
        said = user_turn(message, self._me().id)
        if said is None:
            await self._excuses.nothing_seen(place, message)
            return True
        if place not in self._checked:
            await check(self._client, self._history, place, self._me().id)
            self._checked.add(place)
        if place.hangs_on is None and await self._history.subject(place) is None:
            await rebuild(self._client, self._history, place, before=message.id)
        request = OpenTurn(
            channel_id=message.channel.id,
            guild_id=guild_id_of(message),
            author_id=message.author.id,
            accepted=time.time(),
            turn_id=message.id,
            hangs_on=place.hangs_on,
            reply_to=message.id,
        )
        await self._conversing.accept(request, said)
        return True

    async def _place(self, message: discord.Message) -> ConversationKey | None:
        """Say which conversation a message belongs to."""
        channel = message.channel
        if is_own_thread(channel, self._me().id):
            return ConversationKey(channel.id)
        about = self._about(message)
        if about is not None:
            here = [each for each in await self._history.places(about.id) if each.channel_id == channel.id]
            return here[0] if here else None
        if is_private(message) and message.reference is None:
            if not own_images(message):
                return await self._history.latest(channel.id)
            # What is asked next is not about the picture before this one.
            await self._history.part(channel.id)
        return None

    def may_take(self, message: discord.Message) -> bool:
        """Tell whether a message may belong to a conversation, as far as that shows without Redis."""
        if is_own_thread(message.channel, self._me().id) or self._about(message) is not None:
            return True
        return is_private(message) and message.reference is None and not own_images(message)

    def _about(self, message: discord.Message) -> discord.Message | None:
        """Return the message that one replies to, where it is the bot's."""
        about = message.reference.resolved if message.reference is not None else None
        mine = isinstance(about, discord.Message) and about.author.id == self._me().id
        return about if isinstance(about, discord.Message) and mine else None

    async def edited(self, message: discord.Message) -> None:
        """Let the history say what a message says now."""
        self._conversing.changed(message.id)
        said = user_turn(message, self._me().id) if is_user_message(message) else None
        if said is not None:
            await retry_redis(lambda: self._history.edit(message.id, said.text, said.pictures))

    async def deleted(self, message_id: int) -> None:
        """Forget a message, and stop answering it, or what is being said of its picture."""
        self._conversing.changed(message_id)
        for place, pictured in (await retry_redis(lambda: self._history.delete(message_id))).items():
            with contextlib.suppress(QueueUnavailable):
                await self._conversing.end(place, None if pictured else message_id)

    def begin_anew(self) -> None:
        """Trust no conversation until it was checked: nobody knows what happened while nobody listened."""
        self._checked.clear()
        self._conversing.changed()

    async def forget_channel(self, channel_id: int) -> None:
        """Forget a channel that is gone; a conversation that was never kept is no loss."""
        with contextlib.suppress(QueueUnavailable):
            await self._history.forget_channel(channel_id)
