"""Bring a conversation's history up to date with Discord: check it after a pause, rebuild it after a loss."""

import logging
import re
from collections.abc import Sequence

import discord

from bot.client import Beholder
from bot.cogs.chat import strings
from bot.cogs.chat.turns import image_in, user_turn
from bot.discord_api.errors import DISCORD_ERRORS
from bot.discord_api.history import read_history
from bot.events.router import is_user_message
from bot.formatting.markdown import SMALL_PRINT, unescape
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import BotReply, Subject, UserTurn
from handlers.storage.inbox import OpenTurn
from handlers.text import tidy
from inference.errors import PictureGone
from inference.schema import MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH

log = logging.getLogger(__name__)

HISTORY_LIMIT = 100
"""Messages that are read."""
_ASKED = re.compile(re.escape(SMALL_PRINT) + r"(.+?) asked: (.+)")
_RESET = re.compile(
    "|".join(
        f"^{re.escape(text).replace(re.escape('{who}'), '.+')}$"
        for text in (*strings.RESETS, strings.EARLIER_RESET)
    )
)


async def check_history(client: discord.Client, history: History, key: ConversationKey, bot_id: int) -> None:
    """Delete the turns whose messages are gone, and update those whose messages were edited. Idempotent.

    Used at the first turn of a gateway session: edits and deletions before it may have been missed.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    turns = [each.said.message_id for each in await history.exchanges(key)]
    message_ids = [each for each in turns if each is not None]
    if not message_ids:
        return
    try:
        channel = client.get_partial_messageable(key.channel_id)
        found = [each async for each in read_history(channel, limit=HISTORY_LIMIT)]
    except DISCORD_ERRORS as error:
        log.warning("channel %d: not checked (%s)", key.channel_id, type(error).__name__)
        return
    by_id = {each.id: each for each in found}
    oldest = min(by_id, default=0) if len(found) == HISTORY_LIMIT else 0
    for message_id in message_ids:
        if message_id in by_id:
            await _update(history, by_id[message_id], bot_id)
        elif message_id > oldest:
            await history.delete(message_id)


async def check_turn(client: discord.Client, history: History, request: OpenTurn, bot_id: int) -> None:
    """Update one turn, or delete it, by what its message is now. Idempotent.

    Used where a turn is resumed: an edit or the deletion before that may have been missed.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    if request.reply_to != request.turn_id:
        # No message of the member's has its text.
        return
    try:
        message = await client.get_partial_messageable(request.channel_id).fetch_message(request.turn_id)
    except discord.NotFound:
        await history.delete(request.turn_id)
    except DISCORD_ERRORS as error:
        log.warning("%s: not checked (%s)", request.id, type(error).__name__)
    else:
        await _update(history, message, bot_id)


async def _update(history: History, message: discord.Message, bot_id: int) -> None:
    turn = user_turn(message, bot_id) if is_user_message(message) else None
    if turn is not None:
        await history.edit(turn)


async def rebuild_history(
    client: Beholder, history: History, key: ConversationKey, bot_id: int, *, before: int
) -> None:
    """Read a conversation again from its thread, where Redis has lost it.

    Args:
        client: The bot.
        history: Where it is written.
        key: The conversation; it has its thread to itself.
        bot_id: The bot's own id.
        before: The message that is new: only messages before it are read.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    thread = client.get_channel(key.channel_id)
    if not isinstance(thread, discord.Thread):
        return
    try:
        subject = await _subject(client, thread)
        messages = [each async for each in read_history(thread, limit=HISTORY_LIMIT, before=before)]
    except DISCORD_ERRORS as error:
        log.warning("thread %d: not read (%s)", thread.id, type(error).__name__)
        return
    turns, replies = read_thread(messages, bot_id)
    for turn in turns:
        await history.say(key, turn)
    for reply in replies:
        await history.reply(key, reply)
    await history.begin(key, subject)
    log.info("thread %d: %d turns read again", thread.id, len(turns))


async def _subject(client: Beholder, thread: discord.Thread) -> Subject:
    """Return the pictures of the message that a thread was made from."""
    channel = client.get_partial_messageable(thread.parent_id, guild_id=thread.guild.id)
    try:
        found = await client.lookup.of(await channel.fetch_message(thread.id))
    except (discord.NotFound, discord.Forbidden, PictureGone):
        return Subject(gone=True)
    if found is None:
        return Subject(gone=True)
    return Subject(
        pictures=tuple(image_in(found.channel_id, found.message_id, each) for each in found.images),
        spoiler=any(each.spoiler for each in found.images),
    )


def read_thread(
    newest_first: Sequence[discord.Message], bot_id: int
) -> tuple[list[UserTurn], list[BotReply]]:
    """Read turns and replies from a thread's messages.

    Args:
        newest_first: The messages.
        bot_id: The bot's own id.

    Returns:
        The turns after the last reset, and the bot's replies to them. A reply refers to its turn's message;
        its further pages follow it; the first reply of a thread refers to no message.
    """
    turns: dict[int, UserTurn] = {}
    pages: dict[int, list[str]] = {}
    turn_id: int | None = None
    for message in reversed(newest_first):
        if message.author.id != bot_id:
            if is_user_message(message) and (turn := user_turn(message, bot_id)) is not None:
                turns[message.id] = turn
        elif _RESET.search(message.content):
            turns, pages, turn_id = {}, {}, None
        elif message.type is discord.MessageType.chat_input_command:
            turns[message.id] = _command_turn(message)
        else:
            turn_id = _answered_turn(message, turns, turn_id)
            if turn_id in turns and (text := plain_text(message.content)):
                pages.setdefault(turn_id, []).append(text)
    replies = [BotReply(turn_id=turn_id, text="\n".join(texts)) for turn_id, texts in pages.items()]
    return list(turns.values()), replies


def _answered_turn(message: discord.Message, turns: dict[int, UserTurn], before: int | None) -> int | None:
    """Return the turn that a message of the bot's answers; the first message opens the conversation."""
    about = message.reference.message_id if message.reference is not None else None
    if about in turns:
        return about
    if before is None and not turns and plain_text(message.content):
        turns[message.id] = _opening_turn(message)
        return message.id
    return before


def _command_turn(message: discord.Message) -> UserTurn:
    """Read the question of `/chat` in the thread itself: the bot's message quotes it."""
    asker = tidy(message.interaction_metadata.user.display_name) if message.interaction_metadata else ""
    text = unescape(message.content.removeprefix("> "))
    return UserTurn(turn_id=message.id, speaker=asker[:MAX_SPEAKER_LENGTH], text=text[:MAX_TURN_LENGTH])


def _opening_turn(message: discord.Message) -> UserTurn:
    """Read speaker and question from the line above the first answer."""
    line = _ASKED.match(message.content)
    speaker, text = (unescape(line[1]), unescape(line[2])) if line else ("", strings.DESCRIBE)
    return UserTurn(turn_id=message.id, speaker=speaker[:MAX_SPEAKER_LENGTH], text=text[:MAX_TURN_LENGTH])


def plain_text(content: str) -> str:
    """Return the model's text in a message: without small print and, outside of code, without escapes."""
    lines, code = [], False
    for line in content.split("\n"):
        if line.startswith("```"):
            code = not code
        elif line.startswith(SMALL_PRINT) and not code:
            continue
        # A spoiler's bars are the bot's: those of the model are escaped.
        lines.append(line if code else unescape(line.replace("||", "")))
    return "\n".join(lines).strip()
