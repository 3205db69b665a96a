"""One request to a sandboxed child process, with real processes."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.sandbox.child import ChildFailed, ChildLimits, ChildTooSlow, ask_child

LIMITS = ChildLimits(seconds=30, memory=2**29, answer=2**20)
HEAD = "import os, sys, time\nfrom inference.sandbox.child import answer_once\n"


def program(tmp_path: Path, answer: str) -> tuple[str, ...]:
    """Write a child whose function `answer(frames)` has this body."""
    script = tmp_path / "child.py"
    script.write_text(f"{HEAD}def answer(frames):\n    {answer}\nsys.exit(answer_once(answer))\n")
    return (str(script),)


async def test_frames_come_in_and_one_goes_out(tmp_path: Path) -> None:
    child = program(tmp_path, "return b'|'.join(frames)")
    assert (
        await ask_child(child, [b"a", b"", b"\x00\xff" * 100_000], LIMITS) == b"a||" + b"\x00\xff" * 100_000
    )


async def test_what_a_library_prints_is_no_answer(tmp_path: Path) -> None:
    assert (
        await ask_child(
            program(tmp_path, "os.write(1, b'noise'); print('noise'); return b'answer'"), [], LIMITS
        )
        == b"answer"
    )


async def test_a_child_that_hangs_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    child = program(
        tmp_path, "os.write(os.open(frames[0], os.O_WRONLY), str(os.getpid()).encode()); time.sleep(600)"
    )
    reader = os.open(told, os.O_RDWR | os.O_NONBLOCK)
    with pytest.raises(ChildTooSlow):
        await ask_child(child, [str(told).encode()], ChildLimits(seconds=2, memory=2**29, answer=1))
    # On a machine so busy that the child did not come to say who it was, there is nothing to look for.
    with contextlib.suppress(BlockingIOError), pytest.raises(ProcessLookupError):
        os.kill(int(os.read(reader, 20)), 0)
    os.close(reader)


async def test_the_kernel_limits_the_child_as_well(tmp_path: Path) -> None:
    child = program(
        tmp_path,
        "import resource as r; "
        "limits = r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_CORE; "
        "return repr([r.getrlimit(limit)[1] for limit in limits]).encode()",
    )
    assert await ask_child(child, [], LIMITS) == b"[30, 536870912, 0]"


async def test_a_greedy_child_fails_alone(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="MemoryError"):
        await ask_child(program(tmp_path, "return bytes(2**30)"), [], LIMITS)


async def test_a_crash_is_told_and_what_the_exception_says_is_not(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"ended with 1 .*ValueError at child\.py:4") as failed:
        await ask_child(program(tmp_path, "raise ValueError('a secret')"), [], LIMITS)
    assert "secret" not in str(failed.value)
    with pytest.raises(ChildFailed, match="ended with -6"):
        await ask_child(program(tmp_path, "os.abort()"), [], LIMITS)


async def test_an_answer_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="1048577 bytes, 1048576 are allowed"):
        await ask_child(program(tmp_path, "return bytes(2**20 + 1)"), [], LIMITS)


async def test_a_child_sees_no_secrets_and_writes_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    assert b"secret" not in await ask_child(program(tmp_path, "return repr(os.environ).encode()"), [], LIMITS)
    writing = program(tmp_path, "os.write(os.open(frames[0], os.O_CREAT | os.O_WRONLY), b'x'); return b''")
    with pytest.raises(ChildFailed, match="OSError"):
        await ask_child(writing, [str(tmp_path / "new").encode()], LIMITS)


async def test_a_cancelled_question_leaves_no_child(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    reader = os.open(told, os.O_RDWR)
    child = program(
        tmp_path, "os.write(os.open(frames[0], os.O_WRONLY), str(os.getpid()).encode()); time.sleep(600)"
    )
    asking = asyncio.create_task(ask_child(child, [str(told).encode()], LIMITS))
    try:
        pid = int(await asyncio.to_thread(os.read, reader, 20))
    finally:
        os.close(reader)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has gone")
def test_no_child_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    reader = os.open(told, os.O_RDWR)
    (script,) = program(
        tmp_path, "os.write(os.open(frames[0], os.O_WRONLY), str(os.getpid()).encode()); time.sleep(600)"
    )
    asker = (
        "import asyncio\nfrom inference.sandbox.child import ChildLimits, ask_child\n"
        f"asyncio.run(ask_child(({script!r},), [{str(told).encode()!r}], ChildLimits(600, 2**29, 1)))"
    )
    with subprocess.Popen([sys.executable, "-c", asker]) as parent:
        child = os.pidfd_open(int(os.read(reader, 20)))
        os.close(reader)
        parent.send_signal(signal.SIGKILL)
    gone, _, _ = select.select([child], [], [], 30)
    os.close(child)
    assert gone
