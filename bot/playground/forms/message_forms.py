"""Messages in request bodies. Source: Discord's OpenAPI description, `MessageCreateRequest`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from bot.playground.forms.base import Form, Snowflake
from bot.playground.forms.component_forms import TopLevel
from bot.playground.forms.embed_forms import Embed

CONTENT_CHARACTERS = 2000
"""Source: Discord's reference, "Create message"."""

ALT_TEXT_CHARACTERS = 1024


def _digits(value: object) -> object:
    """Accept an integer for a string of digits."""
    return str(value) if isinstance(value, int) else value


Content = Annotated[str, StringConstraints(max_length=CONTENT_CHARACTERS)]
Nonce = Annotated[str, BeforeValidator(_digits), StringConstraints(max_length=25)]


class AttachmentForm(Form):
    """An entry of `attachments`. Its id is the number of an upload, or the id of an attachment to keep."""

    id: Snowflake
    filename: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    description: Annotated[str, StringConstraints(max_length=ALT_TEXT_CHARACTERS)] | None = None
    title: Annotated[str, StringConstraints(max_length=1024)] | None = None
    is_spoiler: bool | None = None


class AllowedMentions(Form):
    """Allowed mentions of a message."""

    parse: list[Literal["users", "roles", "everyone"]] | None = None
    users: Annotated[list[Snowflake], Field(max_length=100)] | None = None
    roles: Annotated[list[Snowflake], Field(max_length=100)] | None = None
    replied_user: bool | None = None


class ReferenceForm(Form):
    """A message reference: reply (type 0) or forward (type 1)."""

    message_id: Snowflake
    channel_id: Snowflake | None = None
    guild_id: Snowflake | None = None
    type: Literal[0, 1] | None = None
    fail_if_not_exists: bool | None = None


class MessageEdit(Form):
    """Body of a request that edits a message. Fields that are not set stay as they are."""

    content: Content | None = None
    embeds: Annotated[list[Embed], Field(max_length=10)] | None = None
    components: Annotated[list[TopLevel], Field(max_length=40)] | None = None
    attachments: Annotated[list[AttachmentForm], Field(max_length=10)] | None = None
    allowed_mentions: AllowedMentions | None = None
    flags: Annotated[int, Field(ge=0)] | None = None


class MessageCreate(MessageEdit):
    """Body of a request that creates a message."""

    nonce: Nonce | None = None
    enforce_nonce: bool | None = None
    tts: bool | None = None
    message_reference: ReferenceForm | None = None
    sticker_ids: Annotated[list[Snowflake], Field(max_length=3)] | None = None
