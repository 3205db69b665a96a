"""Reads the state of other processes, for tests."""

import array
import asyncio
import fcntl
import os
import signal
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until `condition()` is true; nothing tells of what other processes do, so ask again and again.

    Raises:
        TimeoutError: It did not become true.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def until_told(question: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    """Wait until `await question()` is true.

    Raises:
        TimeoutError: It did not become true.
    """
    async with asyncio.timeout(seconds):
        while not await question():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def state(pid: int) -> str:
    """Read a process's state, one letter as in `ps`; "" where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid: int) -> bool:
    """Say whether a process runs (a zombie does not)."""
    return state(pid) not in ("", "Z", "X")


async def halt(pid: int) -> None:
    """Stop a process where it is, and wait until it does: till then it may still read what comes."""
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: state(pid) == "T")


def has_input(pid: int) -> bool:
    """Say whether bytes wait in the pipe that is a process's standard input."""
    waiting = array.array("i", [0])
    with Path(f"/proc/{pid}/fd/0").open("rb") as pipe:
        fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return waiting[0] > 0


def environment(pid: int) -> bytes:
    """Read what a process got as its environment."""
    return Path(f"/proc/{pid}/environ").read_bytes()


def limits(pid: int) -> dict[str, list[str]]:
    """Read a process's resource limits: by name, the soft and the hard one."""
    table = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {line[:25].strip(): line[25:].split()[:2] for line in table}
