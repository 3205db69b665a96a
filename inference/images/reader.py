"""From references to pictures: fetch their bytes and decode them, each once however many want it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from inference.errors import PictureError
from inference.schema import Picture


class PictureSource(Protocol):
    """Where pictures' bytes are: `inference.queue.consumer.Consumer`."""

    async def picture(self, picture: Picture) -> bytes:
        """Fetch a picture's bytes."""

    async def put_picture(self, scope: str, data: bytes) -> Picture:
        """Keep a thumbnail's."""


class Decoder(Protocol):
    """What decodes them: `inference.images.decoder_pool.Intake`."""

    async def decode(self, data: bytes) -> Image.Image:
        """Decode a picture."""


@dataclass
class _Decoding:
    task: asyncio.Task[Image.Image]
    wanted_by: int = 0


class PictureReader:
    """Reads pictures side by side; one that several want at a time is decoded once, and none is kept.

    Args:
        source: Where the bytes come from.
        decoder: What decodes them.
    """

    def __init__(self, source: PictureSource, decoder: Decoder) -> None:
        self._source = source
        self._decoder = decoder
        self._decodings: dict[tuple[str, str], _Decoding] = {}

    async def read(self, pictures: Sequence[Picture]) -> list[Image.Image]:
        """Fetch and decode some pictures, in their order.

        Raises:
            PictureError: One of them cannot be used (of several: `picture`, its number from 1).
            QueueUnavailable: They cannot be fetched.
            IntakeBroken: No picture at all can be decoded.
        """
        tasks = [asyncio.create_task(self._picture(picture)) for picture in pictures]
        try:
            if len(tasks) == 1:
                return [await tasks[0]]
            return [await _numbered(task, number) for number, task in enumerate(tasks, 1)]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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
