"""Embeds in request bodies, with Discord's limits.

Source of the limits: Discord's reference, "Embed limits", and its OpenAPI description, `RichEmbed`.
"""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from bot.playground.errors import field_error
from bot.playground.forms.base import Form
from bot.playground.state.records import Json

EMBED_CHARACTERS = 6000
"""Limit of all embeds of a message together."""

SCHEMES = ("http://", "https://", "attachment://")


def _address(value: str) -> str:
    if not value.startswith(SCHEMES):
        raise ValueError("Not a well formed URL.")
    return value


Address = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_address)]
Name = Annotated[str, StringConstraints(max_length=256)]


class EmbedField(Form):
    """A field of an embed."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    value: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    inline: bool = False


class EmbedAuthor(Form):
    """The author of an embed."""

    name: Name
    url: Address | None = None
    icon_url: Address | None = None


class EmbedFooter(Form):
    """The footer of an embed."""

    text: Annotated[str, StringConstraints(max_length=2048)]
    icon_url: Address | None = None


class EmbedMedia(Form):
    """An image or thumbnail of an embed."""

    url: Address
    description: Annotated[str, StringConstraints(max_length=4096)] | None = None


class Embed(Form):
    """A rich embed."""

    title: Name | None = None
    description: Annotated[str, StringConstraints(max_length=4096)] | None = None
    url: Address | None = None
    color: Annotated[int, Field(ge=0, le=0xFFFFFF)] | None = None
    timestamp: datetime | None = None
    author: EmbedAuthor | None = None
    footer: EmbedFooter | None = None
    image: EmbedMedia | None = None
    thumbnail: EmbedMedia | None = None
    fields: Annotated[list[EmbedField], Field(max_length=25)] | None = None

    def characters(self) -> int:
        """Count the characters that count towards `EMBED_CHARACTERS`."""
        count = len(self.title or "") + len(self.description or "")
        count += len(self.author.name) if self.author else 0
        count += len(self.footer.text) if self.footer else 0
        return count + sum(len(field.name) + len(field.value) for field in self.fields or ())


def validated(embeds: list[Embed]) -> list[Json]:
    """Return embeds as JSON for the record, after checks across fields.

    Raises:
        ApiError: They are too long together, or one is empty.
    """
    if sum(embed.characters() for embed in embeds) > EMBED_CHARACTERS:
        raise field_error(("embeds",), "Embed size exceeds maximum size of 6000")
    kept = [embed.model_dump(mode="json", exclude_none=True) for embed in embeds]
    for number, each in enumerate(kept):
        if not each:
            raise field_error(("embeds", number), "This field is required")
    return [{"type": "rich", **each} for each in kept]
