"""One visible outcome for each request, however often it has to be tried.

Discord's side of exactly-once: a nonce made from the request, for which Discord returns the message that it
has already (for a few minutes), and a look at the channel wherever an earlier attempt may have come through.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import discord

from bot.insisting import RETRY_TIMEOUT_S, retry_discord
from bot.replies import PLACEHOLDERS
from inference.schema import job_id

log = logging.getLogger(__name__)

HISTORY_LIMIT = 500
"""Messages after the one that is answered among which our own reply is looked for."""

Buttons = Callable[[], discord.ui.View]
"""Makes buttons; one set for each attempt, since sending binds them."""

NO_HISTORY = 160002
"""Discord's error code for a reply where one may not read the message history."""


@dataclass(frozen=True)
class ReplyTarget:
    """Where an outcome goes.

    Attributes:
        channel: Where the message is that it answers.
        message_id: That message.
        me: The bot's own id.
        request: The request's id: the nonce is made from it.
    """

    channel: discord.abc.Messageable
    channel_id: int
    message_id: int
    me: int
    request: str

    @property
    def nonce(self) -> str:
        """25 characters, as many as Discord takes."""
        return job_id("nonce", self.request)[:25]


async def reply_once(
    to: ReplyTarget,
    text: str,
    *,
    look: bool,
    buttons: Buttons | None = None,
    patience: float = RETRY_TIMEOUT_S,
) -> discord.Message | None:
    """Have `text` stand in one reply.

    Args:
        to: Where.
        text: At most 2000 characters, escaped.
        look: Whether an earlier attempt may have come through.
        buttons: Makes those below it.
        patience: Seconds for which an unreachable Discord is tried again.

    Returns:
        The reply; None where there is nobody to answer or no way to.

    Raises:
        Unreachable: Discord could not be reached.
    """

    async def attempt() -> discord.Message:
        nonlocal look
        # An answer that was lost on its way back looks like one that never arrived.
        now, look = look, True
        return await _attempt(to, text, buttons, look=now)

    try:
        return await retry_discord(attempt, to.request, patience=patience)
    except discord.HTTPException as error:
        # Forbidden, an unknown channel, a source message that is gone: nobody is there to be told.
        log.info("%s: no reply possible: status %d, code %d", to.request, error.status, error.code)
        return None


async def _attempt(to: ReplyTarget, text: str, buttons: Buttons | None, *, look: bool) -> discord.Message:
    reply = await find_reply(to) if look else None
    if reply is None:
        reply = await _send(to, text, buttons)
    if reply.content in PLACEHOLDERS and reply.content != text and text not in PLACEHOLDERS:
        return await reply.edit(
            content=text,
            view=None if buttons is None else buttons(),
            allowed_mentions=discord.AllowedMentions.none(),
        )
    return reply


async def _send(to: ReplyTarget, text: str, buttons: Buttons | None) -> discord.Message:
    # Not `fail_if_not_exists=False`: a picture that was deleted must not be described to anyone.
    reference = discord.MessageReference(message_id=to.message_id, channel_id=to.channel_id)
    send: Callable[..., Awaitable[discord.Message]] = partial(
        to.channel.send,
        text,
        nonce=to.nonce,
        allowed_mentions=discord.AllowedMentions.none(),
        **({} if buttons is None else {"view": buttons()}),
    )
    try:
        return await send(reference=reference, mention_author=False)
    except discord.HTTPException as error:
        if error.code != NO_HISTORY:
            raise
        return await send()


async def find_reply(to: ReplyTarget) -> discord.Message | None:
    """Find the reply that an earlier attempt left.

    Raises:
        discord.HTTPException: Discord refuses or fails, other than by a lack of permission to read.
    """
    try:
        async for message in to.channel.history(
            after=discord.Object(to.message_id), limit=HISTORY_LIMIT, oldest_first=True
        ):
            about = message.reference
            if message.author.id == to.me and about is not None and about.message_id == to.message_id:
                return message
    except discord.Forbidden:
        log.info("%s: no permission to read what was sent", to.request)
    return None
