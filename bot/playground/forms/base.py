"""The base model of request bodies, and the translation of pydantic's errors into Discord's."""

import re
from collections.abc import Iterable
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from bot.playground.errors import ApiError, ErrorCode, add_field_error
from bot.playground.state.records import Json

M = TypeVar("M", bound="Form")

SNOWFLAKE_LIMIT = 1 << 63


def _snowflake(value: object) -> int:
    """Convert an id from a string of digits or an integer."""
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
    """Base of all forms. Unknown fields are ignored, as Discord does; null means a field's default."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_to_default(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields
        kept = {name: field for name, field in fields.items() if field.is_required() or field.default is None}
        return {name: each for name, each in value.items() if each is not None or name in kept}


def check(model: type[M], value: object, at: tuple[str | int, ...] = ()) -> M:
    """Validate a value as a form.

    Args:
        model: The form.
        value: The JSON value.
        at: The path of the value in the request body, for the error.

    Raises:
        ApiError: It is invalid; `errors` names the fields.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ApiError(ErrorCode.INVALID_FORM, _errors(error.errors(include_url=False), at)) from None


def _errors(found: Iterable[ErrorDetails], at: tuple[str | int, ...]) -> Json:
    """Convert pydantic's errors to Discord's nested `errors` object."""
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
"""Discord's message for each type of pydantic error."""


def _sentence(error: ErrorDetails) -> str:
    known = SENTENCES.get(error["type"], "").format_map(error.get("ctx", {}))
    return known or error["msg"].removeprefix("Value error, ")
