"""Asking Discord for something until it answers: what passes is waited for."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import discord

log = logging.getLogger(__name__)

RETRY_DELAY_S = 1.0
MAX_RETRY_DELAY_S = 60.0
"""Seconds between attempts while Discord cannot be reached."""
RETRY_TIMEOUT_S = 900.0
"""Seconds after which a request is left in the inbox until the next start of the connection."""

T = TypeVar("T")


class DiscordUnavailable(Exception):
    """Discord could not be reached for `RETRY_TIMEOUT_S` seconds: nothing is known to be visible."""


def is_transient(error: discord.HTTPException) -> bool:
    """Tell whether what Discord says may be otherwise in a while."""
    return error.status >= 500 or error.status == 429


async def retry_discord(
    step: Callable[[], Awaitable[T]], request: str, *, patience: float = RETRY_TIMEOUT_S
) -> T:
    """Do a step, again while Discord cannot be reached.

    Args:
        step: Harmless where it is done twice: an answer that was lost looks like one that never came.
        request: The request's id, for the log.
        patience: Seconds for which it is tried.

    Raises:
        discord.HTTPException: Discord refuses.
        Unreachable: Discord could not be reached.
    """
    until = asyncio.get_running_loop().time() + patience
    pause = RETRY_DELAY_S
    while True:
        try:
            return await step()
        except discord.HTTPException as error:
            if not is_transient(error):
                raise
            problem: Exception = error
        except (aiohttp.ClientError, OSError, TimeoutError, discord.RateLimited) as error:
            problem = error
        if asyncio.get_running_loop().time() + pause > until:
            raise DiscordUnavailable from problem
        log.warning("%s: Discord not reached (%s), again in %.0f s", request, type(problem).__name__, pause)
        await asyncio.sleep(pause)
        pause = min(MAX_RETRY_DELAY_S, pause * 2)
