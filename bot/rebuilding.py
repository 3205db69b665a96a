"""A history that Redis has lost, read again from the thread's own messages."""

import logging
import re
from collections.abc import Sequence

import aiohttp
import discord

from bot import talk_replies
from bot.attachments import extract_images
from bot.messages import is_user_message, posted_image, user_turn
from bot.replies import unescaped
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import BotReply, Subject, UserTurn
from inference.schema import MAX_SPEAKER_LENGTH, MAX_TURN_LENGTH

log = logging.getLogger(__name__)

HISTORY_LIMIT = 100
"""Messages that are read."""
_ASKED = re.compile(re.escape(talk_replies.SMALL) + r"(.+?) asked: (.+)")
_RESET = re.compile("^" + re.escape(talk_replies.RESET).replace(re.escape("{who}"), ".+") + "$")


async def rebuild(client: discord.Client, history: History, place: ConversationKey, *, before: int) -> None:
    """Read what was said in a thread of the bot's, as far as it may be read.

    Args:
        client: The Discord client.
        history: Where it goes.
        place: The thread.
        before: The message that is new.

    Raises:
        QueueUnavailable: Redis cannot be reached.
    """
    thread = client.get_channel(place.channel_id)
    if not isinstance(thread, discord.Thread) or client.user is None:
        return
    try:
        subject = await _subject(client, thread)
        messages = [each async for each in thread.history(limit=HISTORY_LIMIT, before=discord.Object(before))]
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("thread %d: not read (%s)", thread.id, type(error).__name__)
        return
    said, replied = read(messages, client.user.id)
    for each in said:
        await history.say(place, each)
    for answer in replied:
        await history.reply(place, answer)
    await history.begin(place, subject)
    log.info("thread %d: %d turns read again", thread.id, len(said))


async def _subject(client: discord.Client, thread: discord.Thread) -> Subject:
    """Find the picture that the thread was made from."""
    channel = client.get_partial_messageable(thread.parent_id, guild_id=thread.guild.id)
    try:
        message = await channel.fetch_message(thread.id)
    except (discord.NotFound, discord.Forbidden):
        return Subject(gone=True)
    pictures = extract_images(message, asked=True)
    return Subject(
        gone=not pictures,
        pictures=tuple(posted_image(message, each) for each in pictures),
        spoiler=any(each.spoiler for each in pictures),
    )


def read(newest_first: Sequence[discord.Message], me: int) -> tuple[list[UserTurn], list[BotReply]]:
    """Read turns and answers from messages.

    Args:
        newest_first: A thread's messages.
        me: The bot's own id.

    Returns:
        What people said after the last reset, and what the bot answered: an answer replies to its turn, its
        further pages follow it, and the one that the thread begins with replies to nothing.
    """
    said: dict[int, UserTurn] = {}
    pages: dict[int, list[str]] = {}
    turn: int | None = None
    for message in reversed(newest_first):
        if message.author.id != me:
            if is_user_message(message) and (heard := user_turn(message, me)) is not None:
                said[message.id] = heard
        elif _RESET.search(message.content):
            said, pages, turn = {}, {}, None
        elif message.type is discord.MessageType.chat_input_command:
            said[message.id] = _called(message)
        else:
            turn = _answers(message, said, turn)
            if turn in said and (text := plain(message.content)):
                pages.setdefault(turn, []).append(text)
    replied = [BotReply(turn_id=turn, text="\n".join(texts)) for turn, texts in pages.items()]
    return list(said.values()), replied


def _answers(message: discord.Message, said: dict[int, UserTurn], before: int | None) -> int | None:
    """Say which turn a message of the bot's answers; the first of all opens the conversation."""
    about = message.reference.message_id if message.reference is not None else None
    if about in said:
        return about
    if before is None and not said and plain(message.content):
        said[message.id] = _opening(message)
        return message.id
    return before


def _called(message: discord.Message) -> UserTurn:
    """Read what was asked with `/chat` in the thread itself; it shows the question as a quotation."""
    asker = message.interaction_metadata.user.display_name if message.interaction_metadata else ""
    text = unescaped(message.content.removeprefix("> "))
    return UserTurn(turn_id=message.id, speaker=asker[:MAX_SPEAKER_LENGTH], text=text[:MAX_TURN_LENGTH])


def _opening(message: discord.Message) -> UserTurn:
    """Read who asked what from the line above the first answer."""
    line = _ASKED.match(message.content)
    speaker, text = (unescaped(line[1]), unescaped(line[2])) if line else ("", talk_replies.DESCRIBE)
    return UserTurn(turn_id=message.id, speaker=speaker[:MAX_SPEAKER_LENGTH], text=text[:MAX_TURN_LENGTH])


def plain(content: str) -> str:
    """Return an answer's words: without small print, and without what escapes them, but for code."""
    lines, code = [], False
    for line in content.split("\n"):
        if line.startswith("```"):
            code = not code
        elif line.startswith(talk_replies.SMALL) and not code:
            continue
        # A spoiler of ours: the model's own bars are escaped.
        lines.append(line if code else unescaped(line.replace("||", "")))
    return "\n".join(lines).strip()
