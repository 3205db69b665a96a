"""From a job to tensors: fetch its pictures, decode them, let the engine prepare them."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from inference.engine import Engine
from inference.errors import PictureError, QueueFull
from inference.jobs import Job, Picture, Request, Task
from inference.lane import Lane
from inference.streams import Taken
from inference.thumbnails import thumbnails

log = logging.getLogger(__name__)


class PictureSource(Protocol):
    """Where pictures' bytes are: `inference.streams.Consumer`."""

    async def picture(self, picture: Picture) -> bytes:
        """Fetch a picture's bytes."""

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Keep a thumbnail's."""


class Decoder(Protocol):
    """What decodes them: `inference.intake.Intake`."""

    async def decode(self, data: bytes) -> Image.Image:
        """Decode a picture."""


@dataclass(eq=False)
class Held:
    """A job in this worker's hands.

    Attributes:
        taken: The job and its entry.
        arrived: Unix time in seconds at which it was taken.
        prepared: What the engine made of it; None until it is ready.
        thumbnails: Of its pictures, where its result is to have some.
        ready: Whether `prepared` is there.
        running: Whether it is in the batch that runs.
        decode: Milliseconds that fetching, decoding and preparing took.
        preparing: The task that does so.
    """

    taken: Taken
    arrived: float
    prepared: Any = None
    thumbnails: tuple[Picture, ...] = ()
    ready: bool = False
    running: bool = False
    decode: float = 0
    preparing: asyncio.Task[None] | None = None

    @property
    def job(self) -> Job:
        """The job."""
        return self.taken.job

    @property
    def alone(self) -> bool:
        """Whether it must run in a batch of its own."""
        return self.taken.alone


@dataclass
class _Decoding:
    task: asyncio.Task[Image.Image]
    wanted_by: int = 0


class Preparer:
    """Prepares jobs side by side; a picture that several of them want at a time is decoded once.

    Nothing is kept when they are done: pictures stay in memory no longer than the jobs about them.

    Args:
        source: Where the bytes come from, and thumbnails go to.
        decoder: What decodes them.
        engines: What prepares them.
        longest: Seconds after which an engine's `prepare` counts as hanging.
    """

    def __init__(
        self, source: PictureSource, decoder: Decoder, engines: Mapping[Task, Engine], longest: float
    ) -> None:
        self._source = source
        self._decoder = decoder
        self._engines = engines
        self._lane = Lane("prepare", longest)
        self._decodings: dict[tuple[str, str], _Decoding] = {}

    async def prepare(self, held: Held) -> None:
        """Make a job ready to run.

        Raises:
            PictureError: One of its pictures cannot be used (of several: `picture`, its number from 1).
            RequestError: What is asked does not fit the model.
            QueueUnavailable: Its pictures cannot be fetched, or its thumbnails not be kept.
            IntakeBroken: No picture at all can be decoded.
            Hanging: The engine does not come back.
        """
        started = time.monotonic()
        request = held.job.request
        pictures = await self._pictures(request)
        held.prepared = await self._lane.call(self._engines[request.task].prepare, request, pictures)
        held.thumbnails = await self._thumbnails(held.job, pictures)
        held.decode = (time.monotonic() - started) * 1000
        held.ready = True

    def close(self) -> None:
        """Let the thread end."""
        self._lane.close()

    async def _pictures(self, request: Request) -> Sequence[Image.Image]:
        tasks = [asyncio.create_task(self._picture(picture)) for picture in request.pictures]
        try:
            if len(tasks) == 1:
                return [await tasks[0]]
            return [await _numbered(task, number) for number, task in enumerate(tasks, 1)]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _thumbnails(self, job: Job, pictures: Sequence[Image.Image]) -> tuple[Picture, ...]:
        """Keep small pictures for who shows the result; none where none are wanted, or there is no room."""
        if not job.request.thumbnail:
            return ()
        scope = job.request.pictures[0].scope
        files = await self._lane.call(thumbnails, pictures)
        try:
            return tuple([await self._source.put_picture(scope, file) for file in files])
        except QueueFull:
            log.warning("job %s: no room for its thumbnails", job.id)
            return ()

    async def _picture(self, picture: Picture) -> Image.Image:
        key = picture.scope, picture.digest
        decoding = self._decodings.get(key)
        if decoding is None:
            decoding = self._decodings[key] = _Decoding(asyncio.create_task(self._decode(picture)))
        decoding.wanted_by += 1
        try:
            return await asyncio.shield(decoding.task)
        finally:
            decoding.wanted_by -= 1
            if not decoding.wanted_by:
                del self._decodings[key]
                decoding.task.cancel()

    async def _decode(self, picture: Picture) -> Image.Image:
        return await self._decoder.decode(await self._source.picture(picture))


async def _numbered(task: asyncio.Task[Image.Image], number: int) -> Image.Image:
    """Wait for a picture; its error says which of the job's pictures it was."""
    try:
        return await task
    except PictureError as error:
        # A new one: the same picture may stand elsewhere in another job.
        raise type(error)(str(error), **{**error.detail, "picture": number}) from error
