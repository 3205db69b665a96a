"""Run `beholder run` as a process, without a Discord token, on a new data folder."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.openapi import DESCRIPTION

ROOT = Path(__file__).parents[2]
END_SECONDS = 60
"""Until a stack that doesn't end fails the test."""

PRIVATE = re.compile(r"^(BEHOLDER_|DISCORD_TOKEN|REDIS_URL|HF_)")


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Stack:
    """A running `beholder run`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.address = f"http://127.0.0.1:{port}"
        self.session: dict[str, Any] = {}

    async def ready(self, seconds: float = 180) -> None:
        """Wait until `/playground/session` says that bot and worker are ready."""
        async with asyncio.timeout(seconds), aiohttp.ClientSession() as http:
            while not self.session.get("ready"):
                assert self.process.returncode is None, f"it ended with {self.process.returncode}"
                # The address answers before its first client can know of it, so asking again is all there is.
                await asyncio.sleep(0.2)
                try:
                    async with http.get(f"{self.address}/playground/session") as answer:
                        self.session = await answer.json()
                except aiohttp.ClientConnectionError:
                    continue

    def family(self) -> list[psutil.Process]:
        """Return the process and all of its descendants."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def child(self, name: str) -> psutil.Process:
        """Return the child process that runs `beholder <name>`."""
        return next(each for each in self.family()[1:] if each.cmdline()[-1:] == [name])

    async def end(self, how: signal.Signals) -> list[psutil.Process]:
        """Send it a signal and wait until it has ended.

        Returns:
            The descendants that are still alive `END_SECONDS` later.
        """
        family = self.family()
        self.process.send_signal(how)
        await asyncio.wait_for(self.process.wait(), END_SECONDS)
        _, alive = await asyncio.to_thread(psutil.wait_procs, family[1:], END_SECONDS)
        return alive


@asynccontextmanager
async def running(data: Path, *, port: int | None = None) -> AsyncIterator[Stack]:
    """Run the stack on a data folder until the block ends, and kill it then if it still runs.

    All of its traffic is checked against Discord's description, where there is one.
    """
    port = port or free_port()
    verdict = data / "verdict.json" if DESCRIPTION.is_file() else None
    command = ["bot"] if verdict is None else ["tests.e2e.checked_run", str(verdict)]
    ours = {name: value for name, value in os.environ.items() if not PRIVATE.match(name)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        "run",
        cwd=ROOT,
        env={
            **ours,
            "BEHOLDER_DATA_DIR": str(data),
            "BEHOLDER_PLAYGROUND_PORT": str(port),
            "BEHOLDER_MODELS": "tiny",
        },
    )
    stack = Stack(process, port)
    try:
        await stack.ready()
        yield stack
    finally:
        if process.returncode is None:
            await stack.end(signal.SIGKILL)
    if verdict is not None:
        judged = json.loads(verdict.read_text())
        assert judged["rest"] > 0
        assert judged["events"] > 0
        assert judged["found"] == []
