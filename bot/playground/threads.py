"""Threads: opened, joined, archived, locked and deleted, with the news of it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.forms.base import Form
from bot.playground.http.routing import Call
from bot.playground.messages import posting
from bot.playground.payloads.channels import channel as channel_payload
from bot.playground.payloads.channels import thread_member
from bot.playground.pocket import Pocket
from bot.playground.state.permissions import Permission
from bot.playground.state.records import (
    Channel,
    ChannelType,
    Json,
    Message,
    MessageType,
    Reference,
    ThreadState,
)
from bot.playground.state.world import World

DEFAULT_AUTO_ARCHIVE_MINUTES = 1440
"""When a thread is archived where nobody said. Source: Discord's reference, "Channel object"."""

HAS_THREAD = 1 << 5
"""The flag of a message that a thread starts at. Source: Discord's reference, "Message flags"."""

ThreadName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
AutoArchive = Literal[60, 1440, 4320, 10080]
SlowSeconds = Annotated[int, Field(ge=0, le=21600)]


class ThreadCreate(Form):
    """A new thread."""

    name: ThreadName
    auto_archive_duration: AutoArchive | None = None
    rate_limit_per_user: SlowSeconds | None = None
    type: Literal[11, 12] | None = None
    invitable: bool | None = None


class ThreadEdit(Form):
    """What of a thread is to change."""

    name: ThreadName | None = None
    archived: bool | None = None
    locked: bool | None = None
    invitable: bool | None = None
    auto_archive_duration: AutoArchive | None = None
    rate_limit_per_user: SlowSeconds | None = None


def open_thread(
    call: Call, parent: Channel, form: ThreadCreate, kind: ChannelType, start: Message | None
) -> Channel:
    """Open a thread, at a message or by itself, with the one who asks as its first member.

    Args:
        call: The request.
        parent: The channel that it belongs to.
        form: Its name and settings.
        kind: Public or private.
        start: The message that it starts at; the thread gets that message's id.
    """
    world = call.pocket.world
    now = world.now()
    thread = Channel(
        id=start.id if start else world.snowflakes.next(),
        type=kind,
        name=form.name,
        guild_id=parent.guild_id,
        parent_id=parent.id,
        rate_limit_per_user=form.rate_limit_per_user or 0,
        thread=ThreadState(
            owner_id=call.user.id,
            created_at=now,
            archive_timestamp=now,
            auto_archive_duration=form.auto_archive_duration or DEFAULT_AUTO_ARCHIVE_MINUTES,
            invitable=form.invitable is not False,
            members={call.user.id: now},
        ),
    )
    world.save_channel(thread)
    call.pocket.hub.in_channel(
        "THREAD_CREATE", thread, lambda view: thread_payload(world, thread, view.viewer.id, new=True)
    )
    return thread


def thread_payload(world: World, thread: Channel, viewer_id: int, *, new: bool = False) -> Json:
    """Return a thread as an event shows it."""
    shown = channel_payload(world, thread, world.users[viewer_id])
    return shown | ({"newly_created": True} if new else {})


def add_starter_message(call: Call, thread: Channel, start: Message) -> None:
    """Let a thread begin with a pointer to the message that it starts at, and mark that message."""
    marked = start.model_copy(update={"flags": start.flags | HAS_THREAD})
    posting.update(call.pocket, call.pocket.world.channels[start.channel_id], marked)
    opening = Message(
        id=call.pocket.world.snowflakes.next(),
        channel_id=thread.id,
        author_id=start.author_id,
        type=MessageType.THREAD_STARTER_MESSAGE,
        reference=Reference(channel_id=start.channel_id, message_id=start.id, guild_id=thread.guild_id),
    )
    call.pocket.world.save_message(opening)


def post_created_message(call: Call, parent: Channel, thread: Channel) -> None:
    """Say in the parent channel that a thread without a message was opened."""
    notice = Message(
        id=call.pocket.world.snowflakes.next(),
        channel_id=parent.id,
        author_id=call.user.id,
        type=MessageType.THREAD_CREATED,
        content=thread.name,
        reference=Reference(channel_id=thread.id, guild_id=thread.guild_id),
    )
    posting.publish(call.pocket, parent, notice, ())


def edit(call: Call, channel: Channel) -> None:
    """Change a thread: its opener may rename and archive it, the rest needs Manage Threads.

    Raises:
        ApiError: The one who asks may not.
    """
    thread, form = channel.thread, call.form(ThreadEdit)
    if thread is None:
        raise ApiError(ErrorCode.WRONG_CHANNEL_TYPE)
    _check_edit(call, channel, thread, form)
    world = call.pocket.world
    if form.archived is not None and form.archived != thread.archived:
        thread.archived, thread.archive_timestamp = form.archived, world.now()
    for name in ("locked", "invitable", "auto_archive_duration"):
        if (value := getattr(form, name)) is not None:
            setattr(thread, name, value)
    channel.name = form.name or channel.name
    channel.rate_limit_per_user = (
        channel.rate_limit_per_user if form.rate_limit_per_user is None else form.rate_limit_per_user
    )
    world.save_channel(channel)
    call.pocket.hub.in_channel(
        "THREAD_UPDATE", channel, lambda view: thread_payload(world, channel, view.viewer.id)
    )


def _check_edit(call: Call, channel: Channel, thread: ThreadState, form: ThreadEdit) -> None:
    """Refuse a change that the one who asks may not make."""
    named = form.model_fields_set
    if not call.has_permissions(channel, Permission.MANAGE_THREADS):
        opened_it = thread.owner_id == call.user.id
        unarchives = named == {"archived"} and form.archived is False
        if thread.locked or named & {"locked", "rate_limit_per_user"} or not (opened_it or unarchives):
            raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    if thread.archived and form.archived is not False and named - {"archived", "locked"}:
        raise ApiError(ErrorCode.THREAD_ARCHIVED)


def join(pocket: Pocket, channel: Channel, user_id: int) -> None:
    """Let a user into a thread; nothing happens where they are in."""
    thread = channel.thread
    if thread is None or user_id in thread.members:
        return
    thread.members[user_id] = pocket.world.now()
    _members_changed(pocket, channel, added=[user_id])


def leave(pocket: Pocket, channel: Channel, user_id: int) -> None:
    """Let a user out of a thread; nothing happens where they aren't in."""
    thread = channel.thread
    if thread is not None and thread.members.pop(user_id, None) is not None:
        _members_changed(pocket, channel, removed=[user_id])


def _members_changed(
    pocket: Pocket, channel: Channel, added: Sequence[int] = (), removed: Sequence[int] = ()
) -> None:
    pocket.world.save_channel(channel)
    count = len(channel.thread.members) if channel.thread else 0
    event_data: Json = {"id": str(channel.id), "guild_id": str(channel.guild_id), "member_count": count}
    if added:
        event_data["added_members"] = [
            thread_member(pocket.world, channel, each, with_member=True) for each in added
        ]
    if removed:
        event_data["removed_member_ids"] = [str(each) for each in removed]
    pocket.hub.in_channel("THREAD_MEMBERS_UPDATE", channel, lambda _: event_data)


def delete(pocket: Pocket, channel: Channel) -> None:
    """Delete a thread with its messages."""
    event_data = {
        "id": str(channel.id),
        "guild_id": str(channel.guild_id),
        "parent_id": str(channel.parent_id),
        "type": int(channel.type),
    }
    pocket.hub.in_channel("THREAD_DELETE", channel, lambda _: event_data)
    pocket.files.remove_channel(channel.id)
    pocket.world.remove_channel(channel)
