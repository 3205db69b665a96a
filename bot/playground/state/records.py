"""What the pocket Discord remembers: people, servers, channels and messages.

These are records for the store, not what goes over the wire; `payloads` draws that from them.
"""

from datetime import datetime
from enum import IntEnum
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Json: TypeAlias = dict[str, Any]
"""An object as it travels."""


class ChannelType(IntEnum):
    """The kinds of channel that the pocket Discord has, with Discord's numbers."""

    TEXT = 0
    DM = 1
    CATEGORY = 4
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12


THREADS = frozenset({ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD})


class MessageType(IntEnum):
    """Why a message stands where it stands, with Discord's numbers."""

    DEFAULT = 0
    CHANNEL_PINNED_MESSAGE = 6
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER_MESSAGE = 21
    CONTEXT_MENU_COMMAND = 23


class Record(BaseModel):
    """Something with an id that is kept in the store."""

    model_config = ConfigDict(extra="forbid")

    id: int


class User(Record):
    """Someone with an account: a person or the bot."""

    username: str
    global_name: str | None = None
    bot: bool = False
    token: str = Field(repr=False)
    public_flags: int = 0

    @property
    def authorization(self) -> str:
        """The Authorization header that this user sends."""
        return f"Bot {self.token}" if self.bot else self.token


class Application(Record):
    """The bot's application. Its id is also the bot user's."""

    name: str
    description: str = ""
    flags: int
    owner_id: int
    verify_key: str


class Role(BaseModel):
    """A role of a server. `permissions` is a bit set."""

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
    """A user's place in a server."""

    user_id: int
    joined_at: datetime
    nick: str | None = None
    roles: list[int] = []
    timed_out_until: datetime | None = None


class Guild(Record):
    """A server, with its roles and members. The role with the server's own id is @everyone."""

    name: str
    owner_id: int
    roles: dict[int, Role] = {}
    members: dict[int, Member] = {}


class Overwrite(BaseModel):
    """What a channel allows or denies to a role (type 0) or a member (type 1)."""

    id: int
    type: int
    allow: int = 0
    deny: int = 0


class ThreadState(BaseModel):
    """What only threads have."""

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
    """A channel of a server, a thread, or a direct message between two users."""

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
    """A file of a message. Its bytes lie in the attachments folder."""

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
    """A sticker of a server. Its bytes lie in the attachments folder, the server standing for the channel."""

    guild_id: int
    user_id: int
    name: str
    description: str | None = None
    tags: str = ""
    format_type: int


class Reaction(BaseModel):
    """One emoji under a message, with those who set it. Custom emoji have an id."""

    name: str
    emoji_id: int | None = None
    users: list[int] = []


class Reference(BaseModel):
    """What a message points to: type 0 is a reply, 1 a forward."""

    type: int = 0
    channel_id: int
    message_id: int | None = None
    guild_id: int | None = None


class Message(Record):
    """A message. `ephemeral_to` is set where only one user may see it."""

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
    interaction: Json | None = None
    ephemeral_to: int | None = None
    position: int | None = None


class CommandType(IntEnum):
    """How a command is called, with Discord's numbers."""

    CHAT_INPUT = 1
    USER = 2
    MESSAGE = 3


class Command(Record):
    """An application command. `body` is what the application registered, in Discord's form."""

    application_id: int
    guild_id: int | None = None
    type: CommandType
    name: str
    version: int
    body: Json


class InteractionType(IntEnum):
    """What someone did, with Discord's numbers."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class Interaction(Record):
    """Something that someone did with the application, and what became of it.

    Attributes:
        data: What the application is told about it.
        name: The command's name.
        nonce: What the client calls it by.
        message_id: The message with the component that was used.
        target_id: The user or message that a context menu was opened on.
        metadata: What messages that come of it say about it.
        callback: The type of the first response, none as long as there is none.
        response_id: The message that is the first response; none after a modal, or where it was deleted.
        ephemeral: Whether the first response is seen by one user; it stays as it was deferred.
        replies: The messages made with its token.
        modal: The modal that was opened, with its components.
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
