"""Take the messages that belong to a conversation, and answer each as a turn."""

import contextlib
import logging
import time

import discord

from bot.client import Beholder
from bot.cogs.chat.buttons import turn_of
from bot.cogs.chat.history_sync import check_history, rebuild_history
from bot.cogs.chat.strings import LOST, NOTHING_THERE, UNSEEN
from bot.cogs.chat.turn_runner import ChatTurnRunner
from bot.cogs.chat.turns import image_in, user_turn
from bot.discord_api.errors import DISCORD_ERRORS
from bot.durable.delivery import ReplyTarget, reply_once, tell_redis_away
from bot.durable.runner import retry_redis
from bot.errors import DiscordUnavailable
from bot.events.router import IncomingMessage, MessageHandler, is_user_message
from bot.formatting.help import is_help_request
from bot.formatting.status import not_looked_at
from bot.images.extract import other_files, own_images
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import PostedImage
from handlers.storage.inbox import OpenTurn
from inference.errors import PictureGone, QueueUnavailable

log = logging.getLogger(__name__)

NOTICE_TIMEOUT_S = 10.0
"""Seconds for which Discord is tried for a notice: the channel's next message waits for it."""


class ChatMessageHandler(MessageHandler):
    """Takes the messages of conversations, their edits and their deletions.

    Args:
        client: The bot.
        history: The conversations.
        runner: Answers the turns.
    """

    def __init__(self, client: Beholder, history: History, runner: ChatTurnRunner) -> None:
        self._client = client
        self._history = history
        self._runner = runner
        self._bot_id = client.bot_id
        self._checked: set[ConversationKey] = set()
        """Conversations whose history agrees with Discord since the session began."""

    async def handle(self, incoming: IncomingMessage) -> bool:
        """Answer a message, where it belongs to a conversation. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        key = await self._conversation(incoming)
        if not incoming.can_reply:
            return key is not None
        message = incoming.message
        if key is None:
            return not own_images(message) and await self._tell_lost(incoming)
        turn = user_turn(message, self._bot_id)
        if turn is None:
            await self._tell_nothing_seen(key, incoming)
            return True
        about = await self._replied_pictures(message)
        if about:
            turn = turn.model_copy(update={"about": about})
        if key not in self._checked:
            await check_history(self._client, self._history, key, self._bot_id)
            self._checked.add(key)
        if key.root_message_id is None and await self._history.subject(key) is None:
            await rebuild_history(self._client, self._history, key, self._bot_id, before=message.id)
        request = OpenTurn(
            channel_id=message.channel.id,
            guild_id=incoming.guild_id,
            author_id=message.author.id,
            accepted=time.time(),
            turn_id=message.id,
            root_message_id=key.root_message_id,
            reply_to=message.id,
        )
        await self._runner.accept(request, turn, may_have_reply=incoming.may_have_reply)
        return True

    async def _replied_pictures(self, message: discord.Message) -> tuple[PostedImage, ...]:
        """Return the pictures that the message is about which a turn replies to; none where they are gone.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        try:
            found = await self._client.lookup.of_replied_to(message)
        except PictureGone:
            return ()
        except DISCORD_ERRORS as error:
            log.warning("message %d: no picture looked up (%s)", message.id, type(error).__name__)
            return ()
        if found is None:
            return ()
        return tuple(image_in(found.channel_id, found.message_id, each) for each in found.images)

    async def _conversation(self, incoming: IncomingMessage) -> ConversationKey | None:
        """Return the conversation that a message belongs to."""
        channel_id = incoming.message.channel.id
        if incoming.own_thread:
            return ConversationKey(channel_id)
        if incoming.replied_to is not None:
            keys = await self._history.places(incoming.replied_to.id)
            return next((each for each in keys if each.channel_id == channel_id), None)
        if not own_images(incoming.message):
            # What the bot can do is not a question about the picture that was talked about last.
            wants_help = is_help_request(incoming.message.content)
            return None if wants_help else await self._history.latest(channel_id)
        # In a DM, a new picture ends the conversation about the one before.
        await self._history.part(channel_id)
        return None

    async def queue_unavailable(self, incoming: IncomingMessage) -> bool:
        """Tell the author of a turn that Redis is away. The same reply later becomes the answer.

        In a DM, what is no turn is a question about a picture, and is answered as well. A reply to the bot is
        a turn where it answers the newest answer of a conversation; others may be none.
        """
        replied_to = incoming.replied_to
        is_turn = incoming.own_thread or (replied_to is not None and turn_of(replied_to) is not None)
        if is_turn and incoming.can_reply:
            await tell_redis_away(incoming.message, self._bot_id, self._client.delays)
        return is_turn

    async def message_edited(self, message: discord.Message) -> None:
        """Update the turn of a message that was edited."""
        self._runner.images_changed(message.id)
        turn = user_turn(message, self._bot_id) if is_user_message(message) else None
        if turn is not None:
            for key in await retry_redis(lambda: self._history.edit(turn)):
                self._runner.turn_edited(key, turn.turn_id)

    async def message_deleted(self, message_id: int) -> None:
        """Delete the turn of a message, and stop the answer to it, or the one about its picture."""
        self._runner.images_changed(message_id)
        for key, lost_picture in (await retry_redis(lambda: self._history.delete(message_id))).items():
            with contextlib.suppress(QueueUnavailable):
                await self._runner.stop_answer(key, None if lost_picture else message_id)

    async def channel_deleted(self, channel_id: int) -> None:
        """Delete the conversation of a thread that was deleted. While Redis is away it is left to expire."""
        with contextlib.suppress(QueueUnavailable):
            await self._history.forget_channel(channel_id)

    def session_started(self) -> None:
        """Check every conversation again at its next turn: edits and deletions may have been missed."""
        self._checked.clear()
        self._runner.images_changed()

    async def _tell_nothing_seen(self, key: ConversationKey, incoming: IncomingMessage) -> None:
        """Answer a message with neither text nor pictures that the bot can see.

        Where the bot may not read what is written, that is said once in a conversation.
        """
        message = incoming.message
        mentioned = any(user.id == self._bot_id for user in message.mentions)
        if self._client.intents.message_content or incoming.is_direct or mentioned:
            files = not_looked_at(other_files(message))
            await self._tell(message, "\n".join(each for each in (NOTHING_THERE, files) if each))
        elif await self._history.first_time(key, "unseen"):
            await self._tell(message, UNSEEN)

    async def _tell_lost(self, incoming: IncomingMessage) -> bool:
        """Answer a reply to a conversation in place that Redis has lost.

        Returns:
            Whether it is one.
        """
        if incoming.replied_to is None or turn_of(incoming.replied_to) is None:
            return False
        await self._tell(incoming.message, LOST)
        return True

    async def _tell(self, message: discord.Message, text: str) -> None:
        request_id = f"excuse:{message.id}"
        target = ReplyTarget(message.channel, message.channel.id, message.id, self._bot_id, request_id)
        try:
            # The same message can be delivered twice.
            await reply_once(
                target, text, self._client.delays, check_existing=True, timeout_s=NOTICE_TIMEOUT_S
            )
        except DiscordUnavailable:
            log.warning("message %d: not told", message.id)
