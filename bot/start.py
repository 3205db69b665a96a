"""`beholder bot`: log in, stay until told to stop, and say in one sentence what keeps it from doing so."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Iterator

import aiohttp
import discord

from bot.client import Beholder, ContentNotGranted
from bot.settings import BotSettings
from inference.errors import QueueUnavailable
from inference.queue.embedded_redis import running_redis

log = logging.getLogger(__name__)

FAILED = 1
"""Exit code: something that may be better at the next start."""
WRONG = 2
"""Exit code: something that only the operator can mend."""
CLOSE_SECONDS = 4.0
"""That closing may take."""
BAD_TOKEN = 4004
"""The gateway's close code for a token that it does not know."""

LOGIN_MISSING = (
    "No Discord token: set DISCORD_TOKEN, in the environment or in .env, to the one on your application's "
    "Bot page at https://discord.com/developers/applications. (`beholder run` needs none: it starts a pocket "
    "Discord.)"
)
LOGIN_REFUSED = (
    "Discord refuses the token in DISCORD_TOKEN. Copy it again, or press Reset Token, on your application's "
    "Bot page at https://discord.com/developers/applications."
)
NO_CONTENT = (
    "The message-content intent is not switched on (Developer Portal, Bot page): going on without it. Only "
    "direct messages and messages that mention the bot are answered."
)


class CannotStart(Exception):
    """The bot cannot run; its text is a sentence for the operator.

    Args:
        sentence: What is wrong and what to do.
        code: The exit code.
    """

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


def main() -> int:
    """Run the bot until it is told to stop.

    Returns:
        The exit code.
    """
    return asyncio.run(run_bot(BotSettings()))


async def run_bot(settings: BotSettings) -> int:
    """Run the bot until SIGTERM or SIGINT.

    Args:
        settings: What the bot was told.

    Returns:
        0 when it was told to stop; else, after a sentence on stderr, `WRONG` or `FAILED`.
    """
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    try:
        await run_until(settings, stopped)
    except CannotStart as error:
        print(f"beholder: {error}", file=sys.stderr, flush=True)  # noqa: T201 - for the person at the terminal
        return error.code
    return 0


async def run_until(settings: BotSettings, stopped: asyncio.Event) -> None:
    """Run the bot until `stopped` is set.

    Raises:
        CannotStart: It cannot run.
    """
    if settings.token is None:
        raise CannotStart(LOGIN_MISSING, WRONG)
    point_at(settings)
    # Its debug lines hold whole requests and events: what people post must not get into a log.
    logging.getLogger("discord").setLevel(max(logging.INFO, logging.getLogger().level))
    async with redis_at(settings) as url:
        try:
            await _live(settings, url, settings.token.get_secret_value(), stopped, content=True)
        except (ContentNotGranted, discord.PrivilegedIntentsRequired):
            log.warning("%s", NO_CONTENT)
            await _live(settings, url, settings.token.get_secret_value(), stopped, content=False)


def point_at(settings: BotSettings) -> None:
    """Point discord.py at a pocket Discord, where one is set."""
    if settings.discord_api is not None and settings.discord_gateway is not None:
        from bot.playground.discord_py_patch import point_discord_at  # noqa: PLC0415 - not where Discord is the real one

        point_discord_at(settings.discord_api, settings.discord_gateway)


@contextlib.asynccontextmanager
async def redis_at(settings: BotSettings) -> AsyncIterator[str]:
    """Have a Redis, and yield its URL.

    Raises:
        CannotStart: There is none to be had.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(running_redis(settings))
        except QueueUnavailable as error:
            raise CannotStart(str(error), WRONG) from error
        yield url


async def _live(
    settings: BotSettings, redis_url: str, token: str, stopped: asyncio.Event, *, content: bool
) -> None:
    """Be on Discord until `stopped` is set or something ends it."""
    client = Beholder(settings, redis_url, content=content)
    session = asyncio.create_task(_session(client, token), name="discord")
    stop = asyncio.create_task(stopped.wait(), name="stop")
    try:
        await asyncio.wait([session, stop], return_when=asyncio.FIRST_COMPLETED)
        if session.done():
            session.result()
    finally:
        session.cancel()
        stop.cancel()
        await asyncio.gather(session, stop, return_exceptions=True)
        await _closed(client)


async def _closed(client: Beholder) -> None:
    """Close the client, but not for ever: whatever it was doing is in the inbox."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()
    except TimeoutError:
        log.warning("closing took longer than %.0f s", CLOSE_SECONDS)


async def _session(client: Beholder, token: str) -> None:
    """Log in and listen.

    Raises:
        CannotStart: It cannot run.
        ContentNotGranted: It needs to ask for less.
        discord.PrivilegedIntentsRequired: The same, said by the gateway.
    """
    with in_a_sentence(client):
        await client.login(token)
        await client.connect()


@contextlib.contextmanager
def in_a_sentence(client: Beholder) -> Iterator[None]:
    """Put what goes wrong with Discord or Redis into a sentence.

    Raises:
        CannotStart: It went wrong.
    """
    try:
        yield
    except discord.LoginFailure as error:
        raise CannotStart(LOGIN_REFUSED, WRONG) from error
    except discord.ConnectionClosed as error:
        if error.code == BAD_TOKEN:
            raise CannotStart(LOGIN_REFUSED, WRONG) from error
        raise CannotStart(f"Discord closed the connection (code {error.code}).", FAILED) from error
    except QueueUnavailable as error:
        raise CannotStart(str(error), WRONG) from error
    except (
        aiohttp.ClientError,
        OSError,
        TimeoutError,
        discord.HTTPException,
        discord.GatewayNotFound,
    ) as error:
        where = discord.http.Route.BASE
        raise CannotStart(
            f"Discord cannot be reached at {where}: {type(error).__name__}: {error}", FAILED
        ) from error
    except AttributeError as error:
        # discord.py 2.7.1 trips over its own feet where the very first gateway connection fails.
        if client.ws is not None:
            raise
        raise CannotStart("Discord's gateway cannot be reached.", FAILED) from error
