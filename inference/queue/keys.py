"""The queue's key names in Redis.

Only the queue's: what handlers and the bot keep in Redis (inbox, conversations, settings, heartbeat, command
hash) is named where it is used. docs/architecture.md lists all of it.
"""

from dataclasses import dataclass
from typing import get_args

from inference.schema import Picture, Priority, Task

TASKS: tuple[Task, ...] = get_args(Task)
GROUP = "workers"
"""The consumer group on every job stream."""


@dataclass(frozen=True)
class Keys:
    """The queue's key names under one prefix.

    Attributes:
        prefix: The prefix of all of them; each test uses its own.
    """

    prefix: str = "beholder"

    def jobs(self, task: Task, priority: Priority) -> str:
        """Stream of a task's jobs at one priority."""
        return f"{self.prefix}:jobs:{task}:{priority}"

    def record(self, job_id: str) -> str:
        """Hash with the state of an open job, or the scope of a finished one."""
        return f"{self.prefix}:job:{job_id}"

    def result(self, scope: str, job_id: str) -> str:
        """String with a finished job's reply."""
        return f"{self.prefix}:result:{scope}:{job_id}"

    def replies(self, bot_name: str) -> str:
        """Stream of the replies to a bot."""
        return f"{self.prefix}:replies:{bot_name}"

    def picture(self, picture: Picture) -> str:
        """String with an image file's bytes."""
        return f"{self.prefix}:picture:{picture_name(picture)}"

    def asker(self, asker: str) -> str:
        """Sorted set of one user's open jobs, by deadline."""
        return f"{self.prefix}:asker:{asker}"

    def workers(self, task: str) -> str:
        """Sorted set of the workers that serve a task, by the time until which they count as live."""
        return f"{self.prefix}:workers:{task}"

    def loading(self, task: str) -> str:
        """Hash with the state of each worker that loads a task's models, by the worker's name."""
        return f"{self.prefix}:loading:{task}"

    def problems(self, task: str) -> str:
        """Hash with the last problem of each worker's model server, by the worker's name."""
        return f"{self.prefix}:problems:{task}"

    @property
    def cancellations(self) -> str:
        """Stream of the ids of cancelled jobs."""
        return f"{self.prefix}:stops"

    @property
    def open(self) -> str:
        """Sorted set of all open jobs, by deadline."""
        return f"{self.prefix}:open"

    @property
    def recent(self) -> str:
        """List of the times at which the last jobs finished, the newest first."""
        return f"{self.prefix}:recent"

    @property
    def dead(self) -> str:
        """Stream of the jobs that were given up (dead letters), without user content."""
        return f"{self.prefix}:dead"

    @property
    def pictures(self) -> str:
        """Sorted set of the stored images, by the time at which they expire."""
        return f"{self.prefix}:pictures"

    @property
    def picture_bytes(self) -> str:
        """Number of bytes of the stored images."""
        return f"{self.prefix}:picture_bytes"

    @property
    def for_scripts(self) -> tuple[str, ...]:
        """The KEYS of every script, in the order in which `scripts/common.lua` names them."""
        return (
            self.open,
            self.record(""),
            self.asker(""),
            f"{self.prefix}:result:",
            self.replies(""),
            self.recent,
            self.dead,
            self.workers(""),
            f"{self.prefix}:picture:",
            self.pictures,
            self.picture_bytes,
            GROUP,
            self.loading(""),
        )


def picture_name(picture: Picture) -> str:
    """Return an image's name within the keys: its scope, then its digest."""
    return f"{picture.scope}:{picture.digest}"
