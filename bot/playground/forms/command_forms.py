"""Application commands as applications register them, with Discord's limits.

Source of the limits: Discord's reference, "Application commands", and its OpenAPI description.
"""

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from bot.playground.forms.base import Form, Snowflake
from bot.playground.forms.component_forms import tag
from bot.playground.state.records import CommandType, Json

MAX_COMMAND_CHARACTERS = 8000
"""Limit of a command's names, descriptions and values together."""

WORD = re.compile(r"[-_'\w]{1,32}")

Number = Annotated[float, Field(ge=-(2**53) + 1, le=2**53 - 1)]
Whole = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
Localizations = dict[str, str] | None


def _word(value: str) -> str:
    if not WORD.fullmatch(value) or value != value.lower():
        raise ValueError("String value did not match validation regex.")
    return value


def _bits(value: object) -> object:
    """Accept a bit set as a string of digits, as Discord's reference has it."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


Word = Annotated[str, StringConstraints(min_length=1, max_length=32), AfterValidator(_word)]
Description = Annotated[str, StringConstraints(min_length=1, max_length=100)]
ChoiceName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class StringChoice(Form):
    """A choice of a string option."""

    name: ChoiceName
    name_localizations: Localizations = None
    value: Annotated[str, StringConstraints(max_length=6000)]


class WholeChoice(Form):
    """A choice of an integer option."""

    name: ChoiceName
    name_localizations: Localizations = None
    value: Whole


class NumberChoice(Form):
    """A choice of a number option."""

    name: ChoiceName
    name_localizations: Localizations = None
    value: Number


class Option(Form):
    """Fields that all options have."""

    name: Word
    name_localizations: Localizations = None
    description: Description
    description_localizations: Localizations = None
    required: bool = False


class PlainOption(Option):
    """An option without further fields: boolean (5), user (6), role (8), mentionable (9), attachment (11)."""

    type: Literal[5, 6, 8, 9, 11]


class ChannelOption(Option):
    """A channel option."""

    type: Literal[7]
    channel_types: list[int] | None = None


class StringOption(Option):
    """A string option."""

    type: Literal[3]
    choices: Annotated[list[StringChoice], Field(max_length=25)] | None = None
    min_length: Annotated[int, Field(ge=0, le=6000)] | None = None
    max_length: Annotated[int, Field(ge=1, le=6000)] | None = None
    autocomplete: bool = False


class WholeOption(Option):
    """An integer option."""

    type: Literal[4]
    choices: Annotated[list[WholeChoice], Field(max_length=25)] | None = None
    min_value: Whole | None = None
    max_value: Whole | None = None
    autocomplete: bool = False


class NumberOption(Option):
    """A number option."""

    type: Literal[10]
    choices: Annotated[list[NumberChoice], Field(max_length=25)] | None = None
    min_value: Number | None = None
    max_value: Number | None = None
    autocomplete: bool = False


_Value: TypeAlias = (
    Annotated[StringOption, Tag("=3")]
    | Annotated[WholeOption, Tag("=4")]
    | Annotated[PlainOption, Tag("=5")]
    | Annotated[PlainOption, Tag("=6")]
    | Annotated[ChannelOption, Tag("=7")]
    | Annotated[PlainOption, Tag("=8")]
    | Annotated[PlainOption, Tag("=9")]
    | Annotated[NumberOption, Tag("=10")]
    | Annotated[PlainOption, Tag("=11")]
)
ValueOption: TypeAlias = Annotated[_Value, Discriminator(tag)]


class Subcommand(Option):
    """A subcommand."""

    type: Literal[1]
    options: Annotated[list[ValueOption], Field(max_length=25)] | None = None


class SubcommandGroup(Option):
    """A group of subcommands."""

    type: Literal[2]
    options: Annotated[list[Subcommand], Field(max_length=25)] | None = None


AnyOption: TypeAlias = Annotated[
    Annotated[Subcommand, Tag("=1")] | Annotated[SubcommandGroup, Tag("=2")] | _Value, Discriminator(tag)
]


class CommandForm(Form):
    """Body of a request that registers or edits a command."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    type: CommandType = CommandType.CHAT_INPUT
    name_localizations: Localizations = None
    description: Annotated[str, StringConstraints(max_length=100)] | None = None
    description_localizations: Localizations = None
    options: Annotated[list[AnyOption], Field(max_length=25)] | None = None
    default_member_permissions: Annotated[int, BeforeValidator(_bits), Field(ge=0)] | None = None
    dm_permission: bool | None = None
    contexts: Annotated[list[Literal[0, 1, 2]], Field(min_length=1)] | None = None
    integration_types: Annotated[list[Literal[0, 1]], Field(min_length=1)] | None = None
    nsfw: bool = False
    id: Snowflake | None = None

    @model_validator(mode="after")
    def _check_type(self) -> "CommandForm":
        if self.type is CommandType.CHAT_INPUT:
            _word(self.name)
            if not self.description:
                raise ValueError("This field is required: description.")
            _check_order(self.options or [])
        elif self.description or self.options:
            raise ValueError("Context menu commands cannot have description or options.")
        if characters(self.model_dump(mode="json", exclude_none=True)) > MAX_COMMAND_CHARACTERS:
            raise ValueError("Command exceeds maximum size (8000).")
        return self


def _check_order(options: list[AnyOption]) -> None:
    """Raise for a required option after an optional one, and for two options of one name."""
    needed = [option.required for option in options if not isinstance(option, Subcommand | SubcommandGroup)]
    if needed != sorted(needed, reverse=True):
        raise ValueError("Required options must be placed before non-required options.")
    if len({option.name for option in options}) != len(options):
        raise ValueError("Option names must be unique.")
    for option in options:
        if isinstance(option, Subcommand | SubcommandGroup):
            _check_order(list(option.options or []))


def characters(body: Json) -> int:
    """Count the characters that count towards `MAX_COMMAND_CHARACTERS`."""
    count = len(body["name"]) + len(body.get("description", ""))
    count += sum(characters(each) for each in body.get("options", ()))
    for choice in body.get("choices", ()):
        count += len(choice["name"]) + len(str(choice["value"]))
    return count
