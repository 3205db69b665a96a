"""Records of the store: users, guilds, channels, messages, commands and interactions.

These are not Discord's JSON objects, which `payloads` builds from them.
"""

from datetime import datetime
from enum import IntEnum
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Json: TypeAlias = dict[str, Any]
"""A JSON object."""


class ChannelType(IntEnum):
    """The channel types that the pocket Discord has, with Discord's numbers."""

    TEXT = 0
    DM = 1
    CATEGORY = 4
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12


THREADS = frozenset({ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD})


class MessageType(IntEnum):
    """The message types that the pocket Discord has, with Discord's numbers."""

    DEFAULT = 0
    CHANNEL_PINNED_MESSAGE = 6
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER_MESSAGE = 21
    CONTEXT_MENU_COMMAND = 23


class Record(BaseModel):
    """Base of all records that the store keeps by type and id."""

    model_config = ConfigDict(extra="forbid")

    id: int


class User(Record):
    """A user account or the bot's."""

    username: str
    global_name: str | None = None
    bot: bool = False
    token: str = Field(repr=False)
    public_flags: int = 0

    @property
    def authorization(self) -> str:
        """The Authorization header of this user's requests."""
        return f"Bot {self.token}" if self.bot else self.token


class Application(Record):
    """The bot's application. Its id is the bot's user id too."""

    name: str
    description: str = ""
    flags: int
    owner_id: int
    verify_key: str


class Role(BaseModel):
    """A role of a guild. `permissions` is a bit set."""

    id: int
    name: str
    permissions: int = 0
    position: int = 0
    color: int = 0
    hoist: bool = False
    managed: bool = False
    mentionable: bool = False
    bot_id: int | None = None


class Member(BaseModel):
    """A member of a guild."""

    user_id: int
    joined_at: datetime
    nick: str | None = None
    roles: list[int] = []
    timed_out_until: datetime | None = None


class Guild(Record):
    """A guild with its roles and members. The role with the guild's id is @everyone."""

    name: str
    owner_id: int
    roles: dict[int, Role] = {}
    members: dict[int, Member] = {}


class Overwrite(BaseModel):
    """A permission overwrite of a channel for a role (type 0) or a member (type 1)."""

    id: int
    type: int
    allow: int = 0
    deny: int = 0


class ThreadState(BaseModel):
    """The fields that only threads have."""

    owner_id: int
    archived: bool = False
    locked: bool = False
    invitable: bool = True
    auto_archive_duration: int = 1440
    created_at: datetime
    archive_timestamp: datetime
    members: dict[int, datetime] = {}
    message_count: int = 0
    total_message_sent: int = 0


class Channel(Record):
    """A guild channel, a thread, or a DM channel of two users."""

    type: ChannelType
    name: str = ""
    guild_id: int | None = None
    parent_id: int | None = None
    position: int = 0
    topic: str | None = None
    nsfw: bool = False
    rate_limit_per_user: int = 0
    overwrites: list[Overwrite] = []
    recipients: list[int] = []
    last_message_id: int | None = None
    last_pin_timestamp: datetime | None = None
    thread: ThreadState | None = None


class Attachment(BaseModel):
    """An attachment of a message. `Files` has its bytes."""

    id: int
    channel_id: int
    filename: str
    size: int
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    description: str | None = None
    title: str | None = None
    ephemeral: bool = False
    flags: int = 0


class Sticker(Record):
    """A guild sticker. `Files` has its bytes, under the guild's id in place of a channel's."""

    guild_id: int
    user_id: int
    name: str
    description: str | None = None
    tags: str = ""
    format_type: int


class Reaction(BaseModel):
    """The reactions to a message with one emoji, and their users. A custom emoji has an id."""

    name: str
    emoji_id: int | None = None
    users: list[int] = []


class Reference(BaseModel):
    """A message reference: reply (type 0) or forward (type 1)."""

    type: int = 0
    channel_id: int
    message_id: int | None = None
    guild_id: int | None = None


class Message(Record):
    """A message. `ephemeral_to` is the only user who sees an ephemeral one.

    An application's responses to interactions come through a webhook that has the application's id.
    """

    channel_id: int
    author_id: int
    type: MessageType = MessageType.DEFAULT
    content: str = ""
    edited_at: datetime | None = None
    tts: bool = False
    flags: int = 0
    mention_everyone: bool = False
    mentions: list[int] = []
    mention_roles: list[int] = []
    attachments: list[Attachment] = []
    embeds: list[Json] = []
    components: list[Json] = []
    sticker_items: list[Json] = []
    reactions: list[Reaction] = []
    pinned_at: datetime | None = None
    reference: Reference | None = None
    snapshots: list["Message"] = []
    nonce: str | None = None
    application_id: int | None = None
    webhook_id: int | None = None
    interaction: Json | None = None
    ephemeral_to: int | None = None
    position: int | None = None


class CommandType(IntEnum):
    """Application command types, with Discord's numbers."""

    CHAT_INPUT = 1
    USER = 2
    MESSAGE = 3


class Command(Record):
    """An application command. `body` is the JSON that the application registered."""

    application_id: int
    guild_id: int | None = None
    type: CommandType
    name: str
    version: int
    body: Json


class InteractionType(IntEnum):
    """Interaction types, with Discord's numbers."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class Interaction(Record):
    """An interaction and its responses.

    Attributes:
        data: The `data` of INTERACTION_CREATE.
        name: The command's name.
        nonce: The nonce of the client's request.
        message_id: The message with the component.
        target_id: The target of a context menu command.
        metadata: The `interaction_metadata` of its response messages.
        callback: The type of its initial response, None before there is one.
        response_id: The message of the initial response. None after a modal, or where it was deleted.
        ephemeral: Whether the initial response is ephemeral.
        replies: The messages created with its token.
        modal: The modal that was its response.
    """

    type: InteractionType
    token: str
    application_id: int
    user_id: int
    channel_id: int
    guild_id: int | None = None
    data: Json
    name: str = ""
    nonce: str | None = None
    message_id: int | None = None
    target_id: int | None = None
    metadata: Json = {}
    callback: int | None = None
    response_id: int | None = None
    ephemeral: bool = False
    replies: list[int] = []
    modal: Json | None = None
