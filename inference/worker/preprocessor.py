"""A claimed job -> the engine's input: fetch the job's images, decode them, call the engine's `prepare`."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from inference.engines import Engine
from inference.errors import PictureError, QueueFull
from inference.images.decoder_pool import is_cut_off
from inference.images.reader import Decoder, PictureReader, PictureSource
from inference.images.thumbnails import thumbnails
from inference.model_thread import ModelThread
from inference.queue.consumer import ClaimedJob
from inference.schema import Job, Match, Picture, Task, UnusablePicture

log = logging.getLogger(__name__)


@dataclass(eq=False)
class InFlightJob:
    """A job that this worker has claimed and not yet replied to.

    Attributes:
        claimed: The job and its stream entry.
        claimed_at: Unix time in seconds.
        model_input: The result of the engine's `prepare`; None until `ready`.
        thumbnails: Thumbnails of its usable images, where its result is to have some.
        cut_off: The numbers of its images, from 1, whose files are cut off.
        unusable: Its images that cannot be used, where its result is to name them.
        ready: Whether `model_input` is there.
        running: Whether the job is in the batch that runs now.
        decode_ms: Milliseconds that fetching, decoding and preparing took.
        preprocessing: The task that does so.
    """

    claimed: ClaimedJob
    claimed_at: float
    model_input: Any = None
    thumbnails: tuple[Picture, ...] = ()
    cut_off: tuple[int, ...] = ()
    unusable: tuple[UnusablePicture, ...] = ()
    ready: bool = False
    running: bool = False
    decode_ms: float = 0
    preprocessing: asyncio.Task[None] | None = None

    @property
    def job(self) -> Job:
        """The job as it was submitted."""
        return self.claimed.job

    @property
    def id(self) -> str:
        """The job's id."""
        return self.claimed.job.id

    @property
    def isolated(self) -> bool:
        """Whether the job must run in a batch of its own."""
        return self.claimed.isolated


class Preprocessor:
    """Preprocesses jobs side by side. An image that several of them refer to at a time is decoded once.

    Nothing is cached: images stay in memory no longer than the jobs that refer to them.

    Args:
        source: Where images are fetched from, and thumbnails stored.
        decoder: Decodes images.
        engines: The engine of each task.
        timeout_s: Seconds after which an engine's `prepare` counts as hanging.
    """

    def __init__(
        self, source: PictureSource, decoder: Decoder, engines: Mapping[Task, Engine], timeout_s: float
    ) -> None:
        self._source = source
        self._reader = PictureReader(source, decoder)
        self._engines = engines
        self._model_thread = ModelThread("prepare", timeout_s)

    async def prepare(self, job: InFlightJob) -> None:
        """Make a job ready to run. A partial one of whose images none can be used stays as it is.

        Raises:
            PictureError: One of its images cannot be used (where it has several: `picture`, its number from
                1), and it is not partial.
            RequestError: The request exceeds the model's limits.
            QueueUnavailable: Its images cannot be fetched, or its thumbnails not be stored.
            DecoderUnavailable: No image can be decoded at all.
            CallTimeout: The engine does not return.
        """
        started = time.monotonic()
        request = job.job.request
        if isinstance(request, Match) and request.partial:
            request, pictures, job.unusable = await self._read_usable(request)
            if not pictures:
                return
        else:
            pictures = await self._reader.read(request.pictures)
        unusable = {each.number for each in job.unusable}
        numbers = [each for each in range(1, len(job.job.request.pictures) + 1) if each not in unusable]
        job.cut_off = tuple(
            number for number, each in zip(numbers, pictures, strict=True) if is_cut_off(each)
        )
        engine = self._engines[request.task]
        job.model_input = await self._model_thread.call(engine.prepare, request, pictures)
        job.thumbnails = await self._thumbnails(job.job, pictures)
        job.decode_ms = (time.monotonic() - started) * 1000
        job.ready = True

    def close(self) -> None:
        """Let the thread end after its current call."""
        self._model_thread.close()

    async def _read_usable(
        self, request: Match
    ) -> tuple[Match, list[Image.Image], tuple[UnusablePicture, ...]]:
        """Read the images of a request.

        Returns:
            The request with those that can be used, unless there are none; these; and the others.
        """
        read = await self._reader.read_each(request.pictures)
        unusable = tuple(
            UnusablePicture(number=number, code=each.code, detail=each.detail)
            for number, each in enumerate(read, 1)
            if isinstance(each, PictureError)
        )
        references, pictures = [], []
        for reference, each in zip(request.pictures, read, strict=True):
            if not isinstance(each, PictureError):
                references.append(reference)
                pictures.append(each)
        if pictures:
            request = request.model_copy(update={"pictures": tuple(references)})
        return request, pictures, unusable

    async def _thumbnails(self, job: Job, pictures: Sequence[Image.Image]) -> tuple[Picture, ...]:
        """Store the result's thumbnails; none where none are requested, or there is no room for them."""
        if not job.request.thumbnail:
            return ()
        scope = job.request.pictures[0].scope
        files = await self._model_thread.call(thumbnails, pictures)
        try:
            return tuple([await self._source.put_picture(scope, file) for file in files])
        except QueueFull:
            log.warning("job %s: the queue has no room for its thumbnails", job.id)
            return ()
