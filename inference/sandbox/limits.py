"""What a child process that works on untrusted bytes gives up, and what it never gets."""

import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

OPEN_FILES: Final = 64
"""Enough for Python, its libraries and a few fonts."""


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Keep of the environment only what may be needed to start Python, and none of the secrets."""
    kept = {name: value for name, value in environment.items() if name == "LD_LIBRARY_PATH"}
    # Each further arena would take 64 MB of the address space that the limit counts.
    return kept | {"MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}


def confine(memory: int) -> None:
    """Let this process take no more than it needs: call it before it sees the first untrusted byte.

    It writes no files, leaves no core dumps, and where the machine runs out of memory it goes before the one
    that started it.

    Args:
        memory: Bytes of address space.
    """
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("1000")
    limit(resource.RLIMIT_AS, memory)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_NOFILE, OPEN_FILES)


def limit(what: int, most: int) -> None:
    """Set a limit of this process for good, where there is not a lower one.

    Args:
        what: Such as `resource.RLIMIT_CPU`.
        most: In the limit's own unit.
    """
    hard = resource.getrlimit(what)[1]
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (allowed, allowed))
