"""The worker's door for pictures: untrusted bytes in, an upright RGB picture out, decoded in a child process.

A crash, a hang or a lack of memory costs one picture and a fresh child, never the worker. What the child does
and what it may not do is in `inference.images.decoder_child`.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from types import TracebackType
from typing import Final, Self

from PIL import Image

from inference.errors import BrokenPicture, NotAPicture, PictureError, PictureTooLarge, PictureTooSlow
from inference.images.decoder_child import ANSWER, DECODED, LENGTH, READY, REFUSALS, DecoderLimits
from inference.images.decoding import LONG_SIDE
from inference.images.formats import NAMES, sniff
from inference.sandbox.limits import scrubbed
from inference.settings import WorkerSettings

log = logging.getLogger(__name__)

_START_SECONDS: Final = 60.0
"""A start takes about 0.2 s; this is for a machine that does much else."""
_EXIT_SECONDS: Final = 5.0
"""A process that closed its pipes has so long to end."""
_PICTURES_PER_CHILD: Final = 500
"""Then a fresh one, so that what a library leaks stays small."""
_TRIES: Final = 2
"""To start a child, and for a picture whose child was killed from outside (by a kernel out of memory)."""
_PIPE_BYTES: Final = 2**22
"""How much of an answer (at most 7 MB) asyncio reads ahead."""


class DecoderUnavailable(RuntimeError):
    """The decoding process does not even start: no picture's fault, and nothing a worker can go on with."""


