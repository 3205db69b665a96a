"""Message objects for one viewer.

Without the message content intent an application gets empty content, embeds, attachments and components,
except of its own messages, of DMs and of messages that mention it.
Source: Discord's reference, "Message content intent".
"""

from dataclasses import dataclass, replace

from bot.playground.payloads import media
from bot.playground.payloads.channels import channel
from bot.playground.payloads.users import iso, partial_member, user
from bot.playground.state.files import Files
from bot.playground.state.records import ChannelType, Json, Message, MessageType, Reaction, User
from bot.playground.state.snowflakes import time_of
from bot.playground.state.world import World

EPHEMERAL = 1 << 6
"""Message flag EPHEMERAL. Source: Discord's reference, "Message flags"."""

NO_CONTENT: Json = {"content": "", "attachments": [], "embeds": [], "components": []}
"""The fields of a message whose content the viewer may not read."""


@dataclass(frozen=True)
class View:
    """A viewer of messages, and whether they get the content of others' messages."""

    world: World
    files: Files
    viewer: User
    reads_content: bool = True

    def of(self, viewer: User, *, reads_content: bool) -> "View":
        """Return the view of another user."""
        return replace(self, viewer=viewer, reads_content=reads_content)

    def may_read(self, record: Message) -> bool:
        """Tell whether the viewer gets a message's content."""
        return (
            self.reads_content
            or self.viewer.id in {record.author_id, record.application_id}
            or self.viewer.id in record.mentions
            or self.world.channels[record.channel_id].type is ChannelType.DM
        )


def message(view: View, record: Message, *, with_nonce: bool = False) -> Json:
    """Return a message object as REST answers it.

    Args:
        view: The viewer.
        record: The message.
        with_nonce: Whether to include the nonce, as Discord does only when the message is created.
    """
    shown = _basic(view, record)
    if with_nonce and record.nonce is not None:
        shown["nonce"] = record.nonce
    if record.reactions:
        shown["reactions"] = [_reaction(each, view.viewer) for each in record.reactions]
    if record.type in {MessageType.REPLY, MessageType.THREAD_STARTER_MESSAGE}:
        shown["referenced_message"] = _referenced(view, record)
    return shown


def gateway_message(view: View, record: Message, *, with_nonce: bool = False) -> Json:
    """Return a message object as the gateway sends it, with `guild_id` and partial members."""
    shown = message(view, record, with_nonce=with_nonce)
    shown["channel_type"] = int(view.world.channels[record.channel_id].type)
    guild = view.world.guild_of(view.world.channels[record.channel_id])
    if guild is None or record.ephemeral_to is not None:
        return shown
    shown["guild_id"] = str(guild.id)
    if record.author_id in guild.members:
        shown["member"] = partial_member(guild.members[record.author_id])
    for mention in shown["mentions"]:
        if int(mention["id"]) in guild.members:
            mention["member"] = partial_member(guild.members[int(mention["id"])])
    return shown


def _basic(view: View, record: Message) -> Json:
    world = view.world
    shown = {
        "id": str(record.id),
        "channel_id": str(record.channel_id),
        "type": int(record.type),
        "author": user(world.users[record.author_id]),
        "timestamp": iso(time_of(record.id)),
        "edited_timestamp": iso(record.edited_at),
        "tts": record.tts,
        "flags": record.flags,
        "pinned": record.pinned_at is not None,
        "mention_everyone": record.mention_everyone,
        "mentions": _mentioned(view, record),
        "mention_roles": [str(each) for each in record.mention_roles],
    }
    return shown | _readable_content(view, record) | _origin_fields(record) | _thread_fields(view, record)


def _readable_content(view: View, record: Message) -> Json:
    """Return content and snapshots, empty where the viewer may not read them."""
    readable = view.may_read(record)
    shown = _content_fields(view, record) if readable else dict(NO_CONTENT)
    if record.snapshots:
        hidden: Json = {} if readable else NO_CONTENT
        shown["message_snapshots"] = [
            {"message": _snapshot(view, each) | hidden} for each in record.snapshots
        ]
    return shown


def _content_fields(view: View, record: Message) -> Json:
    shown: Json = {
        "content": record.content,
        "attachments": [media.attachment(view.files, each) for each in media.listed_attachments(record)],
        "embeds": media.embeds(view.files, record),
        "components": media.components(view.files, record),
    }
    return shown | ({"sticker_items": record.sticker_items} if record.sticker_items else {})


def _snapshot(view: View, record: Message) -> Json:
    """Return the message object of a snapshot, which has no author and no channel."""
    return _content_fields(view, record) | {
        "type": int(record.type),
        "timestamp": iso(time_of(record.id)),
        "edited_timestamp": iso(record.edited_at),
        "flags": record.flags,
        "mentions": _mentioned(view, record),
        "mention_roles": [str(each) for each in record.mention_roles],
    }


def _mentioned(view: View, record: Message) -> list[Json]:
    return [user(view.world.users[each]) for each in record.mentions if each in view.world.users]


def _origin_fields(record: Message) -> Json:
    """Return the message reference, the application and the interaction."""
    shown: Json = {}
    if record.reference is not None:
        pointer = record.reference.model_dump(exclude_none=True)
        shown["message_reference"] = {
            key: value if key == "type" else str(value) for key, value in pointer.items()
        }
    if record.application_id is not None:
        shown["application_id"] = str(record.application_id)
    if record.webhook_id or record.application_id:
        shown["webhook_id"] = str(record.webhook_id or record.application_id)
    if record.interaction is not None:
        shown |= record.interaction
    return shown


def _thread_fields(view: View, record: Message) -> Json:
    """Return the position in a thread, and the thread that was created from the message."""
    shown: Json = {} if record.position is None else {"position": record.position}
    thread = view.world.channels.get(record.id)
    if thread is not None and thread.parent_id == record.channel_id:
        shown["thread"] = channel(view.world, thread, view.viewer)
    return shown


def _referenced(view: View, record: Message) -> Json | None:
    """Return the referenced message, None where it was deleted."""
    pointer = record.reference
    if pointer is None or pointer.message_id is None:
        return None
    target = view.world.message(pointer.channel_id, pointer.message_id)
    return None if target is None else _basic(view, target)


def _reaction(record: Reaction, viewer: User) -> Json:
    return {
        "emoji": {"id": None if record.emoji_id is None else str(record.emoji_id), "name": record.name},
        "count": len(record.users),
        "count_details": {"burst": 0, "normal": len(record.users)},
        "burst_colors": [],
        "me_burst": False,
        "me": viewer.id in record.users,
    }
