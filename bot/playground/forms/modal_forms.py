"""Modals in interaction callbacks.

Source: Discord's OpenAPI description, `ModalInteractionCallbackRequestData`.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, StringConstraints, Tag

from bot.playground.forms.base import Form
from bot.playground.forms.component_forms import (
    Component,
    CustomId,
    EntitySelect,
    StringSelect,
    TextDisplay,
    tag,
)

LabelText = Annotated[str, StringConstraints(min_length=1, max_length=45)]
OptionText = Annotated[str, StringConstraints(min_length=1, max_length=100)]
UpTo10 = Annotated[int, Field(ge=0, le=10)]


class TextInput(Component):
    """A text input: short (1) or paragraph (2)."""

    type: Literal[4]
    custom_id: CustomId
    style: Literal[1, 2]
    label: LabelText | None = None
    value: Annotated[str, StringConstraints(max_length=4000)] | None = None
    placeholder: Annotated[str, StringConstraints(max_length=100)] | None = None
    required: bool = True
    min_length: Annotated[int, Field(ge=0, le=4000)] | None = None
    max_length: Annotated[int, Field(ge=1, le=4000)] | None = None


class FileUpload(Component):
    """A file upload."""

    type: Literal[19]
    custom_id: CustomId
    min_values: UpTo10 = 1
    max_values: Annotated[int, Field(ge=1, le=10)] = 1
    required: bool = True


class GroupOption(Form):
    """An option of a radio or checkbox group."""

    label: OptionText
    value: OptionText
    description: Annotated[str, StringConstraints(max_length=100)] | None = None
    default: bool = False


class RadioGroup(Component):
    """A radio group."""

    type: Literal[21]
    custom_id: CustomId
    options: Annotated[list[GroupOption], Field(min_length=2, max_length=10)]
    required: bool = True


class CheckboxGroup(Component):
    """A checkbox group."""

    type: Literal[22]
    custom_id: CustomId
    options: Annotated[list[GroupOption], Field(min_length=1, max_length=10)]
    min_values: UpTo10 = 1
    max_values: Annotated[int, Field(ge=1, le=10)] | None = None
    required: bool = True


class Checkbox(Component):
    """A checkbox."""

    type: Literal[23]
    custom_id: CustomId
    default: bool = False


class ModalSelect(StringSelect):
    """A string select in a modal."""

    required: bool = True


class ModalEntitySelect(EntitySelect):
    """An entity select in a modal."""

    required: bool = True


Entry: TypeAlias = Annotated[
    Annotated[ModalSelect, Tag("=3")]
    | Annotated[TextInput, Tag("=4")]
    | Annotated[ModalEntitySelect, Tag("=5")]
    | Annotated[ModalEntitySelect, Tag("=6")]
    | Annotated[ModalEntitySelect, Tag("=7")]
    | Annotated[ModalEntitySelect, Tag("=8")]
    | Annotated[FileUpload, Tag("=19")]
    | Annotated[RadioGroup, Tag("=21")]
    | Annotated[CheckboxGroup, Tag("=22")]
    | Annotated[Checkbox, Tag("=23")],
    Discriminator(tag),
]


class Label(Component):
    """A label component with the field that it labels."""

    type: Literal[18]
    label: LabelText
    description: OptionText | None = None
    component: Entry


class InputRow(Component):
    """An action row with a text input, the older form of a labelled field."""

    type: Literal[1]
    components: Annotated[list[TextInput], Field(min_length=1, max_length=1)]


Line: TypeAlias = Annotated[
    Annotated[InputRow, Tag("=1")] | Annotated[TextDisplay, Tag("=10")] | Annotated[Label, Tag("=18")],
    Discriminator(tag),
]


class Modal(Form):
    """A modal."""

    custom_id: CustomId
    title: LabelText
    components: Annotated[list[Line], Field(min_length=1, max_length=5)]
