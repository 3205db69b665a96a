"""Message components in request bodies: buttons, selects, and the layout of Components V2.

Source of the limits: Discord's reference, "Component reference", and its OpenAPI description.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from bot.playground.forms.base import Form, Snowflake
from bot.playground.forms.embed_forms import Address

CustomId = Annotated[str, StringConstraints(min_length=1, max_length=100)]
AltText = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
UpTo25 = Annotated[int, Field(ge=0, le=25)]

LINK = 5
PREMIUM = 6
"""Button styles without an interaction. Source: Discord's reference, "Button styles"."""


def tag(value: object) -> str:
    """Return the tag of a discriminated union's member: "=" and the component's type."""
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"={kind}"


class Component(Form):
    """Fields that all components have. The server assigns an id where the client sends none."""

    id: Annotated[int, Field(ge=0)] | None = None


class Emoji(Form):
    """An emoji on a button or an option."""

    id: Snowflake | None = None
    name: Annotated[str, StringConstraints(max_length=32)]
    animated: bool = False


class Button(Component):
    """A button: interactive (`custom_id`) or a link (`url`)."""

    type: Literal[2]
    style: Annotated[int, Field(ge=1, le=6)]
    custom_id: CustomId | None = None
    label: Annotated[str, StringConstraints(max_length=80)] | None = None
    emoji: Emoji | None = None
    url: Annotated[Address, StringConstraints(max_length=512)] | None = None
    sku_id: Snowflake | None = None
    disabled: bool = False

    @model_validator(mode="after")
    def _check_style(self) -> "Button":
        if self.style == LINK and (self.url is None or self.custom_id is not None):
            raise ValueError("A link button must have a url and no custom_id.")
        if self.style < LINK and (self.custom_id is None or self.url is not None):
            raise ValueError("A custom id is required, and no url.")
        if self.style != PREMIUM and not self.label and self.emoji is None:
            raise ValueError("A button must have a label or an emoji.")
        return self


class SelectOption(Form):
    """An option of a string select."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    value: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    description: Annotated[str, StringConstraints(max_length=100)] | None = None
    emoji: Emoji | None = None
    default: bool = False


class Select(Component):
    """Fields that all selects have."""

    custom_id: CustomId
    placeholder: Annotated[str, StringConstraints(max_length=150)] | None = None
    min_values: UpTo25 = 1
    max_values: Annotated[int, Field(ge=1, le=25)] = 1
    disabled: bool = False

    @model_validator(mode="after")
    def _check_range(self) -> "Select":
        if self.min_values > self.max_values:
            raise ValueError("min_values must be at most max_values.")
        return self


class StringSelect(Select):
    """A string select."""

    type: Literal[3]
    options: Annotated[list[SelectOption], Field(min_length=1, max_length=25)]


class DefaultValue(Form):
    """A preselected value of an entity select."""

    id: Snowflake
    type: Literal["user", "role", "channel"]


class EntitySelect(Select):
    """A select of users (5), roles (6), mentionables (7) or channels (8)."""

    type: Literal[5, 6, 7, 8]
    default_values: Annotated[list[DefaultValue], Field(max_length=25)] | None = None
    channel_types: list[int] | None = None


RowItem: TypeAlias = Annotated[
    Annotated[Button, Tag("=2")]
    | Annotated[StringSelect, Tag("=3")]
    | Annotated[EntitySelect, Tag("=5")]
    | Annotated[EntitySelect, Tag("=6")]
    | Annotated[EntitySelect, Tag("=7")]
    | Annotated[EntitySelect, Tag("=8")],
    Discriminator(tag),
]


class ActionRow(Component):
    """An action row: up to five buttons, or one select."""

    type: Literal[1]
    components: Annotated[list[RowItem], Field(min_length=1, max_length=5)]

    @model_validator(mode="after")
    def _check_one_select(self) -> "ActionRow":
        if len(self.components) > 1 and any(isinstance(each, Select) for each in self.components):
            raise ValueError("The row has no room for more than one select.")
        return self


class TextDisplay(Component):
    """A text display, in Markdown."""

    type: Literal[10]
    content: Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Media(Form):
    """An unfurled media item: an image by its URL."""

    url: Address


class Thumbnail(Component):
    """A thumbnail, the accessory of a section."""

    type: Literal[11]
    media: Media
    description: AltText | None = None
    spoiler: bool = False


Accessory: TypeAlias = Annotated[
    Annotated[Button, Tag("=2")] | Annotated[Thumbnail, Tag("=11")], Discriminator(tag)
]


class Section(Component):
    """A section: one to three text displays with an accessory."""

    type: Literal[9]
    components: Annotated[list[TextDisplay], Field(min_length=1, max_length=3)]
    accessory: Accessory


class GalleryItem(Form):
    """An item of a media gallery."""

    media: Media
    description: AltText | None = None
    spoiler: bool = False


class MediaGallery(Component):
    """A media gallery: one to ten items."""

    type: Literal[12]
    items: Annotated[list[GalleryItem], Field(min_length=1, max_length=10)]


class File(Component):
    """A file component, which shows an attachment of the message."""

    type: Literal[13]
    file: Media
    spoiler: bool = False

    @model_validator(mode="after")
    def _check_attachment_url(self) -> "File":
        if not self.file.url.startswith("attachment://"):
            raise ValueError("Only attachment:// addresses are allowed here.")
        return self


class Separator(Component):
    """A separator, with a divider line or without."""

    type: Literal[14]
    divider: bool = True
    spacing: Literal[1, 2] = 1


InContainer: TypeAlias = Annotated[
    Annotated[ActionRow, Tag("=1")]
    | Annotated[Section, Tag("=9")]
    | Annotated[TextDisplay, Tag("=10")]
    | Annotated[MediaGallery, Tag("=12")]
    | Annotated[File, Tag("=13")]
    | Annotated[Separator, Tag("=14")],
    Discriminator(tag),
]


class Container(Component):
    """A container of other components."""

    type: Literal[17]
    accent_color: Annotated[int, Field(ge=0, le=0xFFFFFF)] | None = None
    components: Annotated[list[InContainer], Field(min_length=1, max_length=40)]
    spoiler: bool = False


TopLevel: TypeAlias = Annotated[
    Annotated[ActionRow, Tag("=1")]
    | Annotated[Section, Tag("=9")]
    | Annotated[TextDisplay, Tag("=10")]
    | Annotated[MediaGallery, Tag("=12")]
    | Annotated[File, Tag("=13")]
    | Annotated[Separator, Tag("=14")]
    | Annotated[Container, Tag("=17")],
    Discriminator(tag),
]
