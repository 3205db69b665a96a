"""One bot for a data folder: a second one would answer every message again."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from bot.settings import BotSettings


class AlreadyRunning(Exception):
    """The data folder is in use, or cannot be used. The text is a sentence for the operator."""


@contextlib.contextmanager
def only_instance(settings: BotSettings) -> Iterator[None]:
    """Hold the lock of this bot on its data folder; shards have one each. It ends with the process.

    Args:
        settings: The bot's: its data folder and shard.

    Raises:
        AlreadyRunning: Another process holds it, or it cannot be made.
    """
    folder = settings.data_dir.absolute()
    path = folder / f"bot-{settings.shard_id}of{settings.shard_count}.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise AlreadyRunning(
            f"The folder {folder} cannot be used: {error.strerror} ({error.filename}). Set BEHOLDER_DATA_DIR "
            "to one that the user that runs Beholder can write."
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(lock, 20, 0).decode(errors="replace").strip()
            raise AlreadyRunning(
                f"Another Beholder runs on the data folder {folder}{f' (process {owner})' if owner else ''}: "
                "stop it, or set BEHOLDER_DATA_DIR (and BEHOLDER_PLAYGROUND_PORT) to others for this one."
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)
