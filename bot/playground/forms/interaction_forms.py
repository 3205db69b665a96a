"""What clients send when someone calls a command, presses a button or submits a modal.

Discord doesn't document these; the shapes are those that its own clients send.
"""

from typing import Annotated, Any

from pydantic import Field

from bot.playground.forms.base import Form, Snowflake
from bot.playground.forms.message_forms import AttachmentForm, Nonce
from bot.playground.state.records import InteractionType, Json


class InteractionForm(Form):
    """Something that someone does."""

    type: InteractionType
    application_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    message_id: Snowflake | None = None
    nonce: Nonce | None = None
    data: Json


class OptionValue(Form):
    """The value of a command's option, or the options of a subcommand."""

    type: int
    name: str
    value: Any = None
    focused: bool = False
    options: list["OptionValue"] | None = None


class CommandCall(Form):
    """Which command is called, with what."""

    id: Snowflake
    version: Snowflake | None = None
    target_id: Snowflake | None = None
    options: Annotated[list[OptionValue], Field(max_length=25)] = Field(default_factory=list)
    attachments: list[AttachmentForm] = Field(default_factory=list)


class ComponentUse(Form):
    """Which button was pressed, or what was chosen in a select."""

    component_type: int
    custom_id: str
    values: list[str] = Field(default_factory=list)


class ModalSubmit(Form):
    """What was entered in a modal."""

    id: Snowflake | None = None
    custom_id: str
    components: list[Json]
    attachments: list[AttachmentForm] = Field(default_factory=list)
