"""Decodes untrusted image files to upright RGB in a pool of sandboxed child processes.

A crash, a hang or a lack of memory costs one image and a new child, never the worker. The child's protocol
and limits are in `inference.images.decoder_child`.
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
from inference.images.decoder_child import (
    CUT_OFF,
    DECODED,
    ERRORS,
    LENGTH,
    READY,
    REPLY_HEADER,
    DecoderLimits,
)
from inference.images.decoding import LONG_SIDE
from inference.images.formats import NAMES, sniff
from inference.sandbox.limits import scrubbed
from inference.settings import WorkerSettings

log = logging.getLogger(__name__)

_START_TIMEOUT_S: Final = 60.0
"""Seconds for a child to start. It takes about 0.2; the rest is for a busy machine."""
_EXIT_TIMEOUT_S: Final = 5.0
"""Seconds for a child that has closed its pipes to end."""
_MAX_IMAGES_PER_CHILD: Final = 500
"""Images after which a child is replaced, so that a library's memory leaks stay small."""
_MAX_TRIES: Final = 2
"""Tries to start a child, and to decode an image whose child was killed from outside (by a kernel out of
memory)."""
_PIPE_BYTES: Final = 2**22
"""Bytes of a reply (at most 7 MB) that asyncio reads ahead."""


_CUT_OFF: Final = "cut_off"
"""Among a decoded image's information: whether its file is cut off."""


def is_cut_off(image: Image.Image) -> bool:
    """Tell whether a decoded image's file is cut off: the rows that it lacks are white."""
    return image.info.get(_CUT_OFF) is True


class DecoderUnavailable(RuntimeError):
    """The decoder process does not start, whichever image; the worker cannot go on."""


class DecoderPool:
    """Decodes images in a few child processes that stay alive between images.

    Use it as an async context manager in a thread that outlives it: the kernel ends the children with the
    thread that started them.

    Args:
        settings: The limits on pixels, seconds and memory.
        children: The number of images that are decoded at a time; by default one for each processor, at most
            4.
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
        """The process ids of the running children."""
        return [child.pid for child in self._children if child.pid]

    async def __aenter__(self) -> Self:
        """Start the children.

        Raises:
            DecoderUnavailable: They do not start.
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
        """Decode an image file, of an animation the first frame that is not blank.

        Args:
            data: The file as it was posted.

        Returns:
            RGB, upright, transparent parts on white, long side at most `LONG_SIDE` pixels. Of a file that is
            cut off (`is_cut_off`), the missing rows are white.

        Raises:
            NotAPicture: It is of no supported media type.
            BrokenPicture: It cannot be decoded, or less than half of its rows, or the decoder crashed on it.
            PictureTooLarge: It has too many pixels (detail: limit, value, unit).
            PictureTooSlow: Decoding it takes too much time or memory.
            DecoderUnavailable: No child can be started.
        """
        if sniff(data) is None:
            raise NotAPicture(f"These bytes are no {NAMES} image: post one of these.")
        child = await self._idle.get()
        try:
            return await child.decode(data)
        finally:
            self._idle.put_nowait(child)


class _Child:
    """One decoder process, replaced after each image that harmed it."""

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
        """Return the process once it is ready, a new one where the last has ended meanwhile.

        Raises:
            DecoderUnavailable: It does not start.
        """
        for _ in range(_MAX_TRIES):
            if (process := await self._started()) is not None:
                return process
        raise DecoderUnavailable(
            "The decoder process does not start: try `python -c 'import PIL, pillow_heif'` "
            f"and look at BEHOLDER_PICTURE_MEMORY_BYTES ({self._limits.memory})."
        )

    async def _started(self) -> asyncio.subprocess.Process | None:
        try:
            if self._renewal is not None:
                await asyncio.shield(self._renewal)
            elif self._process is None or self._process.returncode is not None:
                await self._renew()
            process = self._process
            assert process is not None  # noqa: S101 - it has just been started
            assert process.stdout is not None  # noqa: S101 - with a pipe
            async with asyncio.timeout(_START_TIMEOUT_S):
                if not self._is_ready:
                    self._is_ready = await process.stdout.readexactly(len(READY)) == READY
        except (OSError, asyncio.IncompleteReadError):
            await self._kill()
            return None
        return process

    async def decode(self, data: bytes) -> Image.Image:
        for _ in range(_MAX_TRIES):
            decoded = await self._try(data)
            if isinstance(decoded, PictureError):
                raise decoded
            if decoded is not None:
                return decoded
        raise _too_slow(self._limits)

    async def _try(self, data: bytes) -> Image.Image | PictureError | None:
        """Have the process decode an image.

        Returns:
            The image or its error; None: the process was killed from outside, maybe while it was idle.
        """
        process = await self.ready()
        reusable = False
        try:
            async with asyncio.timeout(self._limits.seconds):
                decoded = await _exchange(process, data, self._limits.pixels)
            self._decoded += 1
            reusable = self._decoded < _MAX_IMAGES_PER_CHILD and not isinstance(decoded, PictureTooSlow)
        except TimeoutError:
            return _too_slow(self._limits)
        except (asyncio.IncompleteReadError, ConnectionError):
            return await _died(process, self._limits)
        except ValueError as error:
            log.warning("%s", error)
            return BrokenPicture("The decoder returned a malformed reply for this image.")
        finally:
            if not reusable:
                self._renewal = asyncio.create_task(self._renew())
        return decoded

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
    process: asyncio.subprocess.Process, data: bytes, max_pixels: int
) -> Image.Image | PictureError:
    """Write a file to the child and read its reply.

    Raises:
        asyncio.IncompleteReadError, ConnectionError: The child has ended.
        ValueError: Its reply is malformed.
    """
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.writelines((LENGTH.pack(len(data)), data))
    await process.stdin.drain()
    status, width, height = REPLY_HEADER.unpack(await process.stdout.readexactly(REPLY_HEADER.size))
    if status in (DECODED, CUT_OFF) and 1 <= width <= LONG_SIDE and 1 <= height <= LONG_SIDE:
        pixels = await process.stdout.readexactly(width * height * 3)
        image = Image.frombytes("RGB", (width, height), pixels)
        image.info[_CUT_OFF] = status == CUT_OFF
        return image
    if status not in ERRORS:
        raise ValueError(f"The decoder replied with status {status}, {width} x {height}: malformed.")
    if ERRORS[status] is PictureTooLarge:
        value = width << 32 | height
        return PictureTooLarge(
            f"The image has {value} pixels and may have {max_pixels}: post a smaller one.",
            limit=max_pixels,
            value=value,
            unit="pixels",
        )
    return ERRORS[status]()


def _too_slow(limits: DecoderLimits) -> PictureTooSlow:
    return PictureTooSlow(
        f"Decoding took more than {limits.seconds} s or {limits.memory} bytes: post a smaller image."
    )


async def _died(process: asyncio.subprocess.Process, limits: DecoderLimits) -> PictureError | None:
    """Return the error of an image that ended its decoder; None: the process was killed from outside."""
    try:
        async with asyncio.timeout(_EXIT_TIMEOUT_S):
            code = await process.wait()
    except TimeoutError:
        # It has closed its pipe and lives on, so it is compromised. The caller kills it.
        code = 0
    log.warning("a decoder process ended while it decoded (exit code %d); a new one is started", code)
    if code == -signal.SIGKILL:
        return None
    # SIGXCPU: it exceeded its processor seconds.
    return _too_slow(limits) if code == -signal.SIGXCPU else BrokenPicture("The decoder crashed on it.")
