"""Create, edit, join, leave and delete threads, with their events."""

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
"""Default of `auto_archive_duration`. Source: Discord's reference, "Channel object"."""

HAS_THREAD = 1 << 5
"""Message flag: a thread was created from it. Source: Discord's reference, "Message flags"."""

ThreadName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
AutoArchive = Literal[60, 1440, 4320, 10080]
SlowSeconds = Annotated[int, Field(ge=0, le=21600)]


class ThreadCreate(Form):
    """Body of a request that creates a thread."""

    name: ThreadName
    auto_archive_duration: AutoArchive | None = None
    rate_limit_per_user: SlowSeconds | None = None
    type: Literal[11, 12] | None = None
    invitable: bool | None = None


class ThreadEdit(Form):
    """Body of a request that edits a thread. Fields that are not set stay as they are."""

    name: ThreadName | None = None
    archived: bool | None = None
    locked: bool | None = None
    invitable: bool | None = None
    auto_archive_duration: AutoArchive | None = None
    rate_limit_per_user: SlowSeconds | None = None


def open_thread(
    call: Call, parent: Channel, form: ThreadCreate, kind: ChannelType, start: Message | None
) -> Channel:
    """Create a thread with the caller as its owner and first member. Sends THREAD_CREATE.

    Args:
        call: The request, whose user becomes the owner.
        parent: The channel that the thread belongs to.
        form: The thread's name and settings.
        kind: Public or private thread.
        start: The message that it is created from, whose id the thread gets. None for one without a message.
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
    """Return a thread as the data of an event for a viewer."""
    shown = channel_payload(world, thread, world.users[viewer_id])
    return shown | ({"newly_created": True} if new else {})


def add_starter_message(call: Call, thread: Channel, start: Message) -> None:
    """Add the THREAD_STARTER_MESSAGE to a thread, and set the HAS_THREAD flag of the message it points to."""
    flagged = start.model_copy(update={"flags": start.flags | HAS_THREAD})
    posting.update(call.pocket, call.pocket.world.channels[start.channel_id], flagged)
    starter = Message(
        id=call.pocket.world.snowflakes.next(),
        channel_id=thread.id,
        author_id=start.author_id,
        type=MessageType.THREAD_STARTER_MESSAGE,
        reference=Reference(channel_id=start.channel_id, message_id=start.id, guild_id=thread.guild_id),
    )
    call.pocket.world.save_message(starter)


def post_created_message(call: Call, parent: Channel, thread: Channel) -> None:
    """Post the THREAD_CREATED message of a thread without a starter message in its parent channel."""
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
    """Edit a thread. Its owner may rename and archive it; all else needs Manage Threads. Sends THREAD_UPDATE.

    Raises:
        ApiError: The caller lacks the permission.
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
    """Raise where the caller may not make a change."""
    named = form.model_fields_set
    if not call.has_permissions(channel, Permission.MANAGE_THREADS):
        is_owner = thread.owner_id == call.user.id
        unarchives = named == {"archived"} and form.archived is False
        if thread.locked or named & {"locked", "rate_limit_per_user"} or not (is_owner or unarchives):
            raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    if thread.archived and form.archived is not False and named - {"archived", "locked"}:
        raise ApiError(ErrorCode.THREAD_ARCHIVED)


def join(pocket: Pocket, channel: Channel, user_id: int) -> None:
    """Add a user to a thread. Idempotent. Sends THREAD_MEMBERS_UPDATE."""
    thread = channel.thread
    if thread is None or user_id in thread.members:
        return
    thread.members[user_id] = pocket.world.now()
    _members_changed(pocket, channel, added=[user_id])


def leave(pocket: Pocket, channel: Channel, user_id: int) -> None:
    """Remove a user from a thread. Idempotent. Sends THREAD_MEMBERS_UPDATE."""
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
    """Delete a thread with its messages and files. Sends THREAD_DELETE."""
    event_data = {
        "id": str(channel.id),
        "guild_id": str(channel.guild_id),
        "parent_id": str(channel.parent_id),
        "type": int(channel.type),
    }
    pocket.hub.in_channel("THREAD_DELETE", channel, lambda _: event_data)
    pocket.files.remove_channel(channel.id)
    pocket.world.remove_channel(channel)
