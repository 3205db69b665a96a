"""How a process is told to stop: SIGTERM, or Ctrl-C, which is answered at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

INTERRUPTED = 130
"""Exit code after a second Ctrl-C: 128 and SIGINT's number."""


T = TypeVar("T")


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


async def unless_stopped(stopped: asyncio.Event, operation: Coroutine[Any, Any, T]) -> T | None:
    """Run an operation that may wait for long; cancel it when `stopped` is set.

    Returns:
        What it returns; None where it was cancelled.
    """
    running, stop = asyncio.create_task(operation), asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait([running, stop], return_when=asyncio.FIRST_COMPLETED)
        return running.result() if running.done() else None
    finally:
        running.cancel()
        stop.cancel()
        await asyncio.gather(running, stop, return_exceptions=True)


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    _say("Ended at once. Requests that were accepted go on at the next start.")
    os._exit(INTERRUPTED)


def _say(sentence: str) -> None:
    # Not `print`: a signal may arrive in the middle of one. The newline parts it from the terminal's "^C".
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\nbeholder: {sentence}\n".encode())
