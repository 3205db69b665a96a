"""What is said to somebody who talks to the bot where there is nothing that it could answer."""

import logging

import discord

from bot import talk_replies
from bot.delivery import ReplyTarget, reply_once
from bot.insisting import DiscordUnavailable
from bot.messages import is_private
from bot.talk_buttons import turn_of
from handlers.chat.history import ConversationKey, History

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds for which Discord is tried: who writes next in the channel waits."""


class Excuses:
    """Says why there is no answer, where somebody expects one.

    Args:
        client: The Discord client.
        history: What was said.
    """

    def __init__(self, client: discord.Client, history: History) -> None:
        self._client = client
        self._history = history

    async def nothing_seen(self, place: ConversationKey, message: discord.Message) -> None:
        """Say what to do to somebody whose message has neither words nor a picture that the bot can see.

        Where it cannot read what is written, that is said once.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        if self._reads(message):
            await self._say(message, talk_replies.NOTHING_THERE)
        elif await self._history.first_time(place, "unseen"):
            await self._say(message, talk_replies.UNSEEN)

    async def lost(self, message: discord.Message, about: discord.Message | None) -> bool:
        """Say that a conversation in place is forgotten, where a message was to go on with one.

        Args:
            message: What was said, which belongs to no conversation.
            about: The bot's message that it replies to.

        Returns:
            Whether it was.
        """
        if about is None or turn_of(about) is None:
            return False
        await self._say(message, talk_replies.LOST)
        return True

    def _reads(self, message: discord.Message) -> bool:
        """Tell whether Discord shows the bot what a message says."""
        me = self._client.user
        return self._client.intents.message_content or is_private(message) or me in message.mentions

    async def _say(self, message: discord.Message, text: str) -> None:
        me = self._client.user.id if self._client.user is not None else 0
        to = ReplyTarget(message.channel, message.channel.id, message.id, me, f"excuse:{message.id}")
        try:
            # It may have been said before: the same message can be heard twice.
            await reply_once(to, text, look=True, patience=PATIENCE)
        except DiscordUnavailable:
            log.warning("message %d: not told", message.id)
