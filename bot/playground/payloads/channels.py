"""Channel, thread and thread member objects."""

from bot.playground.payloads.users import iso, member, user
from bot.playground.state.records import Channel, ChannelType, Json, User
from bot.playground.state.world import World

MEMBER_COUNT_LIMIT = 50
"""Greatest `member_count` of a thread. Source: Discord's reference, "Channel object"."""


def channel(world: World, record: Channel, viewer: User) -> Json:
    """Return a channel object for a viewer: text channel, thread or DM."""
    if record.type is ChannelType.DM:
        return _common(record) | {"recipients": _others(world, record, viewer)}
    if record.thread is not None:
        return _thread(world, record, viewer)
    return _in_guild(record) | {
        "position": record.position,
        "topic": record.topic,
        "nsfw": record.nsfw,
        "permission_overwrites": [
            {"id": str(each.id), "type": each.type, "allow": str(each.allow), "deny": str(each.deny)}
            for each in record.overwrites
        ],
    }


def _others(world: World, record: Channel, viewer: User) -> list[Json]:
    return [user(world.users[each]) for each in record.recipients if each != viewer.id]


def _common(record: Channel) -> Json:
    shown: Json = {
        "id": str(record.id),
        "type": int(record.type),
        "flags": 0,
        "last_message_id": None if record.last_message_id is None else str(record.last_message_id),
    }
    if record.last_pin_timestamp is not None:
        shown["last_pin_timestamp"] = iso(record.last_pin_timestamp)
    return shown


def _in_guild(record: Channel) -> Json:
    return _common(record) | {
        "guild_id": str(record.guild_id),
        "name": record.name,
        "parent_id": None if record.parent_id is None else str(record.parent_id),
        "rate_limit_per_user": record.rate_limit_per_user,
    }


def _thread(world: World, record: Channel, viewer: User) -> Json:
    thread = record.thread
    if thread is None:
        raise ValueError(f"channel {record.id} is no thread")
    shown = _in_guild(record) | {
        "owner_id": str(thread.owner_id),
        "message_count": thread.message_count,
        "total_message_sent": thread.total_message_sent,
        "member_count": min(len(thread.members), MEMBER_COUNT_LIMIT),
        "thread_metadata": thread_metadata(record),
    }
    if viewer.id in thread.members:
        shown["member"] = thread_member(world, record, viewer.id)
    return shown


def thread_metadata(record: Channel) -> Json:
    """Return a thread metadata object."""
    thread = record.thread
    if thread is None:
        raise ValueError(f"channel {record.id} is no thread")
    shown = {
        "archived": thread.archived,
        "archive_timestamp": iso(thread.archive_timestamp),
        "auto_archive_duration": thread.auto_archive_duration,
        "locked": thread.locked,
        "create_timestamp": iso(thread.created_at),
    }
    if record.type is ChannelType.PRIVATE_THREAD:
        shown["invitable"] = thread.invitable
    return shown


def thread_member(world: World, record: Channel, user_id: int, *, with_member: bool = False) -> Json:
    """Return a thread member object, with the guild member where asked for."""
    thread, guild = record.thread, world.guild_of(record)
    if thread is None or guild is None:
        raise ValueError(f"channel {record.id} is no thread")
    shown: Json = {
        "id": str(record.id),
        "user_id": str(user_id),
        "join_timestamp": iso(thread.members[user_id]),
        "flags": 1,
    }
    if with_member and user_id in guild.members:
        shown["member"] = member(world, guild.members[user_id])
    return shown
