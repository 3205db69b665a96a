"""Supervise child processes: restart those that fail. None outlives this process."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial

from inference.sandbox.parent_death import die_with_parent

log = logging.getLogger(__name__)

FATAL = 2
"""The exit code of a child that only the operator can mend: it is not started again."""
HEALTHY_AFTER_S = 60.0
"""Seconds after which a child counts as healthy: the next failure counts as its first."""
MAX_RESTART_DELAY_S = 30.0
"""Seconds before a child that keeps failing is started again, at most."""
STOP_TIMEOUT_S = 3.5
"""Seconds that children get to stop by themselves: Ctrl-C promises 5 in all."""


class Child:
    """One `beholder` command, run as a process of its own.

    Args:
        name: For the log.
        arguments: The words after `beholder`.
        environment: The whole environment it gets.
        max_restart_delay_s: Seconds before it is started again, at most.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        max_restart_delay_s: float = MAX_RESTART_DELAY_S,
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._max_restart_delay_s = max_restart_delay_s
        self._process: asyncio.subprocess.Process | None = None

    async def keep_running(self) -> int:
        """Start the process, and again whenever it fails, until it ends in a way that a restart cannot mend.

        Returns:
            The exit code that was final: 0 or `FATAL`.
        """
        failures = 0
        while True:
            started = time.monotonic()
            code = await self._run_once()
            if code in (0, FATAL):
                return code
            failures = 0 if time.monotonic() - started > HEALTHY_AFTER_S else failures + 1
            pause = min(self._max_restart_delay_s, 0.25 * 2**failures)
            log.warning("%s failed (exit code %d): starting it again in %.1f s", self.name, code, pause)
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *self._arguments,
            env=dict(self._environment),
            stdin=asyncio.subprocess.DEVNULL,
            # A session of its own: the terminal's Ctrl-C reaches us alone, and we stop the children in order.
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask the process to stop, and kill it when it takes longer than `STOP_TIMEOUT_S`."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            log.warning("%s did not stop within %.1f s: killed", self.name, STOP_TIMEOUT_S)
            process.kill()
            await process.wait()


async def keep_all_running(children: Sequence[Child], stopped: asyncio.Event) -> int:
    """Run children until `stopped` is set or one of them ends for good.

    Args:
        children: What to run.
        stopped: Set by a signal.

    Returns:
        0 when it was stopped, else the exit code of the child that ended.
    """
    runs = [asyncio.create_task(child.keep_running(), name=child.name) for child in children]
    stop = asyncio.create_task(stopped.wait())
    try:
        done, _ = await asyncio.wait([stop, *runs], return_when=asyncio.FIRST_COMPLETED)
        return max((run.result() for run in runs if run in done), default=0)
    finally:
        for task in (stop, *runs):
            task.cancel()
        await asyncio.gather(stop, *runs, return_exceptions=True)
        await asyncio.gather(*(child.stop() for child in children))
