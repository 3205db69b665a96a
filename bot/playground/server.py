"""Start and stop a pocket Discord, and control it from tests."""

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.playground.application import application
from bot.playground.dispatch.sessions import Op
from bot.playground.http.origin_check import ALL_INTERFACES, host_headers
from bot.playground.inspector import Inspector
from bot.playground.pocket import Limits, Pocket, always_ready, open_pocket
from bot.playground.ratelimits import Rates
from bot.playground.state.records import Json
from bot.playground.state.snowflakes import Clock
from bot.playground.state.world import World
from bot.playground.testing.faults import Faults
from bot.playground.testing.observers import Observers

CLOSE_SECONDS = 1.0
"""Seconds that requests in flight get to finish when the server closes."""


class ListenError(Exception):
    """The address can't be listened on. The message says why and what to do, for the user of the command."""


class PocketDiscord:
    """A Discord for one machine: gateway, REST API, CDN and page on one port.

    Messages, ids and tokens are stored in the data folder and survive a restart. A folder is for one process.

    Attributes:
        port: The port that it listens on; with 0, the one that the system chose, once started.
    """

    def __init__(
        self,
        store_path: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 8420,
        worker_ready: Callable[[], Awaitable[bool]] = always_ready,
        models: str = "",
        clock: Clock = time.time,
    ) -> None:
        """Set up without opening anything.

        Args:
            store_path: The folder for its data.
            host: The address to listen on.
            port: The port to listen on, 0 for any that is free.
            worker_ready: Tells whether the worker is ready, for `/playground/session`.
            models: Names of the models, for the page to show. "" where unknown.
            clock: Returns seconds since 1970, for ids, limits and signed URLs.
        """
        self._store_path = store_path
        self._host = host
        self.port = port
        self._worker_ready = worker_ready
        self._models = models
        self._clock = clock
        self._pocket: Pocket | None = None
        self._runner: web.AppRunner | None = None
        self._inspector: Inspector | None = None

    async def start(self) -> None:
        """Open the data folder and listen on the port.

        Raises:
            StoreError: The folder can't be used.
            ListenError: The port is taken, or the address is not this machine's.
        """
        self._pocket = pocket = open_pocket(self._store_path, self._clock)
        pocket.worker_ready, pocket.models = self._worker_ready, self._models
        self._inspector = Inspector(pocket)
        self._runner = web.AppRunner(
            application(pocket, self._inspector),
            access_log=None,
            handler_cancellation=False,
            shutdown_timeout=CLOSE_SECONDS,
        )
        try:
            await self._listen(self._runner)
        except BaseException:
            await self.close()
            raise

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        site = web.TCPSite(runner, self._host, self.port)
        try:
            await site.start()
        except (OSError, UnicodeError) as error:
            raise ListenError(self._listen_problem(error)) from error
        self.port = runner.addresses[0][1]
        self.pocket.hosts = host_headers(self._host, self.port)
        self.pocket.listens_on_all = self._host in ALL_INTERFACES
        name = "127.0.0.1" if self._host in ALL_INTERFACES else self._host
        self.pocket.base = self.pocket.files.base = f"http://{name}:{self.port}"

    def _listen_problem(self, error: OSError | UnicodeError) -> str:
        where = f"The pocket Discord can't listen on {self._host}:{self.port}"
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE:
            return (
                f"{where}: another program uses that port, perhaps another Beholder. Stop it, or set "
                "BEHOLDER_PLAYGROUND_PORT to another port (0: any that is free)."
            )
        if number == errno.EACCES:
            return f"{where}: this user may not. Set BEHOLDER_PLAYGROUND_PORT to a port above 1023."
        why = (
            "this machine has no such address" if number == errno.EADDRNOTAVAIL else "it is no usable address"
        )
        return f"{where}: {why}. Set BEHOLDER_PLAYGROUND_HOST to 127.0.0.1 or to an address of this machine."

    async def close(self) -> None:
        """Close connections, stop listening and close the data folder. Idempotent."""
        if self._runner is not None:
            for socket in list(self.pocket.sockets):
                await socket.close(code=1001)
            await self._runner.cleanup()
            self._runner = None
        if self._pocket is not None:
            self._pocket.timers.cancel()
            self._pocket.world.store.close()
            self._pocket = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def pocket(self) -> Pocket:
        """Its parts.

        Raises:
            RuntimeError: It isn't started.
        """
        if self._pocket is None:
            raise RuntimeError("the pocket Discord isn't started")
        return self._pocket

    @property
    def world(self) -> World:
        """Its users, guilds, channels and messages."""
        return self.pocket.world

    @property
    def faults(self) -> Faults:
        """Faults to inject into the bot's requests and events."""
        return self.pocket.faults

    @property
    def observers(self) -> Observers:
        """Callbacks for each REST exchange and each gateway frame."""
        return self.pocket.observers

    @property
    def rates(self) -> Rates:
        """The rate limits that apply. The fields may be changed at any time."""
        return self.pocket.rates.rates

    @property
    def limits(self) -> Limits:
        """Discord's documented limits. The fields may be changed at any time."""
        return self.pocket.limits

    @property
    def url(self) -> str:
        """The URL of the page, without a slash at the end."""
        return self.pocket.base

    @property
    def api(self) -> str:
        """The base URL of the REST API, ending in `/api/v10`."""
        return self.pocket.api

    @property
    def gateway(self) -> str:
        """The URL of the gateway."""
        return self.pocket.gateway

    @property
    def bot_token(self) -> str:
        """The bot's token."""
        return self.world.bot.token

    @property
    def application_id(self) -> int:
        """The id of the application, which is also the bot's user id."""
        return self.world.application.id

    def inspect(self, entry: Json) -> None:
        """Add an entry to the page's inspector that this process doesn't observe itself, such as a job.

        Args:
            entry: Has a `kind` and a `name`; the page shows `status`, `ms` and `times` beside it.
        """
        if self._inspector is not None:
            self._inspector.add(entry)

    def drop_gateway(self) -> None:
        """Abort the bot's gateway connections without a close frame, as a network failure does."""
        for session in self.pocket.hub.of(self.world.bot.id):
            if session.connection is not None:
                session.connection.abort()

    def ask_to_reconnect(self) -> None:
        """Send RECONNECT to the bot, as Discord does before it restarts a gateway."""
        for session in self.pocket.hub.of(self.world.bot.id):
            if session.connection is not None:
                session.connection.send({"op": int(Op.RECONNECT), "d": None, "s": None, "t": None})

    async def close_gateway(self, code: int) -> None:
        """Close the bot's gateway connections with a close code."""
        for session in self.pocket.hub.of(self.world.bot.id):
            if session.connection is not None:
                await session.connection.close(code)

    def forget_sessions(self) -> None:
        """Abort the bot's gateway connections and drop their sessions: the bot must identify again."""
        for session in self.pocket.hub.of(self.world.bot.id):
            self.pocket.hub.remove(session)
            if session.connection is not None:
                session.connection.abort()

    def grant_message_content(self, granted: bool) -> None:
        """Grant the application the message content intent, or revoke it."""
        application_record = self.world.application
        flags = 1 << 18 | 1 << 19
        application_record.flags = application_record.flags & ~flags | (1 << 19 if granted else 0)
        self.world.save_application(application_record)


async def serve(
    store_path: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8420,
    worker_ready: Callable[[], Awaitable[bool]] = always_ready,
    started: Callable[[PocketDiscord], None] = lambda _: None,
) -> None:
    """Run a pocket Discord until cancelled.

    Args:
        store_path: The folder for its data.
        host: The address to listen on.
        port: The port to listen on.
        worker_ready: Tells whether the worker is ready.
        started: Called once it listens, for example to print its URL.
    """
    async with PocketDiscord(store_path, host=host, port=port, worker_ready=worker_ready) as discord:
        started(discord)
        await asyncio.Event().wait()
