"""Resource limits and environment of a child process that works on untrusted data."""

import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

OPEN_FILES: Final = 64
"""Open files; enough for Python, its libraries and a few fonts."""


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with only the variables that Python may need to start, and no secrets."""
    kept = {name: value for name, value in environment.items() if name == "LD_LIBRARY_PATH"}
    # Each further arena would take 64 MB of the limited address space.
    return kept | {"MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}


def confine(memory: int) -> None:
    """Limit this process for good; call it before it reads the first untrusted byte.

    It can then write no files and leaves no core dumps; where the machine runs out of memory, the kernel ends
    it before its parent.

    Args:
        memory: Bytes of address space.
    """
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("1000")
    limit(resource.RLIMIT_AS, memory)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_NOFILE, OPEN_FILES)


def limit(kind: int, value: int) -> None:
    """Set a resource limit of this process for good, unless it has a lower one.

    Args:
        kind: Such as `resource.RLIMIT_CPU`.
        value: In the limit's own unit.
    """
    hard = resource.getrlimit(kind)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (allowed, allowed))
