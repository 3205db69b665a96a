"""One question to a child process that is confined in time and memory, as frames over its pipes.

For single pieces of work on bytes that nobody vouches for, or that would hold up the event loop: a crash, a
hang or a greedy allocation costs the one question. The child is spawned (never forked from us), gets none of
our environment's secrets, and does not outlive us. (The worker's intake, which decodes picture after picture,
keeps children of its own warm: `inference.images.decoder_pool`.)

A frame is its length (four bytes, big endian) and then its bytes. The question is a number of frames and then
the end of the pipe; the answer is one frame. Nothing is pickled.
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
    """The child ended without an answer, or with one that is no frame."""


class ChildTooSlow(ChildFailed):
    """The child took longer than it may, and was killed."""


@dataclass(frozen=True)
class ChildLimits:
    """What the child may take.

    Attributes:
        seconds: From its start to its answer. It may also take as many seconds of processor time.
        memory: Bytes of address space, Python and its libraries (about 200 MiB) among them.
        answer: Bytes of the answer.
    """

    seconds: float
    memory: int
    answer: int


async def ask_child(program: Sequence[str], question: Sequence[bytes], limits: ChildLimits) -> bytes:
    """Start a Python program, put the question to it and return its answer.

    Args:
        program: The words after `python -I`, such as `("-m", "handlers.heatmap.child")`; it calls
            `answer_once`.
        question: The frames.
        limits: What the child may take; when it takes more it is killed.

    Returns:
        The answer's bytes.

    Raises:
        ChildTooSlow: There was no answer within `limits.seconds`.
        ChildFailed: The child ended without one, or could not be started.
    """
    try:
        process = await _start(program, limits)
    except OSError as error:
        raise ChildFailed(f"{sys.executable} could not be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(limits.seconds):
            return await _converse(process, question, limits.answer)
    except TimeoutError:
        raise ChildTooSlow(f"There was no answer within {limits.seconds:g} s: killed.") from None
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
        # The terminal's Ctrl-C is for us; we end the child ourselves.
        start_new_session=True,
    )


async def _converse(process: asyncio.subprocess.Process, question: Sequence[bytes], most: int) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    try:
        for frame in question:
            process.stdin.write(LENGTH.pack(len(frame)) + frame)
        await process.stdin.drain()
        process.stdin.close()
        (size,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        if size <= most:
            return await process.stdout.readexactly(size)
    except (OSError, asyncio.IncompleteReadError):
        why = (await process.stderr.read(500)).decode("ascii", "replace").strip()
        code = await process.wait()
        raise ChildFailed(f"The child ended with {code} and no answer: {why or 'no word'}") from None
    raise ChildFailed(f"The child's answer has {size} bytes, {most} are allowed.")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    # Also when we are cancelled: a killed child is gone in no time, and nobody else would collect its pipes.
    await asyncio.shield(process.communicate())


def answer_once(answer: Callable[[list[bytes]], bytes]) -> int:
    """Be the child: confine this process, read the question, write the answer.

    When `answer` raises, the exception's type and place go to the standard error, never its words: they may
    hold what people posted.

    Args:
        answer: Gets the question's frames.

    Returns:
        The exit code.
    """
    parent, memory, seconds = (int(word) for word in sys.argv[-3:])
    die_with_parent(parent)
    confine(memory)
    limit(resource.RLIMIT_CPU, seconds)
    # A library that prints must not write into the answer.
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
