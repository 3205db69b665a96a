"""Thread routes: create, join, leave and list threads."""

from datetime import datetime

from bot.playground import threads
from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.http.routing import Call, Reply, Routes
from bot.playground.payloads.channels import channel as channel_payload
from bot.playground.payloads.channels import thread_member
from bot.playground.state.permissions import Permission
from bot.playground.state.records import THREADS, Channel, ChannelType, Json

routes = Routes()

CHANNEL = "/channels/{channel_id}"
MEMBERS = CHANNEL + "/thread-members"

NEEDED = {
    ChannelType.PUBLIC_THREAD: Permission.CREATE_PUBLIC_THREADS,
    ChannelType.PRIVATE_THREAD: Permission.CREATE_PRIVATE_THREADS,
}


@routes.add("POST", CHANNEL + "/messages/{message_id}/threads")
async def create_from_message(call: Call) -> Reply:
    """Create a public thread from a message."""
    parent = _parent(call)
    form = call.form(threads.ThreadCreate)
    start = call.message(parent)
    if not call.has_permissions(parent, Permission.CREATE_PUBLIC_THREADS):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    if start.id in call.pocket.world.channels:
        raise ApiError(ErrorCode.THREAD_EXISTS)
    thread = threads.open_thread(call, parent, form, ChannelType.PUBLIC_THREAD, start)
    threads.add_starter_message(call, thread, start)
    return Reply(201, channel_payload(call.pocket.world, thread, call.user))


@routes.add("POST", CHANNEL + "/threads")
async def create_without_message(call: Call) -> Reply:
    """Create a thread without a message, private unless `type` says public."""
    parent = _parent(call)
    form = call.form(threads.ThreadCreate)
    kind = ChannelType(form.type or ChannelType.PRIVATE_THREAD)
    if not call.has_permissions(parent, NEEDED[kind]):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    thread = threads.open_thread(call, parent, form, kind, None)
    if kind is ChannelType.PUBLIC_THREAD:
        threads.post_created_message(call, parent, thread)
    return Reply(201, channel_payload(call.pocket.world, thread, call.user))


def _parent(call: Call) -> Channel:
    parent = call.channel()
    if parent.type is not ChannelType.TEXT:
        raise ApiError(ErrorCode.WRONG_CHANNEL_TYPE)
    return parent


def _thread(call: Call) -> Channel:
    thread = call.channel()
    if thread.type not in THREADS:
        raise ApiError(ErrorCode.WRONG_CHANNEL_TYPE)
    return thread


def _unarchived_thread(call: Call) -> Channel:
    thread = _thread(call)
    if thread.thread is not None and thread.thread.archived:
        raise ApiError(ErrorCode.THREAD_ARCHIVED)
    return thread


@routes.add("PUT", MEMBERS + "/@me")
async def join(call: Call) -> None:
    """Enter a thread."""
    threads.join(call.pocket, _unarchived_thread(call), call.user.id)


@routes.add("DELETE", MEMBERS + "/@me")
async def leave(call: Call) -> None:
    """Leave a thread."""
    threads.leave(call.pocket, _unarchived_thread(call), call.user.id)


@routes.add("PUT", MEMBERS + "/{user_id}")
async def add(call: Call) -> None:
    """Take someone into a thread."""
    thread = _unarchived_thread(call)
    guild = call.pocket.world.guild_of(thread)
    if not call.has_permissions(thread, Permission.SEND_MESSAGES_IN_THREADS):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    if guild is None or call.id("user_id") not in guild.members:
        raise ApiError(ErrorCode.UNKNOWN_MEMBER)
    threads.join(call.pocket, thread, call.id("user_id"))


@routes.add("DELETE", MEMBERS + "/{user_id}")
async def remove(call: Call) -> None:
    """Remove a user from a thread."""
    thread = _unarchived_thread(call)
    owns = (
        thread.type is ChannelType.PRIVATE_THREAD and thread.thread and thread.thread.owner_id == call.user.id
    )
    if not owns and not call.has_permissions(thread, Permission.MANAGE_THREADS):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    threads.leave(call.pocket, thread, call.id("user_id"))


@routes.add("GET", MEMBERS)
async def list_members(call: Call) -> list[Json]:
    """List a thread's members."""
    thread = _thread(call)
    return [_member(call, thread, each) for each in (thread.thread.members if thread.thread else ())]


@routes.add("GET", MEMBERS + "/{user_id}")
async def get_member(call: Call) -> Json:
    """Get a thread member."""
    thread = _thread(call)
    if thread.thread is None or call.id("user_id") not in thread.thread.members:
        raise ApiError(ErrorCode.UNKNOWN_MEMBER)
    return _member(call, thread, call.id("user_id"))


def _member(call: Call, thread: Channel, user_id: int) -> Json:
    with_member = call.query.get("with_member", "").lower() in {"1", "true"}
    return thread_member(call.pocket.world, thread, user_id, with_member=with_member)


@routes.add("GET", "/guilds/{guild_id}/threads/active")
async def list_active(call: Call) -> Json:
    """List a guild's active threads."""
    found = [
        each for each in call.pocket.world.threads(call.guild()) if each.thread and not each.thread.archived
    ]
    return _thread_list(call, sorted(found, key=lambda each: -each.id))


@routes.add("GET", CHANNEL + "/threads/archived/public")
async def list_archived_public(call: Call) -> Json:
    """List a channel's archived public threads, last archived first."""
    return _archived(call, ChannelType.PUBLIC_THREAD, 0)


@routes.add("GET", CHANNEL + "/threads/archived/private")
async def list_archived_private(call: Call) -> Json:
    """List a channel's archived private threads, last archived first."""
    return _archived(call, ChannelType.PRIVATE_THREAD, Permission.MANAGE_THREADS)


@routes.add("GET", CHANNEL + "/users/@me/threads/archived/private")
async def list_archived_joined(call: Call) -> Json:
    """List a channel's archived private threads that the caller is a member of."""
    return _archived(call, ChannelType.PRIVATE_THREAD, 0)


def _archived(call: Call, kind: ChannelType, needed: int) -> Json:
    parent = call.channel(Permission.READ_MESSAGE_HISTORY | needed)
    before = _before_query(call)
    found = [
        (each.thread.archive_timestamp, each)
        for each in call.pocket.world.channels.values()
        if each.parent_id == parent.id and each.type is kind and each.thread and each.thread.archived
    ]
    matching = [
        each
        for when, each in sorted(found, key=lambda pair: pair[0], reverse=True)
        if not before or when < before
    ]
    limit = call.int_query("limit", 50, 2, 100)
    return _thread_list(call, matching[:limit], has_more=len(matching) > limit)


def _before_query(call: Call) -> datetime | None:
    text = call.query.get("before")
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise field_error(("before",), f"Could not parse {text}.") from None


def _thread_list(call: Call, found: list[Channel], *, has_more: bool = False) -> Json:
    world = call.pocket.world
    seen = [each for each in found if world.can_see(each, call.user.id)]
    joined = [each for each in seen if each.thread and call.user.id in each.thread.members]
    return {
        "threads": [channel_payload(world, each, call.user) for each in seen],
        "members": [thread_member(world, each, call.user.id) for each in joined],
        "has_more": has_more,
    }
