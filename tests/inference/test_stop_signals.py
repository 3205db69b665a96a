"""Ctrl-C says that the process is stopping; a second one ends it at once."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, signal
from inference.stop_signals import stop_on_signals

async def main():
    stopped = asyncio.Event()
    stop_on_signals(stopped, "the bot")
    print("running", flush=True)
    await stopped.wait()
    print("stopped", flush=True)
    {then}

asyncio.run(main())
"""


def start(then: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(then=then)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    return process


@pytest.mark.parametrize("then", ["signal.pause()", "await asyncio.Event().wait()"])
def test_the_second_ctrl_c_ends_at_once_also_where_the_event_loop_hangs(then: str) -> None:
    with start(then) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopped\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    first, second = said.split("\n\n")
    assert first.strip().startswith("beholder: Stopping the bot")
    assert "Press Ctrl-C again to end at once" in first
    assert second.startswith("beholder: Ended at once.")


def test_sigterm_stops_without_a_word_and_ctrl_c_after_it_is_the_first() -> None:
    with start("await asyncio.Event().wait()") as process:
        assert process.stdout is not None
        process.terminate()
        assert process.stdout.readline() == "stopped\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline() == "\n"
        assert "Stopping the bot" in process.stderr.readline()
        process.kill()
        process.communicate()
