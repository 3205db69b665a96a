"""How a process is told to stop: SIGTERM, or Ctrl-C, which is answered at once."""

import asyncio
import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
"""Exit code after a second Ctrl-C: 128 and SIGINT's number."""


def stop_on_signals(stopped: asyncio.Event, what: str) -> None:
    """Set `stopped` at SIGTERM or SIGINT, and say so at SIGINT; a second SIGINT ends the process at once.

    Child processes end with this one, by the kernel (`inference/sandbox/parent_death`).

    Args:
        stopped: Set at the first signal.
        what: What stops, for the sentence: `the bot`.
    """
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        # No longer through the loop, which may be busy, or over.
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, _end_at_once)
        _say(f"Stopping {what}: this takes a few seconds. Press Ctrl-C again to end at once.")
        stopped.set()

    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    _say("Ended at once. Requests that were accepted go on at the next start.")
    os._exit(INTERRUPTED)


def _say(sentence: str) -> None:
    # Not `print`: a signal may arrive in the middle of one. The newline parts it from the terminal's "^C".
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\nbeholder: {sentence}\n".encode())
