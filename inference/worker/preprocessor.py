"""From a job to tensors: fetch its pictures, decode them, let the engine prepare them."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from inference.engines import Engine
from inference.errors import QueueFull
from inference.images.reader import Decoder, PictureReader, PictureSource
from inference.images.thumbnails import thumbnails
from inference.model_thread import ModelThread
from inference.queue.consumer import ClaimedJob
from inference.schema import Job, Picture, Task

log = logging.getLogger(__name__)


@dataclass(eq=False)
class InFlightJob:
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

    taken: ClaimedJob
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


class Preprocessor:
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
        self._reader = PictureReader(source, decoder)
        self._engines = engines
        self._lane = ModelThread("prepare", longest)

    async def prepare(self, held: InFlightJob) -> None:
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
        pictures = await self._reader.read(request.pictures)
        held.prepared = await self._lane.call(self._engines[request.task].prepare, request, pictures)
        held.thumbnails = await self._thumbnails(held.job, pictures)
        held.decode = (time.monotonic() - started) * 1000
        held.ready = True

    def close(self) -> None:
        """Let the thread end."""
        self._lane.close()

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
