"""The state and services that the routes and the gateway of one pocket Discord share."""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from bot.playground.dispatch import intents
from bot.playground.dispatch.hub import Hub
from bot.playground.payloads.messages import View
from bot.playground.ratelimits import RateLimits, Rates
from bot.playground.state.files import Files
from bot.playground.state.records import User
from bot.playground.state.seed import seed
from bot.playground.state.snowflakes import Clock
from bot.playground.state.store import Store
from bot.playground.state.world import World
from bot.playground.testing.faults import Faults
from bot.playground.testing.observers import Observers
from bot.playground.timers import Timers

MIB = 1024 * 1024


@dataclass
class Limits:
    """Discord's documented limits. Tests may change the fields at any time.

    Attributes:
        file_bytes: Most bytes of one file.
        request_bytes: Most bytes of one request.
        heartbeat_seconds: The heartbeat interval of gateway clients.
        acknowledge_seconds: Deadline of the initial response to an interaction.
        token_seconds: Lifetime of an interaction token.
    """

    file_bytes: int = 10 * MIB
    request_bytes: int = 25 * MIB
    heartbeat_seconds: float = 41.25
    acknowledge_seconds: float = 3.0
    token_seconds: float = 900.0


async def always_ready() -> bool:
    """Default of `worker_ready`, where there is no worker to ask."""
    return True


@dataclass
class Pocket:
    """The parts of one pocket Discord.

    Attributes:
        worker_ready: Tells whether the worker is ready, for `/playground/session`.
        models: Names of the models for the page to show, "" where unknown.
        base: Scheme, host and port of its URLs. Set once the server listens.
        hosts: The Host headers that are accepted.
        listens_on_all: Whether it listens on all interfaces, so that any IP address is accepted as Host too.
        sockets: Open WebSockets, closed when the server closes.
        timers: Pending timers, cancelled when the server closes.
    """

    world: World
    files: Files
    hub: Hub
    faults: Faults
    observers: Observers
    rates: RateLimits
    limits: Limits
    worker_ready: Callable[[], Awaitable[bool]] = always_ready
    models: str = ""
    base: str = ""
    hosts: set[str] = field(default_factory=set)
    listens_on_all: bool = False
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    timers: Timers = field(default_factory=Timers)

    @property
    def api(self) -> str:
        """The base URL of the REST API."""
        return f"{self.base}/api/v10"

    @property
    def gateway(self) -> str:
        """The URL of the gateway."""
        return f"ws{self.base.removeprefix('http')}/gateway"

    def view(self, viewer: User) -> View:
        """Return the view of messages that a user gets over REST."""
        flags = self.world.application.flags
        return View(
            self.world, self.files, viewer, reads_content=not viewer.bot or intents.reads_content(flags)
        )

    async def is_ready(self) -> bool:
        """Tell whether the bot is connected to the gateway and the worker is ready."""
        return self.hub.connected(self.world.bot.id) and await self.worker_ready()


def open_pocket(folder: Path, clock: Clock = time.time) -> Pocket:
    """Open a data folder. A new one gets the guild, users and channels of `state.seed`.

    Raises:
        StoreError: The folder can't be used.
    """
    store = Store(folder)
    world = World(store, clock)
    seed(world)
    files = Files(folder / "attachments", store.secret("files", secrets.token_hex(32)), clock)
    faults, observers = Faults(), Observers()
    hub = Hub(world, files, faults, observers)
    return Pocket(world, files, hub, faults, observers, RateLimits(Rates(), clock), Limits())
