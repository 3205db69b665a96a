"""The bot, a worker and redis-server, each a process that is killed and started again."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from bot.playground.server import PocketDiscord
from inference.queue import redis_binary
from inference.queue.embedded_redis import command
from inference.sandbox.parent_death import die_with_parent

ROOT = Path(__file__).parents[2]
_OURS = re.compile(r"^(BEHOLDER_|DISCORD_TOKEN|REDIS_URL|HF_)")


class Part:
    """A process. Its output goes into a file.

    Args:
        name: `bot`, `worker` or `redis`.
        arguments: Its command line.
        environment: Its environment.
        log: The file.

    Attributes:
        kills: How often it was killed.
        exits: Exit codes with which it ended by itself.
    """

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.kills = 0
        self.exits: list[int] = []
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._stopped = False

    async def start(self) -> None:
        """Start the process."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process id of the one that was started last."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self._process is not None
        self.kills += 1
        self._stopped = True
        self._process.kill()
        await self._process.wait()

    async def restart(self) -> None:
        """Start it again after a kill."""
        self._stopped = False
        await self.start()

    async def halt(self, seconds: float) -> None:
        """Stop it where it is with SIGSTOP, and let it go on after some seconds."""
        process = self._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)

    async def supervise(self) -> None:
        """Start it again where it ends by itself, as `beholder run` and a container's restart policy do."""
        while True:
            process = self._process
            if process is None or self._stopped:
                await asyncio.sleep(0.1)
                continue
            code = await process.wait()
            if process is self._process and not self._stopped:
                self.exits.append(code)
                await asyncio.sleep(1)
                await self.start()

    async def end(self) -> None:
        """Kill it for good."""
        if self.is_alive:
            assert self._process is not None
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def running_parts(
    discord: PocketDiscord, folder: Path, caption_channels: list[str]
) -> AsyncIterator[dict[str, Part]]:
    """Run a Redis that syncs each write to the disk, a worker with the tiny models, and the bot.

    Args:
        discord: Where the bot logs in.
        folder: For Redis's data and for the logs.
        caption_channels: Channels with captions on.

    Yields:
        The parts by name.
    """
    socket = folder / "redis.sock"
    path = redis_binary.bundled() or redis_binary.on_path()
    assert path is not None, "there is no redis-server"
    binary = redis_binary.Binary(path, redis_binary.version_of(path))
    kept = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    ours = {**kept, "REDIS_URL": f"unix://{socket}", "BEHOLDER_MODELS": "tiny", "BEHOLDER_LOG": "INFO"}
    for_bot = {
        **ours,
        "DISCORD_TOKEN": discord.bot_token,
        "BEHOLDER_CAPTION_CHANNELS": ",".join(caption_channels),
        "BEHOLDER_DISCORD_API": discord.api,
        "BEHOLDER_DISCORD_GATEWAY": discord.gateway,
    }
    beholder = [sys.executable, "-m", "bot"]
    (folder / "redis").mkdir()
    server = [*command(binary, folder / "redis", socket), "--appendfsync", "always"]
    parts = {
        "redis": Part("redis", server, kept, folder / "redis.log"),
        "worker": Part("worker", [*beholder, "worker"], ours, folder / "worker.log"),
        "bot": Part("bot", [*beholder, "bot"], for_bot, folder / "bot.log"),
    }
    supervising = []
    async with AsyncExitStack() as stack:
        for part in parts.values():
            await part.start()
            stack.push_async_callback(part.end)
            supervising.append(asyncio.create_task(part.supervise(), name=part.name))
        try:
            yield parts
        finally:
            for task in supervising:
                task.cancel()
            await asyncio.gather(*supervising, return_exceptions=True)


async def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition of other processes.

    Raises:
        TimeoutError: It did not come true.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - other processes have no event for this
            await asyncio.sleep(0.05)
