"""Send a reply once, however often it has to be tried.

Discord's side of exactly-once: a nonce made from the request, for which Discord returns the message that it
already has (for a few minutes), and a search of the channel wherever an earlier attempt may have come
through.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import discord

from bot.discord_api.errors import CANNOT_REPLY_WITHOUT_HISTORY
from bot.discord_api.history import read_history
from bot.discord_api.retry import retry_discord
from bot.errors import DiscordUnavailable
from bot.formatting.status import REDIS_AWAY, is_placeholder
from bot.settings import Delays
from inference.schema import job_id

log = logging.getLogger(__name__)

HISTORY_LIMIT = 500
"""Messages after the one replied to among which an earlier reply is looked for."""

NOTICE_TIMEOUT_S = 60.0
"""Seconds for which Discord is tried for a notice that a later answer replaces."""

MakeView = Callable[[], discord.ui.View]
"""Makes the buttons of a message: one view for each attempt, since sending binds it."""


@dataclass(frozen=True)
class ReplyTarget:
    """The message that is replied to.

    Attributes:
        channel: Its channel.
        channel_id: The channel's id.
        message_id: Its id.
        bot_id: The bot's own id, by which its replies are found.
        request_id: The request's id: the nonce is made from it.
    """

    channel: discord.abc.Messageable
    channel_id: int
    message_id: int
    bot_id: int
    request_id: str


def nonce_for(request_id: str, *page: int) -> str:
    """Make the nonce of a request's message: the same request and page, the same nonce.

    Returns:
        25 characters, as many as Discord takes.
    """
    return job_id("nonce", request_id, *page)[:25]


async def reply_once(
    target: ReplyTarget,
    text: str,
    delays: Delays,
    *,
    check_existing: bool,
    view: MakeView | None = None,
    timeout_s: float | None = None,
) -> discord.Message | None:
    """Reply to a message, so that the channel has one reply however often this is called for a request.

    A placeholder that stands there already is edited into `text`.

    Args:
        target: What is replied to.
        text: At most 2000 characters, escaped.
        delays: Of the retries.
        check_existing: Whether an earlier attempt may have come through: then the channel is searched first.
        view: Makes the buttons below it.
        timeout_s: Seconds for which an unreachable Discord is tried.

    Returns:
        The reply; None where Discord refuses: the message or the channel is gone, or the bot may not write.

    Raises:
        DiscordUnavailable: Discord could not be reached.
    """

    async def attempt() -> discord.Message:
        nonlocal check_existing
        # An answer that was lost on its way back looks like a call that never arrived.
        check, check_existing = check_existing, True
        return await _attempt(target, text, view, check_existing=check)

    try:
        return await retry_discord(attempt, target.request_id, delays, timeout_s=timeout_s)
    except discord.HTTPException as error:
        log.info("%s: no reply possible: status %d, code %d", target.request_id, error.status, error.code)
        return None


async def tell_redis_away(message: discord.Message, bot_id: int, delays: Delays) -> None:
    """Reply to a message that its answer waits for Redis. The reply later becomes the answer. Idempotent."""
    # Named as a post is: whichever feature takes the message, its reply finds this one.
    request_id = f"post:{message.id}"
    target = ReplyTarget(message.channel, message.channel.id, message.id, bot_id, request_id)
    try:
        await reply_once(target, REDIS_AWAY, delays, check_existing=True, timeout_s=NOTICE_TIMEOUT_S)
    except DiscordUnavailable:
        log.warning("%s: neither Redis nor Discord can be reached", request_id)


async def _attempt(
    target: ReplyTarget, text: str, view: MakeView | None, *, check_existing: bool
) -> discord.Message:
    reply = await _find_reply(target) if check_existing else None
    if reply is None:
        nonce = nonce_for(target.request_id)
        to = (target.channel_id, target.message_id)
        reply = await send_message(target.channel, text, nonce=nonce, view=view, reply_to=to)
    if reply.content != text and is_placeholder(reply.content) and text != REDIS_AWAY:
        return await reply.edit(
            content=text,
            view=None if view is None else view(),
            allowed_mentions=discord.AllowedMentions.none(),
        )
    return reply


async def send_message(
    channel: discord.abc.Messageable,
    content: str,
    *,
    nonce: str,
    view: MakeView | None = None,
    files: list[discord.File] | None = None,
    reply_to: tuple[int, int] | None = None,
) -> discord.Message:
    """Send a message that pings nobody, with a nonce.

    Args:
        channel: Where.
        content: At most 2000 characters.
        nonce: Discord sends no second message with it for a few minutes.
        view: Makes the buttons below it.
        files: At most ten.
        reply_to: Channel and id of the message that is replied to. Without Read Message History a reply is
            not possible: then the message stands alone.

    Raises:
        discord.HTTPException: Discord refuses; also where the message that is replied to is gone.
    """
    options: dict[str, Any] = {"nonce": nonce, "allowed_mentions": discord.AllowedMentions.none()}
    if view is not None:
        options["view"] = view()
    if files:
        options["files"] = files
    send: Callable[..., Awaitable[discord.Message]] = partial(channel.send, content, **options)
    if reply_to is None:
        return await send()
    # Not `fail_if_not_exists=False`: a picture that was deleted must not be described to anyone.
    reference = discord.MessageReference(channel_id=reply_to[0], message_id=reply_to[1])
    try:
        return await send(reference=reference, mention_author=False)
    except discord.HTTPException as error:
        if error.code != CANNOT_REPLY_WITHOUT_HISTORY:
            raise
        return await send()


async def _find_reply(target: ReplyTarget) -> discord.Message | None:
    """Find the reply that an earlier attempt left.

    Raises:
        discord.HTTPException: Discord refuses or fails, other than by a lack of permission to read.
    """
    try:
        async for message in read_history(target.channel, after=target.message_id, limit=HISTORY_LIMIT):
            about = message.reference
            if (
                about is not None
                and about.message_id == target.message_id
                and message.author.id == target.bot_id
            ):
                return message
    except discord.Forbidden:
        log.info("%s: no permission to read what was sent", target.request_id)
    return None
