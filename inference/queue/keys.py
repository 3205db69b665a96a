"""Every key name in Redis, in one place."""

from dataclasses import dataclass
from typing import get_args

from inference.schema import Picture, Priority, Task

TASKS: tuple[Task, ...] = get_args(Task)
GROUP = "workers"
"""The consumer group on every job stream."""


@dataclass(frozen=True)
class Keys:
    """The key names below one prefix.

    Attributes:
        prefix: What all of them start with; a test takes one of its own.
    """

    prefix: str = "beholder"

    def jobs(self, task: Task, priority: Priority) -> str:
        """Name the stream of a task's jobs at one priority."""
        return f"{self.prefix}:jobs:{task}:{priority}"

    def record(self, job_id: str) -> str:
        """Name the hash of what is known of an open job, or the scope of a finished one."""
        return f"{self.prefix}:job:{job_id}"

    def result(self, scope: str, job_id: str) -> str:
        """Name the string that holds a finished job's reply."""
        return f"{self.prefix}:result:{scope}:{job_id}"

    def replies(self, bot_name: str) -> str:
        """Name the stream on which a bot is answered."""
        return f"{self.prefix}:replies:{bot_name}"

    def picture(self, picture: Picture) -> str:
        """Name the string that holds a picture's bytes."""
        return f"{self.prefix}:picture:{picture_name(picture)}"

    def asker(self, asker: str) -> str:
        """Name the sorted set of one person's open jobs, by deadline."""
        return f"{self.prefix}:asker:{asker}"

    def workers(self, task: str) -> str:
        """Name the sorted set of the workers that serve a task, by when they last count as alive."""
        return f"{self.prefix}:workers:{task}"

    @property
    def stops(self) -> str:
        """The stream of the ids of jobs that somebody wants stopped."""
        return f"{self.prefix}:stops"

    @property
    def open(self) -> str:
        """The sorted set of all open jobs, by deadline."""
        return f"{self.prefix}:open"

    @property
    def recent(self) -> str:
        """The list of when the last jobs were finished, the newest first."""
        return f"{self.prefix}:recent"

    @property
    def dead(self) -> str:
        """The stream of jobs that were given up, without what people wrote."""
        return f"{self.prefix}:dead"

    @property
    def pictures(self) -> str:
        """The sorted set of the pictures that are kept, by when they go."""
        return f"{self.prefix}:pictures"

    @property
    def picture_bytes(self) -> str:
        """The number of bytes of the pictures that are kept."""
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
        )


def picture_name(picture: Picture) -> str:
    """Name a picture within the keys: its scope, then its digest."""
    return f"{picture.scope}:{picture.digest}"
