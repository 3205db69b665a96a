"""The embedded redis-server, used where no REDIS_URL is given.

Its files are in `<data folder>/redis`; it listens on a unix socket there and nowhere else, and writes an
append-only file. The first process starts it; other processes with the same data folder use it, and one of
them starts it again should the first one end. One lock (`flock`) on the folder makes this safe. The server
inherits it, so that it is free only when neither the process that owns the server nor the server is left.
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
STOP_TIMEOUT_S = 4.0
"""Seconds for the server to write its last bytes before it is killed."""
TAKEOVER_INTERVAL_S = 0.5
"""Seconds between two checks whether the process that owns the server is gone."""
MAX_LOG_BYTES = 1_000_000
"""Bytes of the server's log; a longer one is deleted at the next start."""
PING_TIMEOUT_S = 1.0
MIN_RESTART_DELAY_S, MAX_RESTART_DELAY_S = 0.1, 30.0
"""Seconds before a server that does not start is tried again; the delay doubles from the least to the
most."""


@contextlib.asynccontextmanager
async def running_redis(settings: QueueSettings) -> AsyncIterator[str]:
    """Provide a Redis while the context lasts: the operator's, or the embedded one.

    Call it from the main thread: the kernel ends the server when the thread that started it ends.

    Yields:
        The URL of a server that answers.

    Raises:
        QueueUnavailable: There is none and none can be started; the message says why and what to do.
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
    """Create a folder that only this user may enter.

    Raises:
        QueueUnavailable: It cannot be created, or belongs to another user.
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


def socket_path(folder: Path, short_base: Path = SHORT_BASE) -> Path:
    """Return the socket's path: in `folder`, or in a private short one where that path is too long.

    It depends on the arguments alone, so that every process with this data folder finds the same socket.

    Raises:
        QueueUnavailable: The short folder cannot be created, or belongs to another user.
    """
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return _private(short_base / f"beholder-{os.geteuid()}-{digest}") / "redis.sock"


def command(binary: Binary, folder: Path, socket: Path) -> list[str]:
    """Return the command line of a server that listens on its socket alone and never evicts keys."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        # A queue must not drop accepted jobs to make room: Redis refuses writes instead.
        "maxmemory-policy": "noeviction",
        "logfile": str(folder / "redis.log"),
        "loglevel": "notice",
    }
    return [str(binary.path), *(word for name, value in options.items() for word in (f"--{name}", value))]


class EmbeddedServer:
    """The redis-server of a data folder: started by this process, or by another one that shares the folder.

    Args:
        folder: Private (mode 700); the server writes all its files there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = socket_path(folder)
        self.url = f"unix://{self.socket}"
        self._process: asyncio.subprocess.Process | None = None
        self._lock: int | None = None
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the server, or find the running one, and supervise it.

        Raises:
            QueueUnavailable: It did not start, or a file of its folder cannot be used.
        """
        try:
            async with asyncio.timeout(LOADING_TIMEOUT_S):
                await self._start_or_find()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise QueueUnavailable(self._no_answer()) from error
            raise QueueUnavailable(
                f"The folder {self.folder} cannot be used: {error.strerror or error} ({error.filename}). Let "
                "the user that runs Beholder write there, or set BEHOLDER_DATA_DIR to another folder."
            ) from error
        self._supervisor = asyncio.create_task(self._supervise(), name="embedded redis")

    def _no_answer(self) -> str:
        return (
            f"No Redis answered on {self.socket} within {LOADING_TIMEOUT_S:.0f} s: see "
            f"{self.folder / 'redis.log'}, and whether another Beholder with this data folder hangs."
        )

    async def _start_or_find(self) -> None:
        while not self._take_lock():
            if await self._answers():
                return
            # Its owner is starting or stopping it at this moment; either ends this loop.
            await asyncio.sleep(0.05)
        await self._launch()

    async def stop(self) -> None:
        """Stop supervising; stop the server where this process owns it."""
        if self._supervisor is not None:
            await end(self._supervisor)
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
        """Start the server and wait until it answers a PING. Only the lock's holder may call it.

        Raises:
            QueueUnavailable: There is no suitable redis-server, or it ended instead.
        """
        binary = choose(self.folder)
        record_version(self.folder, max(binary.version, recorded_version(self.folder) or binary.version))
        _delete_long_log(self.folder / "redis.log")
        assert self._lock is not None  # noqa: S101 - only its holder launches
        self._process = await asyncio.create_subprocess_exec(
            *command(binary, self.folder, self.socket),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            # Not our environment, which may hold Discord's token.
            env={"PATH": os.defpath, "LC_ALL": "C"},
            umask=0o077,
            pass_fds=[self._lock],
            # A session of its own, so that Ctrl-C ends the bot and the worker first and the server last.
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
            async with asyncio.timeout(PING_TIMEOUT_S):
                return bool(await redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False
        finally:
            await redis.aclose()

    async def _supervise(self) -> None:
        """Restart the server whenever it ends, and take over its ownership when its owner is gone."""
        delay = MIN_RESTART_DELAY_S
        while True:
            if self._process is not None:
                code = await self._process.wait()
                log.error("redis-server ended with exit code %d: restarting it", code)
            elif not self._take_lock():
                await asyncio.sleep(TAKEOVER_INTERVAL_S)
                continue
            try:
                await self._launch()
                delay = MIN_RESTART_DELAY_S
            except (QueueUnavailable, OSError):
                log.exception("redis-server does not start; trying again in %.1f s", delay)
                await asyncio.sleep(delay)
                delay = min(MAX_RESTART_DELAY_S, delay * 2)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        log.warning("redis-server did not stop within %.0f s: killing it", STOP_TIMEOUT_S)
        process.kill()
        await process.wait()


def _delete_long_log(file: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_size > MAX_LOG_BYTES:
            file.unlink()


def _last_lines(file: Path, lines: int = 5) -> str:
    try:
        return " / ".join(file.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(cannot be read: {error.strerror})"
