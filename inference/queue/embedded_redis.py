"""A redis-server of our own, where no REDIS_URL is given.

It lives in `<data folder>/redis`, listens on a unix socket there and nowhere else, and appends what it is
told to a file. Whoever comes first starts it; other processes with the same data folder use it, and one of
them starts it again should the first one end. What makes this safe is one lock (`flock`) on the folder, which
the server inherits: it is free only when neither the process that owns the server nor the server is left.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import signal
import stat
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from inference.errors import QueueUnavailable
from inference.queue.connection import LOADING_TIMEOUT_S, check, end
from inference.queue.redis_binary import Binary, choose, record_version, recorded_version
from inference.sandbox.parent_death import die_with_parent
from inference.settings import QueueSettings

log = logging.getLogger(__name__)

MAX_SOCKET_PATH_BYTES = 107
"""Bytes of a unix socket's path; redis-server cuts the rest off. Source: sockaddr_un.sun_path, less a NUL."""
# Not TMPDIR, which may be long or differ between processes; the folder in it is private and checked.
SHORT_BASE = Path("/tmp")  # noqa: S108
STOP_SECONDS = 4.0
"""That the server gets to write its last bytes before it is killed."""
LOOK_SECONDS = 0.5
"""Between two looks whether the process that owned the server is gone."""
LOG_BYTES = 1_000_000
"""Of the server's log, after which it starts anew."""


@contextlib.asynccontextmanager
async def running_redis(settings: QueueSettings) -> AsyncIterator[str]:
    """Have a Redis for as long as this lasts: the operator's, or one of our own.

    Call it from the main thread: the kernel ends the server when the thread that started it ends.

    Yields:
        The URL of a server that answers.

    Raises:
        QueueUnavailable: There is none and none can be started; the sentence says why and what to do.
    """
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
        await check(url)
        yield url
        return
    folder = _private(settings.data_dir.absolute() / "redis")
    server = EmbeddedServer(folder)
    try:
        await server.start()
        yield server.url
    finally:
        await server.stop()


def _private(folder: Path) -> Path:
    """Make a folder that nobody else may enter.

    Raises:
        QueueUnavailable: It cannot be made, or is somebody else's.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
            raise QueueUnavailable(f"{folder} must be a folder of the user that runs Beholder, and is not.")
        folder.chmod(0o700)
    except OSError as error:
        raise QueueUnavailable(
            f"The folder {folder} cannot be used: {error.strerror}. Set BEHOLDER_DATA_DIR to one that can."
        ) from error
    return folder


def socket_path(folder: Path) -> Path:
    """Choose the socket's path: in `folder`, or in a short private one where that is too long.

    It depends on nothing but `folder`, so that every process with this data folder finds the same one.
    """
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return _private(SHORT_BASE / f"beholder-{os.geteuid()}-{digest}") / "redis.sock"


def command(binary: Binary, folder: Path, socket: Path) -> list[str]:
    """Make the command line of a server that is reachable by its socket alone and forgets nothing."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        # A queue that drops jobs to make room would break every promise: writes are refused instead.
        "maxmemory-policy": "noeviction",
        "logfile": str(folder / "redis.log"),
        "loglevel": "notice",
    }
    return [str(binary.path), *(word for name, value in options.items() for word in (f"--{name}", value))]


class EmbeddedServer:
    """A redis-server in a data folder: ours, or that of another process which shares the folder.

    Args:
        folder: Private (mode 700); everything that the server writes is in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = socket_path(folder)
        self.url = f"unix://{self.socket}"
        self._process: asyncio.subprocess.Process | None = None
        self._lock: int | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the server, or find the one that runs, and keep watch over it.

        Raises:
            QueueUnavailable: It did not come up.
        """
        try:
            async with asyncio.timeout(LOADING_TIMEOUT_S):
                await self._start_or_find()
        except TimeoutError as error:
            raise QueueUnavailable(
                f"No Redis answered on {self.socket} within {LOADING_TIMEOUT_S:.0f} s: see "
                f"{self.folder / 'redis.log'}, and whether another Beholder with this data folder hangs."
            ) from error
        self._keeper = asyncio.create_task(self._keep(), name="embedded redis")

    async def _start_or_find(self) -> None:
        while not self._take_lock():
            if await self._answers():
                return
            # Its owner is just starting or just stopping it: one of the two ends this loop.
            await asyncio.sleep(0.05)
        await self._launch()

    async def stop(self) -> None:
        """Stop keeping watch; stop the server if it is ours."""
        if self._keeper is not None:
            await end(self._keeper)
        if self._process is not None:
            await _end(self._process)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> bool:
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    async def _launch(self) -> None:
        """Start the server and wait until it answers a PING.

        Raises:
            QueueUnavailable: There is no fitting redis-server, or it ended instead.
        """
        binary = choose(self.folder)
        record_version(self.folder, max(binary.version, recorded_version(self.folder) or binary.version))
        _shorten(self.folder / "redis.log")
        assert self._lock is not None  # noqa: S101 - only its holder launches
        self._process = await asyncio.create_subprocess_exec(
            *command(binary, self.folder, self.socket),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            # Nothing of ours: the environment may hold Discord's token.
            env={"PATH": os.defpath, "LC_ALL": "C"},
            umask=0o077,
            pass_fds=[self._lock],
            # A session of its own, so that Ctrl-C ends us first and the server last.
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGTERM),
        )
        log.info("started %s, process %d", binary, self._process.pid)
        while not await self._answers():
            if self._process.returncode is not None:
                raise QueueUnavailable(
                    f"{binary} ended with exit code {self._process.returncode} instead of starting. "
                    f"The end of {self.folder / 'redis.log'}: {_last_lines(self.folder / 'redis.log')}"
                )
            await asyncio.sleep(0.005)

    async def _answers(self) -> bool:
        redis = Redis(unix_socket_path=str(self.socket), socket_timeout=None, retry=Retry(NoBackoff(), 0))
        try:
            async with asyncio.timeout(1):
                return bool(await redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False
        finally:
            await redis.aclose()

    async def _keep(self) -> None:
        """Start the server again whenever it falls, and take it over when its owner is gone."""
        pause = 0.1
        while True:
            if self._process is not None:
                code = await self._process.wait()
                log.error("redis-server ended with exit code %d: starting it again", code)
            elif not self._take_lock():
                await asyncio.sleep(LOOK_SECONDS)
                continue
            try:
                await self._launch()
                pause = 0.1
            except (QueueUnavailable, OSError):
                log.exception("redis-server does not start; trying again in %.1f s", pause)
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        log.warning("redis-server did not stop within %.0f s: killed", STOP_SECONDS)
        process.kill()
        await process.wait()


def _shorten(file: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_size > LOG_BYTES:
            file.unlink()


def _last_lines(file: Path, lines: int = 5) -> str:
    try:
        return " / ".join(file.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(cannot be read: {error.strerror})"
