"""`beholder bot`: log in, run until told to stop, and say in one sentence why the bot cannot start."""

import asyncio
import contextlib
import logging
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial

import aiohttp
import discord

from bot.cli.instance_lock import AlreadyRunning, only_instance
from bot.cli.ready_line import ready_lines
from bot.client import EXTENSIONS, Beholder, ContentNotGranted
from bot.discord_api.errors import DISCORD_ERRORS
from bot.formatting.markdown import shorten
from bot.settings import BotSettings, Delays
from inference.errors import QueueUnavailable, error_place
from inference.queue.embedded_redis import running_redis
from inference.queue.redis_state import described
from inference.stop_signals import stop_on_signals, unless_stopped

log = logging.getLogger(__name__)

FAILED = 1
"""Exit code: the next start may succeed."""
MISCONFIGURED = 2
"""Exit code: only the operator can mend it."""
CLOSE_TIMEOUT_S = 4.0
HEALTHY_AFTER_S = 60.0
"""Seconds after which a client counts as let in: the next failure counts as its first."""
MAX_REASON_LENGTH = 200
INVALID_TOKEN = 4004
"""The gateway's close code for a token that it does not know."""

WRONG_SHARDS = (4010, 4011)
"""The gateway's close codes for a shard that does not exist, and for a bot that needs more of them."""

SHARDS_REFUSED = (
    "Discord refuses the shard (code {code}): set BEHOLDER_SHARD_COUNT to the number of bot processes (it "
    "wants more for more than 2,500 servers), and BEHOLDER_SHARD_ID to another number for each, from 0 on."
)
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


class StartupError(Exception):
    """The bot cannot run. The text is a sentence for the operator.

    Args:
        sentence: What is wrong and what to do.
        code: The exit code.
    """

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


def main() -> int:
    """Run the bot until SIGTERM or SIGINT.

    Returns:
        The exit code.
    """
    return asyncio.run(run_bot(BotSettings()))


async def run_bot(settings: BotSettings) -> int:
    """Run the bot until SIGTERM or SIGINT.

    Returns:
        0 when it was told to stop; else, after a sentence on stderr, `MISCONFIGURED` or `FAILED`.
    """
    stopped = asyncio.Event()
    stop_on_signals(stopped, "the bot")
    try:
        await run_until(settings, stopped)
    except StartupError as error:
        print(f"beholder: {error}", file=sys.stderr, flush=True)
        return error.code
    return 0


async def run_until(
    settings: BotSettings,
    stopped: asyncio.Event,
    *,
    extensions: Sequence[str] = EXTENSIONS,
    delays: Delays | None = None,
) -> None:
    """Run the bot until `stopped` is set.

    Args:
        settings: The bot's settings.
        stopped: Set by a signal.
        extensions: The features to load.
        delays: Of retries and of what members are told while waiting.

    Raises:
        StartupError: It cannot run.
    """
    if settings.token is None:
        raise StartupError(LOGIN_MISSING, MISCONFIGURED)
    use_playground(settings)
    # Its debug lines hold whole requests and events: what members post must not get into a log.
    logging.getLogger("discord").setLevel(max(logging.INFO, logging.getLogger().level))
    token = settings.token.get_secret_value()
    async with contextlib.AsyncExitStack() as stack:
        if settings.redis_url is None:
            # `beholder run` holds the lock for the bot that it starts, and gives that a REDIS_URL.
            stack.enter_context(_only_instance(settings))
        url = await unless_stopped(stopped, stack.enter_async_context(redis_for(settings)))
        if url is None:
            return

        def client(*, content: bool) -> Beholder:
            return Beholder(settings, url, content=content, extensions=extensions, delays=delays)

        try:
            await _run_clients(partial(client, content=True), token, stopped, delays or Delays())
        except (ContentNotGranted, discord.PrivilegedIntentsRequired):
            log.warning("%s", NO_CONTENT)
            await _run_clients(partial(client, content=False), token, stopped, delays or Delays())


@contextlib.contextmanager
def _only_instance(settings: BotSettings) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(only_instance(settings))
        except AlreadyRunning as error:
            raise StartupError(str(error), MISCONFIGURED) from error
        yield


def use_playground(settings: BotSettings) -> None:
    """Point discord.py at a pocket Discord, where one is set."""
    if settings.discord_api is not None and settings.discord_gateway is not None:
        # Not imported where Discord is the real one.
        from bot.playground.discord_py_patch import point_discord_at

        point_discord_at(settings.discord_api, settings.discord_gateway)


