"""Read request bodies: JSON or multipart.

A multipart body has its JSON as `payload_json` and its files as `files[n]`, where n is the id of an entry of
the JSON's `attachments`.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import BodyPartReader, web
from pydantic_core import from_json

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.forms.base import Form, check
from bot.playground.pocket import Limits

M = TypeVar("M", bound=Form)

FILE_FIELD = re.compile(r"files\[(\d+)\]")
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Upload:
    """A file of a multipart request, with the number of its form field."""

    number: int
    filename: str
    content_type: str | None
    data: bytes


@dataclass
class Body:
    """A request body: JSON, uploads by number, and the other fields of a multipart form."""

    json: Any = None
    fields: dict[str, str] = field(default_factory=dict)
    uploads: dict[int, Upload] = field(default_factory=dict)

    def read_as(self, model: type[M]) -> M:
        """Validate the JSON as a form.

        Raises:
            ApiError: It is invalid; `errors` names the fields.
        """
        return check(model, {} if self.json is None else self.json)


async def read_body(request: web.Request, limits: Limits) -> Body:
    """Read a request's body.

    Raises:
        ApiError: It is not valid JSON, or too large.
    """
    if (request.content_length or 0) > limits.request_bytes:
        raise ApiError(ErrorCode.TOO_LARGE)
    if request.content_type == "multipart/form-data":
        return await _read_multipart(request, limits)
    data = await _read_capped(request.content.iter_chunked(CHUNK_BYTES), limits.request_bytes)
    return Body(_parsed(data) if data else None)


async def _read_multipart(request: web.Request, limits: Limits) -> Body:
    body = Body()
    bytes_left = limits.request_bytes
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            continue
        data = await _read_capped(_chunks(part), bytes_left)
        bytes_left -= len(data)
        if part.name == "payload_json":
            body.json = _parsed(data)
        elif part.name == "file":
            body.uploads[0] = _upload(part, 0, data, limits)
        elif (match := FILE_FIELD.fullmatch(part.name or "")) is not None:
            number = int(match[1])
            body.uploads[number] = _upload(part, number, data, limits)
        else:
            body.fields[part.name or ""] = data.decode(errors="replace")
    return body


def _upload(part: BodyPartReader, number: int, data: bytes, limits: Limits) -> Upload:
    if len(data) > limits.file_bytes:
        raise ApiError(ErrorCode.TOO_LARGE)
    return Upload(number, part.filename or "unknown.txt", part.headers.get("Content-Type"), data)


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK_BYTES):
        yield chunk


async def _read_capped(chunks: AsyncIterator[bytes], max_bytes: int) -> bytes:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > max_bytes:
            raise ApiError(ErrorCode.TOO_LARGE)
    return bytes(data)


def _parsed(data: bytes) -> object:
    try:
        return from_json(data)
    except ValueError:
        raise ApiError(ErrorCode.INVALID_JSON) from None
