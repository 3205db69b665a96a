"""Interaction callbacks: the initial responses that applications send."""

from enum import IntEnum
from typing import Annotated

from pydantic import Field

from bot.playground.forms.base import Form
from bot.playground.forms.command_forms import NumberChoice, StringChoice, WholeChoice
from bot.playground.forms.message_forms import MessageEdit
from bot.playground.state.records import Json


class CallbackType(IntEnum):
    """Interaction callback types, with Discord's numbers."""

    PONG = 1
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


class CallbackForm(Form):
    """Body of an interaction callback."""

    type: CallbackType
    data: Json | None = None


class CallbackMessage(MessageEdit):
    """The message of a callback or of a followup."""

    tts: bool | None = None


class AutocompleteForm(Form):
    """Autocomplete choices. Each is checked against `CHOICE_FORMS` of its option's type."""

    choices: Annotated[list[Json], Field(max_length=25)] | None = None


CHOICE_FORMS: dict[int, type[Form]] = {3: StringChoice, 4: WholeChoice, 10: NumberChoice}
"""The form of a choice by option type."""
