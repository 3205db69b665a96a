"""Request bodies: JSON or multipart, checked against a model, refused in Discord's form.

A multipart body carries its JSON as `payload_json` and its files as `files[n]`, where n is the id of an
entry of the JSON's `attachments`.
"""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from aiohttp import BodyPartReader, web
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, from_json

from bot.playground.errors import ApiError, ErrorCode, add_field_error
from bot.playground.pocket import Limits
from bot.playground.state.records import Json

M = TypeVar("M", bound="Form")

FILE_FIELD = re.compile(r"files\[(\d+)\]")
CHUNK_BYTES = 64 * 1024
SNOWFLAKE_LIMIT = 1 << 63


def _snowflake(value: object) -> int:
    """Read an id, a string of digits or a number."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | str)
        or not re.fullmatch(r"\d{1,19}", str(value))
    ):
        raise ValueError(f'Value "{str(value)[:100]}" is not snowflake.')
    if int(value) >= SNOWFLAKE_LIMIT:
        raise ValueError(f'Value "{value}" is not snowflake.')
    return int(value)


Snowflake = Annotated[int, BeforeValidator(_snowflake)]


class Form(BaseModel):
    """A request's body. Unknown fields are ignored, as Discord does; null stands for a field's default."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields
        kept = {name: field for name, field in fields.items() if field.is_required() or field.default is None}
        return {name: each for name, each in value.items() if each is not None or name in kept}


@dataclass(frozen=True)
class Upload:
    """A file that came with a request, under the number of its field."""

    number: int
    filename: str
    content_type: str | None
    data: bytes


@dataclass
class Body:
    """What a request carried: JSON, files, and the fields of a plain form."""

    json: Any = None
    fields: dict[str, str] = field(default_factory=dict)
    uploads: dict[int, Upload] = field(default_factory=dict)

    def read_as(self, model: type[M]) -> M:
        """Check the JSON against a model.

        Raises:
            ApiError: It doesn't fit; the errors stand where Discord puts them.
        """
        return check(model, {} if self.json is None else self.json)


def check(model: type[M], value: object, at: tuple[str | int, ...] = ()) -> M:
    """Check a value against a model.

    Args:
        model: What it should be.
        value: What it is.
        at: Where it stands in the request's body.

    Raises:
        ApiError: It doesn't fit.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ApiError(ErrorCode.INVALID_FORM, _errors(error.errors(include_url=False), at)) from None


async def read_body(request: web.Request, limits: Limits) -> Body:
    """Read a request's body.

    Raises:
        ApiError: It is no JSON, or too large.
    """
    if (request.content_length or 0) > limits.request_bytes:
        raise ApiError(ErrorCode.TOO_LARGE)
    if request.content_type == "multipart/form-data":
        return await _read_multipart(request, limits)
    data = await _read_capped(request.content.iter_chunked(CHUNK_BYTES), limits.request_bytes)
    return Body(_parsed(data) if data else None)


async def _read_multipart(request: web.Request, limits: Limits) -> Body:
    body = Body()
    room = limits.request_bytes
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            continue
        data = await _read_capped(_chunks(part), room)
        room -= len(data)
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


async def _read_capped(chunks: AsyncIterator[bytes], most: int) -> bytes:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > most:
            raise ApiError(ErrorCode.TOO_LARGE)
    return bytes(data)


def _parsed(data: bytes) -> object:
    try:
        return from_json(data)
    except ValueError:
        raise ApiError(ErrorCode.INVALID_JSON) from None


def _errors(found: Iterable[ErrorDetails], at: tuple[str | int, ...]) -> Json:
    """Turn pydantic's errors into Discord's tree."""
    tree: Json = {}
    for each in found:
        path = [step for step in each["loc"] if not (isinstance(step, str) and step.startswith("="))]
        add_field_error((*at, *path), _sentence(each), tree)
    return tree


SENTENCES = {
    "missing": "This field is required",
    "string_too_long": "Must be {max_length} or fewer in length.",
    "string_too_short": "Must be {min_length} or more in length.",
    "too_long": "Must be {max_length} or fewer in length.",
    "too_short": "Must be {min_length} or more in length.",
    "less_than_equal": "int value should be less than or equal to {le}.",
    "greater_than_equal": "int value should be greater than or equal to {ge}.",
    "literal_error": "Value must be one of {expected}.",
    "union_tag_invalid": 'Value of field "type" must be one of {expected_tags}.',
    "model_type": "Only dictionaries may be used in a DictType",
}
"""Discord's sentence for each of pydantic's errors."""


def _sentence(error: ErrorDetails) -> str:
    known = SENTENCES.get(error["type"], "").format_map(error.get("ctx", {}))
    return known or error["msg"].removeprefix("Value error, ")
