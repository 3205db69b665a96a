"""The SQLite store of records: one file, one process, a commit for each change."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from bot.playground.state.records import Record

R = TypeVar("R", bound=Record)

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The data folder can't be used. The message says why, for the user of the command."""


class Store:
    """Records by kind and id, as JSON in SQLite.

    It has a write-ahead log without an fsync for each commit: what was answered survives a SIGKILL of this
    process, and a power failure loses the last changes at most.
    """

    def __init__(self, folder: Path) -> None:
        """Open the store, creating it where there is none.

        Raises:
            StoreError: Another process has it open, a newer version wrote it, or the folder can't be used.
        """
        # It has all tokens: only its owner may read it.
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._database = sqlite3.connect(folder / "pocket.sqlite3", isolation_level=None, timeout=0.1)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def _prepare(self) -> None:
        """Lock the file for this process and create its tables."""
        run = self._database.execute
        try:
            run("PRAGMA locking_mode = EXCLUSIVE")
            run("PRAGMA journal_mode = WAL")
            run("PRAGMA synchronous = NORMAL")
            run("PRAGMA secure_delete = ON")
            (version,) = run("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"{self.folder} was written by a newer Beholder; use that one or another folder."
                )
            self._database.executescript(SCHEMA)
            run(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> StoreError:
        where = f"The pocket Discord's data in {self.folder} can't be opened"
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreError(
                f"{where}: another Beholder is using them. Stop it, or set BEHOLDER_DATA_DIR and "
                "BEHOLDER_PLAYGROUND_PORT to others for this one."
            )
        why = getattr(error, "strerror", None) or " ".join(str(error).split()).rstrip(".")
        return StoreError(
            f"{where}: {why}. Set BEHOLDER_DATA_DIR to a folder that the user that runs Beholder can write, "
            "or move this one away to start empty."
        )

    def put(self, record: Record) -> None:
        """Insert or replace a record."""
        self._database.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
            (type(record).__name__, record.id, record.model_dump_json(exclude_defaults=True)),
        )

    def delete(self, record: Record) -> None:
        """Delete a record. Idempotent."""
        self._database.execute(
            "DELETE FROM records WHERE kind = ? AND id = ?", (type(record).__name__, record.id)
        )

    def load(self, kind: type[R]) -> Iterator[R]:
        """Yield all records of a type, sorted by id.

        Raises:
            StoreError: One was not written by this program.
        """
        rows = self._database.execute("SELECT json FROM records WHERE kind = ? ORDER BY id", (kind.__name__,))
        for (json,) in rows:
            try:
                yield kind.model_validate_json(json)
            except ValidationError as error:
                raise self._unusable(ValueError(f"a {kind.__name__} is damaged")) from error

    def last_id(self) -> int:
        """Return the greatest id of a record, 0 for an empty store."""
        (last,) = self._database.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()
        return int(last)

    def secret(self, name: str, fresh: str) -> str:
        """Return the secret of a name, storing `fresh` where there is none."""
        self._database.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, fresh))
        (value,) = self._database.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return str(value)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
