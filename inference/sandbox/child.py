"""Runs one request in a child process with limited time and memory, as frames over its pipes.

It is for single pieces of work on untrusted data, or that would block the event loop: a crash, a hang or a
large allocation costs only that request. The child is spawned (never forked), gets none of the environment's
secrets, and dies with its parent. (The worker's decoder, which decodes one image after the other, keeps its
children alive: `inference.images.decoder_pool`.)

A frame is its length (four bytes, big endian) and then its bytes. The request is a number of frames and then
the end of the pipe; the reply is one frame. Nothing is pickled.
"""

import asyncio
import contextlib
import math
import os
import resource
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from inference.sandbox.limits import confine, limit, scrubbed
from inference.sandbox.parent_death import die_with_parent

LENGTH = struct.Struct(">I")


class ChildFailed(Exception):
    """The child ended without a reply, or its reply is malformed or too large."""


class ChildTooSlow(ChildFailed):
    """The child exceeded its time and was killed."""


@dataclass(frozen=True)
class ChildLimits:
    """A child's limits.

    Attributes:
        seconds: Seconds from its start to its reply; also its seconds of processor time.
        memory: Bytes of address space, including Python and its libraries (about 200 MiB).
        answer: Bytes of the reply.
    """

    seconds: float
    memory: int
    answer: int


async def ask_child(program: Sequence[str], question: Sequence[bytes], limits: ChildLimits) -> bytes:
    """Start a Python program, send it a request and return its reply. The child has ended when this returns.

    Args:
        program: The arguments after `python -I`, such as `("-m", "handlers.heatmap.child")`; the program
            calls `answer_once`.
        question: The request's frames.
        limits: The child's limits; when it exceeds them it is killed.

    Returns:
        The reply.

    Raises:
        ChildTooSlow: There was no reply within `limits.seconds`.
        ChildFailed: The child ended without a reply, or could not be started.
    """
    try:
        process = await _start(program, limits)
    except OSError as error:
        raise ChildFailed(f"{sys.executable} could not be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(limits.seconds):
            return await _exchange(process, question, limits.answer)
    except TimeoutError:
        raise ChildTooSlow(f"There was no reply within {limits.seconds:g} s: killed.") from None
    finally:
        await _end(process)


async def _start(program: Sequence[str], limits: ChildLimits) -> asyncio.subprocess.Process:
    confinement = (str(os.getpid()), str(limits.memory), str(math.ceil(limits.seconds)))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", *program, *confinement),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        env=scrubbed(os.environ),
        # Ctrl-C in the terminal is for the parent, which ends the child itself.
        start_new_session=True,
    )


async def _exchange(process: asyncio.subprocess.Process, question: Sequence[bytes], max_bytes: int) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    try:
        for frame in question:
            process.stdin.write(LENGTH.pack(len(frame)) + frame)
        await process.stdin.drain()
        process.stdin.close()
        (size,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        if size <= max_bytes:
            return await process.stdout.readexactly(size)
    except (OSError, asyncio.IncompleteReadError):
        reason = (await process.stderr.read(500)).decode("ascii", "replace").strip()
        code = await process.wait()
        raise ChildFailed(f"The child ended with {code} and no reply: {reason or 'no message'}") from None
    raise ChildFailed(f"The child's reply has {size} bytes, {max_bytes} are allowed.")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    # Also when this task is cancelled: a killed child ends at once, and nothing else would close its pipes.
    await asyncio.shield(process.communicate())


def answer_once(answer: Callable[[list[bytes]], bytes]) -> int:
    """Serve one request in the child: confine this process, read the request, write the reply.

    When `answer` raises, the exception's type and location are written to standard error, never its message,
    which may hold user content.

    Args:
        answer: Turns the request's frames into the reply.

    Returns:
        The exit code.
    """
    parent, memory, seconds = (int(word) for word in sys.argv[-3:])
    die_with_parent(parent)
    confine(memory)
    limit(resource.RLIMIT_CPU, seconds)
    # A library that prints must not write into the reply.
    with os.fdopen(os.dup(1), "wb") as sink:
        os.dup2(2, 1)
        try:
            reply = answer(list(_frames(sys.stdin.buffer)))
        except Exception as error:  # noqa: BLE001
            sys.stderr.write(f"{type(error).__name__} at {_place(error)}")
            return 1
        sink.write(LENGTH.pack(len(reply)) + reply)
    return 0


def _frames(pipe: BinaryIO) -> Iterator[bytes]:
    while head := pipe.read(LENGTH.size):
        yield pipe.read(LENGTH.unpack(head)[0])


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
