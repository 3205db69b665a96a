"""Message routes: create, get, list, edit and delete messages."""

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.forms.base import Form, Snowflake
from bot.playground.forms.message_forms import MessageCreate, MessageEdit
from bot.playground.http.routing import Call, Routes
from bot.playground.messages import mentions, posting
from bot.playground.messages.compose import SUPPRESS_EMBEDS, compose
from bot.playground.messages.link_embeds import unfurl
from bot.playground.payloads.messages import message as message_payload
from bot.playground.state.permissions import Permission
from bot.playground.state.records import Channel, ChannelType, Json, Message
from bot.playground.state.snowflakes import at_time

routes = Routes()

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"

BULK_DELETE_SECONDS = 14 * 24 * 60 * 60
"""Greatest age of messages in a bulk delete. Source: Discord's reference, "Bulk delete messages"."""


class BulkDelete(Form):
    """Body of a bulk delete."""

    messages: list[Snowflake]


@routes.add("POST", MESSAGES)
async def create_message(call: Call) -> Json:
    """Send a message."""
    channel = call.channel()
    message = posting.send(call.pocket, call.user, channel, call.form(MessageCreate), call.uploads)
    shown = message_payload(call.pocket.view(call.user), message, with_nonce=True)
    unfurl(call.pocket, channel, message)
    return shown


@routes.add("GET", MESSAGES)
async def list_messages(call: Call) -> list[Json]:
    """List messages, newest first. The list is empty without Read Message History."""
    channel = call.channel()
    limit = call.int_query("limit", 50, 1, 100)
    if not call.has_permissions(channel, Permission.READ_MESSAGE_HISTORY):
        return []
    stored = call.pocket.world.messages.get(channel.id, {}).values()
    found = _select(call, [each for each in stored if each.ephemeral_to in {None, call.user.id}], limit)
    view = call.pocket.view(call.user)
    return [message_payload(view, each) for each in reversed(found)]


def _select(call: Call, messages: list[Message], limit: int) -> list[Message]:
    """Return the messages before, after or around an id, oldest first."""
    where = {
        name: call.int_query(name, 0, 0, 1 << 63)
        for name in ("around", "before", "after")
        if name in call.query
    }
    if "around" in where:
        older = [each for each in messages if each.id <= where["around"]][-(limit // 2 + 1) :]
        newer = [each for each in messages if each.id > where["around"]][: limit - len(older)]
        return (older + newer)[-limit:]
    if "after" in where:
        return [each for each in messages if each.id > where["after"]][:limit]
    return [each for each in messages if each.id < where.get("before", 1 << 63)][-limit:]


@routes.add("GET", MESSAGE)
async def get_message(call: Call) -> Json:
    """Get a message."""
    channel = call.channel(Permission.READ_MESSAGE_HISTORY)
    return message_payload(call.pocket.view(call.user), call.message(channel))


@routes.add("PATCH", MESSAGE)
async def edit_message(call: Call) -> Json:
    """Edit a message. Of others' messages only embeds can be suppressed."""
    channel = call.channel()
    message = call.message(channel).model_copy(deep=True)
    form = call.form(MessageEdit)
    if channel.thread is not None and channel.thread.archived:
        raise ApiError(ErrorCode.THREAD_ARCHIVED)
    if message.author_id != call.user.id:
        _suppress_embeds(call, channel, message, form)
        posting.update(call.pocket, channel, message)
    else:
        _edit_own(call, channel, message, form)
    return message_payload(call.pocket.view(call.user), message)


def _suppress_embeds(call: Call, channel: Channel, message: Message, form: MessageEdit) -> None:
    """Suppress a message's embeds, the only edit that others than its author may make."""
    if form.model_fields_set - {"flags", "allowed_mentions"} or call.uploads:
        raise ApiError(ErrorCode.NOT_YOUR_MESSAGE)
    if not call.has_permissions(channel, Permission.MANAGE_MESSAGES):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    message.flags = message.flags & ~SUPPRESS_EMBEDS | (form.flags or 0) & SUPPRESS_EMBEDS


def _edit_own(call: Call, channel: Channel, message: Message, form: MessageEdit) -> None:
    pocket = call.pocket
    if message.snapshots:
        raise ApiError(ErrorCode.INVALID_MESSAGE_TYPE)
    posting.check_parts(pocket, call.user, channel, form, call.uploads)
    mentions.check_allowed(form.allowed_mentions)
    files = compose(pocket, message, form, call.uploads)
    pointer = message.reference
    replied_to = pocket.world.message(channel.id, pointer.message_id or 0) if pointer else None
    posting.set_mentions(pocket, channel, message, form.allowed_mentions, replied_to)
    if form.model_fields_set - {"flags"}:
        message.edited_at = pocket.world.now()
    posting.update(pocket, channel, message, files)


@routes.add("DELETE", MESSAGE)
async def delete_message(call: Call) -> None:
    """Delete one's own message, an ephemeral one, or with Manage Messages another's."""
    channel = call.channel()
    message = call.message(channel)
    if call.user.id not in {message.author_id, message.ephemeral_to}:
        if channel.type is ChannelType.DM:
            raise ApiError(ErrorCode.NOT_IN_DM)
        if not call.has_permissions(channel, Permission.MANAGE_MESSAGES):
            raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    posting.delete(call.pocket, channel, message)


@routes.add("POST", MESSAGES + "/bulk-delete")
async def bulk_delete(call: Call) -> None:
    """Delete 2 to 100 messages of the last two weeks. Sends MESSAGE_DELETE_BULK."""
    channel = call.channel(Permission.MANAGE_MESSAGES)
    ids = list(dict.fromkeys(call.form(BulkDelete).messages))
    if not 2 <= len(ids) <= 100:
        raise ApiError(ErrorCode.BULK_DELETE_COUNT)
    if min(ids) < at_time(call.pocket.world.clock() - BULK_DELETE_SECONDS):
        raise ApiError(ErrorCode.BULK_DELETE_AGE)
    found = [each for each in (call.pocket.world.message(channel.id, one) for one in ids) if each]
    for message in found:
        posting.remove(call.pocket, channel, message)
    event_data: Json = {"ids": [str(each.id) for each in found], "channel_id": str(channel.id)}
    if channel.guild_id is not None:
        event_data["guild_id"] = str(channel.guild_id)
    call.pocket.hub.in_channel("MESSAGE_DELETE_BULK", channel, lambda _: event_data)