@contextlib.asynccontextmanager
async def redis_for(settings: BotSettings) -> AsyncIterator[str]:
    """Run a Redis of our own, or check the operator's, and yield its URL.

    Raises:
        StartupError: There is none to be had.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(running_redis(settings))
        except QueueUnavailable as error:
            raise StartupError(str(error), MISCONFIGURED) from error
        yield url


async def _run_clients(
    make: Callable[[], Beholder], token: str, stopped: asyncio.Event, delays: Delays
) -> None:
    """Run one client after the other until `stopped` is set: one that Discord does not let in is tried again.

    The times between two are spread by chance, since many bots come back when Discord does.

    Raises:
        StartupError: Only the operator can mend it.
        ContentNotGranted, discord.PrivilegedIntentsRequired: It has to ask for less.
    """
    clock = asyncio.get_running_loop().time
    delay_s, reason = delays.login_retry_s, ""
    while not stopped.is_set():
        client, started = make(), clock()
        try:
            await _run_client(client, token, stopped)
        except StartupError as error:
            if error.code == MISCONFIGURED:
                raise
            if clock() - started > HEALTHY_AFTER_S:
                delay_s, reason = delays.login_retry_s, ""
            if str(error) != reason:
                log.warning("%s Trying again until it can.", error)
            reason = str(error)
        with contextlib.suppress(TimeoutError):
            # A spread of retries, no secret.
            await asyncio.wait_for(stopped.wait(), delay_s * random.uniform(0.5, 1.0))  # noqa: S311
        delay_s = min(delays.max_login_retry_s, 2 * delay_s)


async def _run_client(client: Beholder, token: str, stopped: asyncio.Event) -> None:
    """Run a client until `stopped` is set or its connection ends for good."""
    session = asyncio.create_task(_log_in_and_listen(client, token), name="discord")
    stop = asyncio.create_task(stopped.wait(), name="stop")
    try:
        await asyncio.wait([session, stop], return_when=asyncio.FIRST_COMPLETED)
        if session.done():
            session.result()
    finally:
        session.cancel()
        stop.cancel()
        await asyncio.gather(session, stop, return_exceptions=True)
        await _close(client)


async def _announce(client: Beholder) -> None:
    """Print who the bot is and where, once it is in its first gateway session."""
    await client.wait_until_ready()
    print(*ready_lines(client), sep="\n", flush=True)


async def _close(client: Beholder) -> None:
    """Close the client, within a time: what has no outcome yet is in the inbox."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()
    except TimeoutError:
        log.warning("closing took longer than %.0f s", CLOSE_TIMEOUT_S)


async def _log_in_and_listen(client: Beholder, token: str) -> None:
    """Log in and listen.

    Raises:
        StartupError: It cannot run.
        ContentNotGranted: It has to ask for less.
        discord.PrivilegedIntentsRequired: The same, said by the gateway.
    """
    with startup_errors(client):
        await client.login(token)
        announcing = asyncio.create_task(_announce(client), name="ready line")
        try:
            await _listen(client)
        finally:
            announcing.cancel()
            await asyncio.gather(announcing, return_exceptions=True)


async def _listen(client: Beholder) -> None:
    """Listen to the gateway.

    Raises:
        StartupError: It sent something that discord.py cannot read, where only a new connection helps.
        discord.DiscordException, OSError: As discord.py does.
    """
    try:
        await client.connect()
    except DISCORD_ERRORS:
        raise
    except Exception as error:
        if client.ws is None:
            raise
        raise StartupError(
            f"Discord's gateway sent something that cannot be read ({error_place(error)}).", FAILED
        ) from error


@contextlib.contextmanager
def startup_errors(client: Beholder) -> Iterator[None]:
    """Turn the errors of a login into a sentence for the operator.

    Raises:
        StartupError: Discord or Redis cannot be used.
    """
    try:
        yield
    except discord.LoginFailure as error:
        raise StartupError(LOGIN_REFUSED, MISCONFIGURED) from error
    except discord.ConnectionClosed as error:
        if error.code == INVALID_TOKEN:
            raise StartupError(LOGIN_REFUSED, MISCONFIGURED) from error
        if error.code in WRONG_SHARDS:
            raise StartupError(SHARDS_REFUSED.format(code=error.code), MISCONFIGURED) from error
        raise StartupError(f"Discord closed the connection (code {error.code}).", FAILED) from error
    except QueueUnavailable as error:
        # It was there a moment ago: the next start waits for it.
        raise StartupError(str(error), FAILED) from error
    except discord.HTTPException as error:
        # Its text may be a page of what stands before Discord's API.
        text = shorten(" ".join(error.text.split()), MAX_REASON_LENGTH).rstrip(".")
        raise StartupError(
            f"Discord refuses the bot's requests with status {error.status}, code {error.code}: {text}.",
            FAILED,
        ) from error
    except (aiohttp.ClientError, OSError, TimeoutError, discord.GatewayNotFound) as error:
        where = discord.http.Route.BASE
        raise StartupError(f"Discord cannot be reached at {where}: {described(error)}.", FAILED) from error
    except AttributeError as error:
        # discord.py 2.7.1 raises it by mistake where the very first gateway connection fails.
        if client.ws is not None:
            raise
        raise StartupError("Discord's gateway cannot be reached.", FAILED) from error
