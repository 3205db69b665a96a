"""Ends a child process with its parent, even when that is killed with SIGKILL (Linux)."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Source: linux/prctl.h."""

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int | None = None, how: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send this process `how` when the thread that started it ends.

    Call it in the child, first thing in its own code or as `preexec_fn`. On other systems it does nothing.

    Args:
        parent: The process id of the parent. Where the parent is another process by now, it ended before this
            call, and this process exits at once.
        how: The signal.
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, how, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
