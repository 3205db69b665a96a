"""First responses to interactions as applications send them."""

from enum import IntEnum
from typing import Annotated

from pydantic import Field

from bot.playground.forms.base import Form
from bot.playground.forms.command_forms import NumberChoice, StringChoice, WholeChoice
from bot.playground.forms.message_forms import MessageEdit
from bot.playground.state.records import Json


class CallbackType(IntEnum):
    """What a first response does, with Discord's numbers."""

    PONG = 1
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


class CallbackForm(Form):
    """A first response."""

    type: CallbackType
    data: Json | None = None


class CallbackMessage(MessageEdit):
    """A message as a first response, or as a follow-up."""

    tts: bool | None = None


class AutocompleteForm(Form):
    """What to offer while someone types; the choices are checked by what their option takes."""

    choices: Annotated[list[Json], Field(max_length=25)] | None = None


CHOICE_FORMS: dict[int, type[Form]] = {3: StringChoice, 4: WholeChoice, 10: NumberChoice}
"""The form of a choice, by the type of its option."""
