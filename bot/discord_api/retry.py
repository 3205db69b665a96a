"""Retry a Discord call with exponential backoff on 5xx, 429 and connection errors."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.discord_api.errors import DISCORD_ERRORS, is_transient
from bot.errors import DiscordUnavailable
from bot.settings import Delays

log = logging.getLogger(__name__)

T = TypeVar("T")


async def retry_discord(
    operation: Callable[[], Awaitable[T]],
    request_id: str,
    delays: Delays,
    *,
    timeout_s: float | None = None,
) -> T:
    """Run `operation` until it succeeds, Discord refuses it, or the timeout passes.

    Args:
        operation: It must be idempotent: an answer that was lost looks like a call that never arrived.
        request_id: For the log.
        delays: `retry_s` before the first retry, doubled each time up to `max_retry_s`.
        timeout_s: Seconds after which it is given up; `delays.retry_timeout_s` by default.

    Raises:
        discord.HTTPException: Discord refuses.
        DiscordUnavailable: Discord could not be reached.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + (delays.retry_timeout_s if timeout_s is None else timeout_s)
    delay = delays.retry_s
    while True:
        try:
            return await operation()
        except DISCORD_ERRORS as error:
            if not is_transient(error):
                raise
            if loop.time() + delay > until:
                raise DiscordUnavailable from error
            log.warning(
                "%s: Discord not reached (%s), again in %.1f s", request_id, type(error).__name__, delay
            )
        await asyncio.sleep(delay)
        delay = min(delays.max_retry_s, delay * 2)
