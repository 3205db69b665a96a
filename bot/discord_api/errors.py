"""Discord's error codes that the bot acts on, and which errors of a Discord call are worth a retry.

Source of the codes: https://discord.com/developers/docs/topics/opcodes-and-status-codes
"""

from typing import Final

import aiohttp
import discord

UNKNOWN_MESSAGE: Final = 10008
UNKNOWN_WEBHOOK: Final = 10015
INVALID_WEBHOOK_TOKEN: Final = 50027
TOKEN_EXPIRED: Final = frozenset({UNKNOWN_WEBHOOK, INVALID_WEBHOOK_TOKEN})
"""Codes for an interaction token that is not, or no longer, known."""
ALREADY_ACKNOWLEDGED: Final = 40060
"""The interaction has its first response: an earlier attempt came through."""
THREAD_ARCHIVED: Final = 50083
"""An edit in an archived thread."""
CANNOT_REPLY_WITHOUT_HISTORY: Final = 160002
"""A reply where the bot lacks Read Message History."""

CONNECTION_ERRORS: Final = (aiohttp.ClientError, OSError, TimeoutError, discord.RateLimited)
"""What a Discord call raises where there was no answer, or none was waited for."""
DISCORD_ERRORS: Final = (discord.DiscordException, *CONNECTION_ERRORS)
"""Everything that a Discord call raises by design."""


def is_transient(error: BaseException) -> bool:
    """Tell whether the same call may succeed in a while: no connection, a 5xx, or a rate limit."""
    if isinstance(error, discord.HTTPException):
        return error.status >= 500 or error.status == 429
    return isinstance(error, CONNECTION_ERRORS)
