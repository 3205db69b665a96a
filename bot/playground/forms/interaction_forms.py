"""Interactions that users' clients start: commands, components, autocomplete and modal submits.

Discord doesn't document these requests. The shapes are those of its own clients.
"""

from typing import Annotated, Any

from pydantic import Field

from bot.playground.forms.base import Form, Snowflake
from bot.playground.forms.message_forms import AttachmentForm, Nonce
from bot.playground.state.records import InteractionType, Json


class InteractionForm(Form):
    """Body of `POST /interactions`."""

    type: InteractionType
    application_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    message_id: Snowflake | None = None
    nonce: Nonce | None = None
    data: Json


class OptionValue(Form):
    """The value of an option, or the options of a subcommand."""

    type: int
    name: str
    value: Any = None
    focused: bool = False
    options: list["OptionValue"] | None = None


class CommandCall(Form):
    """`data` of a command or an autocomplete interaction."""

    id: Snowflake
    version: Snowflake | None = None
    target_id: Snowflake | None = None
    options: Annotated[list[OptionValue], Field(max_length=25)] = Field(default_factory=list)
    attachments: list[AttachmentForm] = Field(default_factory=list)


class ComponentUse(Form):
    """`data` of a component interaction."""

    component_type: int
    custom_id: str
    values: list[str] = Field(default_factory=list)


class ModalSubmit(Form):
    """`data` of a modal submit."""

    id: Snowflake | None = None
    custom_id: str
    components: list[Json]
    attachments: list[AttachmentForm] = Field(default_factory=list)
