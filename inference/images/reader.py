"""References -> images: fetches image files and decodes them, each once however many jobs refer to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from inference.errors import PictureError
from inference.schema import Picture


class PictureSource(Protocol):
    """Source of image files, such as `inference.queue.consumer.Consumer`."""

    async def picture(self, picture: Picture) -> bytes:
        """Fetch an image file."""

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Store a thumbnail file."""


class Decoder(Protocol):
    """Decoder of image files, such as `inference.images.decoder_pool.DecoderPool`."""

    async def decode(self, data: bytes) -> Image.Image:
        """Decode an image file."""


@dataclass
class _Decoding:
    task: asyncio.Task[Image.Image]
    readers: int = 0


class PictureReader:
    """Reads images side by side. One that several callers read at a time is decoded once; none is cached.

    Args:
        source: Fetches the files.
        decoder: Decodes them.
    """

    def __init__(self, source: PictureSource, decoder: Decoder) -> None:
        self._source = source
        self._decoder = decoder
        self._decodings: dict[tuple[str, str], _Decoding] = {}

    async def read(self, pictures: Sequence[Picture]) -> list[Image.Image]:
        """Fetch and decode images, in the given order.

        Raises:
            PictureError: One of them cannot be used (where there are several: `picture`, its number from 1).
            QueueUnavailable: They cannot be fetched.
            DecoderUnavailable: No image can be decoded at all.
        """
        async with self._reading(pictures) as tasks:
            if len(tasks) == 1:
                return [await tasks[0]]
            return [await _numbered(task, number) for number, task in enumerate(tasks, 1)]

    async def read_each(self, pictures: Sequence[Picture]) -> list[Image.Image | PictureError]:
        """Fetch and decode images, in the given order: each, or why it cannot be used.

        Raises:
            QueueUnavailable: They cannot be fetched.
            DecoderUnavailable: No image can be decoded at all.
        """
        async with self._reading(pictures) as tasks:
            return [await _image_or_error(task) for task in tasks]

    @contextlib.asynccontextmanager
    async def _reading(self, pictures: Sequence[Picture]) -> AsyncIterator[list[asyncio.Task[Image.Image]]]:
        tasks = [asyncio.create_task(self._picture(picture)) for picture in pictures]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _picture(self, picture: Picture) -> Image.Image:
        key = picture.scope, picture.digest
        decoding = self._decodings.get(key)
        if decoding is None:
            decoding = self._decodings[key] = _Decoding(asyncio.create_task(self._decode(picture)))
        decoding.readers += 1
        try:
            return await asyncio.shield(decoding.task)
        finally:
            decoding.readers -= 1
            if not decoding.readers:
                del self._decodings[key]
                decoding.task.cancel()

    async def _decode(self, picture: Picture) -> Image.Image:
        return await self._decoder.decode(await self._source.picture(picture))


async def _image_or_error(task: asyncio.Task[Image.Image]) -> Image.Image | PictureError:
    try:
        return await task
    except PictureError as error:
        return error


async def _numbered(task: asyncio.Task[Image.Image], number: int) -> Image.Image:
    """Wait for an image; its error names which of the job's images it was."""
    try:
        return await task
    except PictureError as error:
        # A new error: the same image may have another number in another job.
        raise type(error)(str(error), **{**error.detail, "picture": number}) from error
