"""Messages whose authors were told that their answer will appear, while Redis was away.

A backfill reads a bounded number of messages, of channels that it knows. What was promised is found again in
any case: by the ids of its message, which are kept in a file beside the bot's data. Redis cannot hold them.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

MAX_PROMISES: Final = 1000
"""Of more, the oldest are dropped: a backfill may still find them."""


@dataclass(frozen=True)
class Promise:
    """A message that waits for Redis.

    Attributes:
        message_id: Its id.
        channel_id: Its channel.
        guild_id: Its server; None in a DM.
    """

    message_id: int
    channel_id: int
    guild_id: int | None


class Promises:
    """The promises of one bot process. Every change is written at once.

    Args:
        file: Where they are kept; ids only. Where it cannot be written they last as long as the process.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open = {each.message_id: each for each in self._load()}
        self._is_writable = True

    @property
    def open(self) -> tuple[Promise, ...]:
        """The promises that are not kept yet, the oldest first."""
        return tuple(self._open.values())

    def make(self, promise: Promise) -> None:
        """Add a promise. Idempotent."""
        if promise.message_id not in self._open:
            self._open[promise.message_id] = promise
            while len(self._open) > MAX_PROMISES:
                del self._open[next(iter(self._open))]
            self._save()

    def drop(self, message_id: int) -> None:
        """Remove a promise: its message is in the inbox, or is gone. Idempotent."""
        if self._open.pop(message_id, None) is not None:
            self._save()

    def _load(self) -> list[Promise]:
        try:
            rows = json.loads(self._file.read_text())
            return [Promise(int(m), int(c), None if g is None else int(g)) for m, c, g in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError):
            log.warning("%s cannot be read: what was promised before is not looked for", self._file)
            return []

    def _save(self) -> None:
        rows = [[each.message_id, each.channel_id, each.guild_id] for each in self._open.values()]
        new = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(rows))
            new.replace(self._file)
        except OSError as error:
            if self._is_writable:
                log.warning(
                    "%s cannot be written (%s): promises end with this process", self._file, error.strerror
                )
            self._is_writable = False