class DecoderPool:
    """Decodes pictures in a few child processes that are kept warm.

    Use it as an async context manager, in the thread that outlives it: the kernel ends the children with the
    thread that started them.

    Args:
        settings: The limits on pixels, seconds and memory.
        children: How many pictures are decoded at a time; by default one for each processor, 4 at most.
    """

    def __init__(self, settings: WorkerSettings, children: int | None = None) -> None:
        limits = DecoderLimits(
            memory=settings.picture_memory_bytes,
            seconds=settings.picture_decode_seconds,
            pixels=settings.picture_pixels,
        )
        count = children or min(4, os.cpu_count() or 1)
        self._children = [_Child(limits) for _ in range(count)]
        self._idle: asyncio.LifoQueue[_Child] = asyncio.LifoQueue()

    @property
    def pids(self) -> list[int]:
        """The process ids of the children that run."""
        return [child.pid for child in self._children if child.pid]

    async def __aenter__(self) -> Self:
        """Start the children.

        Raises:
            IntakeBroken: They do not start.
        """
        try:
            await asyncio.gather(*(child.start() for child in self._children))
            await self._children[0].ready()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        for child in self._children:
            self._idle.put_nowait(child)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the children."""
        await asyncio.gather(*(child.end() for child in self._children))

    async def decode(self, data: bytes) -> Image.Image:
        """Decode the first frame of a picture.

        Args:
            data: The file as it was posted.

        Returns:
            RGB, upright, transparent parts on white, long side at most `LONG_SIDE`.

        Raises:
            NotAPicture: It starts like none of the kinds that are read.
            BrokenPicture: It cannot be decoded, or the decoder crashed on it.
            PictureTooLarge: It has more pixels than are allowed (detail: limit, value, unit).
            PictureTooSlow: Decoding it takes more time or memory than is allowed.
            IntakeBroken: No child can be started.
        """
        if sniff(data) is None:
            raise NotAPicture(f"These bytes are no {NAMES} picture: post one of these.")
        child = await self._idle.get()
        try:
            return await child.decode(data)
        finally:
            self._idle.put_nowait(child)


class _Child:
    """One decoding process, started anew after every picture that harmed it."""

    def __init__(self, limits: DecoderLimits) -> None:
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None
        self._is_ready = False
        self._decoded = 0
        self._renewal: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        self._is_ready = False
        self._decoded = 0
        limits = (str(self._limits.memory), str(self._limits.seconds), str(self._limits.pixels))
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "inference.images.decoder_child", str(os.getpid()), *limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=scrubbed(os.environ),
            cwd="/",
            start_new_session=True,
            limit=_PIPE_BYTES,
        )

    async def end(self) -> None:
        """Kill the process and wait until it and its pipes are gone."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])
        await self._kill()

    async def ready(self) -> asyncio.subprocess.Process:
        """Return the process once it takes pictures, a fresh one where the last has gone meanwhile.

        Raises:
            IntakeBroken: It does not start.
        """
        for _ in range(_TRIES):
            if (process := await self._started()) is not None:
                return process
        raise DecoderUnavailable(
            "The process that decodes pictures does not start: try `python -c 'import PIL, pillow_heif'` "
            f"and look at BEHOLDER_PICTURE_MEMORY_BYTES ({self._limits.memory})."
        )

    async def _started(self) -> asyncio.subprocess.Process | None:
        try:
            if self._renewal is not None:
                await asyncio.shield(self._renewal)
            elif self._process is None or self._process.returncode is not None:
                await self._renew()
            process = self._process
            assert process is not None  # noqa: S101 - it was started just now
            assert process.stdout is not None  # noqa: S101 - with a pipe
            async with asyncio.timeout(_START_SECONDS):
                if not self._is_ready:
                    self._is_ready = await process.stdout.readexactly(len(READY)) == READY
        except (OSError, asyncio.IncompleteReadError):
            await self._kill()
            return None
        return process

    async def decode(self, data: bytes) -> Image.Image:
        for _ in range(_TRIES):
            answered = await self._try(data)
            if isinstance(answered, PictureError):
                raise answered
            if answered is not None:
                return answered
        raise _too_slow(self._limits)

    async def _try(self, data: bytes) -> Image.Image | PictureError | None:
        """Have the process decode a picture.

        Returns:
            What it says, or None: somebody killed it, maybe while it had nothing to do.
        """
        process = await self.ready()
        whole = False
        try:
            async with asyncio.timeout(self._limits.seconds):
                answered = await _exchange(process, data, self._limits.pixels)
            self._decoded += 1
            whole = self._decoded < _PICTURES_PER_CHILD and not isinstance(answered, PictureTooSlow)
        except TimeoutError:
            return _too_slow(self._limits)
        except (asyncio.IncompleteReadError, ConnectionError):
            return await _died(process, self._limits)
        except ValueError as error:
            log.warning("%s", error)
            return BrokenPicture("The decoder went wild on this picture.")
        finally:
            if not whole:
                self._renewal = asyncio.create_task(self._renew())
        return answered

    async def _renew(self) -> None:
        try:
            await self._kill()
            await self.start()
        finally:
            self._renewal = None

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def _exchange(
    process: asyncio.subprocess.Process, data: bytes, most_pixels: int
) -> Image.Image | PictureError:
    """Send a file, and read what the child makes of it.

    Raises:
        asyncio.IncompleteReadError, ConnectionError: The child has gone.
        ValueError: It answers what it may not.
    """
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.writelines((LENGTH.pack(len(data)), data))
    await process.stdin.drain()
    status, width, height = ANSWER.unpack(await process.stdout.readexactly(ANSWER.size))
    if status == DECODED and 1 <= width <= LONG_SIDE and 1 <= height <= LONG_SIDE:
        pixels = await process.stdout.readexactly(width * height * 3)
        return Image.frombytes("RGB", (width, height), pixels)
    if status not in REFUSALS:
        raise ValueError(f"The decoder answered status {status}, {width} x {height}: not to be trusted.")
    if REFUSALS[status] is PictureTooLarge:
        value = width << 32 | height
        return PictureTooLarge(
            f"The picture has {value} pixels and may have {most_pixels}: post a smaller one.",
            limit=most_pixels,
            value=value,
            unit="pixels",
        )
    return REFUSALS[status]()


def _too_slow(limits: DecoderLimits) -> PictureTooSlow:
    return PictureTooSlow(
        f"Decoding took more than {limits.seconds} s or {limits.memory} bytes: post a smaller picture."
    )


async def _died(process: asyncio.subprocess.Process, limits: DecoderLimits) -> PictureError | None:
    """Say what a picture did that took its decoder down; None: it was killed from outside."""
    try:
        async with asyncio.timeout(_EXIT_SECONDS):
            code = await process.wait()
    except TimeoutError:
        # It closed its pipe and lives on: whoever runs in there now, it is killed next.
        code = 0
    log.warning("A decoder went down with a picture (exit code %d); the next one gets a fresh one.", code)
    if code == -signal.SIGKILL:
        return None
    # SIGXCPU: the limit on processor seconds.
    return _too_slow(limits) if code == -signal.SIGXCPU else BrokenPicture("The decoder crashed on it.")
