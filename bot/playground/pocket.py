"""The parts of a pocket Discord, without its sockets."""

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
    """Discord's documented limits. Tests may change them.

    Attributes:
        file_bytes: The size of one file.
        request_bytes: The size of one request.
        heartbeat_seconds: How often clients must send a heartbeat.
        acknowledge_seconds: How long an interaction may stay unanswered.
        token_seconds: How long an interaction's token works.
    """

    file_bytes: int = 10 * MIB
    request_bytes: int = 25 * MIB
    heartbeat_seconds: float = 41.25
    acknowledge_seconds: float = 3.0
    token_seconds: float = 900.0


async def always_ready() -> bool:
    """Stand in for a worker where there is none."""
    return True


@dataclass
class Pocket:
    """What the routes and the gateway work on. `base` is set once the server listens.

    `models` names the models that answer, for the page to say; "" where nobody knows. `hosts` are the Host
    headers that mean this server; where it listens `everywhere`, any address does too.
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
        """Return the address that REST routes start with."""
        return f"{self.base}/api/v10"

    @property
    def gateway(self) -> str:
        """Return the gateway's address."""
        return f"ws{self.base.removeprefix('http')}/gateway"

    def view(self, viewer: User) -> View:
        """Return what a user sees messages through over REST."""
        flags = self.world.application.flags
        return View(
            self.world, self.files, viewer, reads_content=not viewer.bot or intents.reads_content(flags)
        )

    async def is_ready(self) -> bool:
        """Tell whether bot and worker are there."""
        return self.hub.connected(self.world.bot.id) and await self.worker_ready()


def open_pocket(folder: Path, clock: Clock = time.time) -> Pocket:
    """Open a data folder, filling it where it is new.

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
