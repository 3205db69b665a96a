"""A conversation that nobody listened to for a while: what was deleted or edited meanwhile."""

import logging

import aiohttp
import discord

from bot.messages import is_user_message, user_turn
from handlers.chat.history import ConversationKey, History

log = logging.getLogger(__name__)

HISTORY_LIMIT = 100
"""Messages that are read."""


async def check(client: discord.Client, history: History, place: ConversationKey, me: int) -> None:
    """Forget the turns whose messages are gone, and let the others say what those say now.

    Args:
        client: The Discord client.
        history: What was said.
        place: The conversation.
        me: The bot's own id.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    said = [each.said.message_id for each in await history.exchanges(place)]
    kept = [each for each in said if each is not None]
    if not kept:
        return
    try:
        found = [
            each
            async for each in client.get_partial_messageable(place.channel_id).history(limit=HISTORY_LIMIT)
        ]
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("channel %d: not checked (%s)", place.channel_id, type(error).__name__)
        return
    there = {each.id: each for each in found}
    oldest = min(there, default=0) if len(found) == HISTORY_LIMIT else 0
    for each in kept:
        if each in there:
            await _edit(history, there[each], me)
        elif each > oldest:
            await history.delete(each)


async def _edit(history: History, message: discord.Message, me: int) -> None:
    said = user_turn(message, me) if is_user_message(message) else None
    if said is not None:
        await history.edit(message.id, said.text, said.pictures)
