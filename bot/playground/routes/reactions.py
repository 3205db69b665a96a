"""Reaction and pin routes."""

import re
from urllib.parse import unquote

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.http.routing import Call, Routes
from bot.playground.messages import posting
from bot.playground.payloads.messages import message as message_payload
from bot.playground.payloads.users import iso, member, user
from bot.playground.state.permissions import Permission
from bot.playground.state.records import Channel, Json, Message, MessageType, Reaction, Reference

routes = Routes()

MESSAGE = "/channels/{channel_id}/messages/{message_id}"
EMOJI = MESSAGE + "/reactions/{emoji_name}"
PIN = "/channels/{channel_id}/messages/pins/{message_id}"

MAX_REACTIONS = 20
"""Source: Discord's reference, error 30010."""

CUSTOM_EMOJI = re.compile(r"(\w{2,32}):(\d{1,19})")


@routes.add("PUT", EMOJI + "/@me")
async def add_reaction(call: Call) -> None:
    """Add the caller's reaction. Idempotent. The first one with an emoji needs Add Reactions."""
    channel = call.channel(Permission.READ_MESSAGE_HISTORY)
    message = call.message(channel)
    name, emoji_id = _emoji(call)
    reaction = _find(message, name, emoji_id)
    if channel.thread is not None and channel.thread.archived:
        raise ApiError(ErrorCode.THREAD_ARCHIVED)
    if reaction is None:
        if not call.has_permissions(channel, Permission.ADD_REACTIONS):
            raise ApiError(ErrorCode.MISSING_PERMISSIONS)
        if len(message.reactions) >= MAX_REACTIONS:
            raise ApiError(ErrorCode.TOO_MANY_REACTIONS)
        message.reactions.append(reaction := Reaction(name=name, emoji_id=emoji_id))
    if call.user.id not in reaction.users:
        reaction.users.append(call.user.id)
        call.pocket.world.save_message(message)
        _send_reaction_event(call, "MESSAGE_REACTION_ADD", channel, message, reaction, call.user.id)


@routes.add("DELETE", EMOJI + "/@me")
async def remove_own_reaction(call: Call) -> None:
    """Remove the caller's reaction. Idempotent."""
    _remove(call, call.channel(), call.user.id)


@routes.add("DELETE", EMOJI + "/{user_id}")
async def remove_user_reaction(call: Call) -> None:
    """Remove another user's reaction. Idempotent."""
    _remove(call, call.channel(Permission.MANAGE_MESSAGES), call.id("user_id"))


def _remove(call: Call, channel: Channel, user_id: int) -> None:
    message = call.message(channel)
    reaction = _find(message, *_emoji(call))
    if reaction is None or user_id not in reaction.users:
        return
    reaction.users.remove(user_id)
    message.reactions = [each for each in message.reactions if each.users]
    call.pocket.world.save_message(message)
    _send_reaction_event(call, "MESSAGE_REACTION_REMOVE", channel, message, reaction, user_id)


@routes.add("GET", EMOJI)
async def list_reaction_users(call: Call) -> list[Json]:
    """List the users who reacted with an emoji, sorted by id."""
    message = call.message(call.channel(Permission.READ_MESSAGE_HISTORY))
    reaction = _find(message, *_emoji(call))
    if reaction is None:
        return []
    after, limit = call.int_query("after", 0, 0, 1 << 63), call.int_query("limit", 25, 1, 100)
    users = sorted(each for each in reaction.users if each > after)
    return [user(call.pocket.world.users[each]) for each in users[:limit]]


@routes.add("DELETE", EMOJI)
async def remove_emoji_reactions(call: Call) -> None:
    """Remove all reactions with one emoji."""
    channel = call.channel(Permission.MANAGE_MESSAGES)
    message = call.message(channel)
    name, emoji_id = _emoji(call)
    message.reactions = [each for each in message.reactions if (each.name, each.emoji_id) != (name, emoji_id)]
    _save_and_send(
        call, "MESSAGE_REACTION_REMOVE_EMOJI", channel, message, {"emoji": _emoji_payload(name, emoji_id)}
    )


@routes.add("DELETE", MESSAGE + "/reactions")
async def remove_all_reactions(call: Call) -> None:
    """Remove all reactions."""
    channel = call.channel(Permission.MANAGE_MESSAGES)
    message = call.message(channel)
    message.reactions = []
    _save_and_send(call, "MESSAGE_REACTION_REMOVE_ALL", channel, message, {})


def _emoji(call: Call) -> tuple[str, int | None]:
    """Return the path's emoji as (name, id). A Unicode emoji has no id."""
    text = unquote(call.params["emoji_name"])
    if (custom := CUSTOM_EMOJI.fullmatch(text)) is not None:
        return custom[1], int(custom[2])
    if not text or text.isascii():
        raise ApiError(ErrorCode.UNKNOWN_EMOJI)
    return text, None


def _emoji_payload(name: str, emoji_id: int | None) -> Json:
    return {"id": None if emoji_id is None else str(emoji_id), "name": name}


def _find(message: Message, name: str, emoji_id: int | None) -> Reaction | None:
    return next((each for each in message.reactions if (each.name, each.emoji_id) == (name, emoji_id)), None)


def _message_ids(channel: Channel, message: Message) -> Json:
    ids = {"channel_id": str(channel.id), "message_id": str(message.id)}
    return ids | ({} if channel.guild_id is None else {"guild_id": str(channel.guild_id)})


def _send_reaction_event(
    call: Call, event: str, channel: Channel, message: Message, reaction: Reaction, user_id: int
) -> None:
    world, guild = call.pocket.world, call.pocket.world.guild_of(channel)
    event_data = _message_ids(channel, message) | {
        "user_id": str(user_id),
        "emoji": _emoji_payload(reaction.name, reaction.emoji_id),
        "burst": False,
        "type": 0,
    }
    if event.endswith("ADD"):
        event_data["message_author_id"] = str(message.author_id)
        if guild is not None:
            event_data["member"] = member(world, guild.members[user_id])
    call.pocket.hub.in_channel(event, channel, lambda _: event_data)


def _save_and_send(call: Call, event: str, channel: Channel, message: Message, more: Json) -> None:
    call.pocket.world.save_message(message)
    event_data = _message_ids(channel, message) | more
    call.pocket.hub.in_channel(event, channel, lambda _: event_data)


@routes.add("PUT", PIN)
async def pin_message(call: Call) -> None:
    """Pin a message, and post the CHANNEL_PINNED_MESSAGE. Idempotent."""
    channel = call.channel(Permission.MANAGE_MESSAGES)
    message = call.message(channel)
    if message.pinned_at is None:
        _set_pin(call, channel, message, pinned=True)
        notice = Message(
            id=call.pocket.world.snowflakes.next(),
            channel_id=channel.id,
            author_id=call.user.id,
            type=MessageType.CHANNEL_PINNED_MESSAGE,
            reference=Reference(channel_id=channel.id, message_id=message.id, guild_id=channel.guild_id),
        )
        posting.publish(call.pocket, channel, notice, ())


@routes.add("DELETE", PIN)
async def unpin_message(call: Call) -> None:
    """Unpin a message. Idempotent."""
    channel = call.channel(Permission.MANAGE_MESSAGES)
    _set_pin(call, channel, call.message(channel), pinned=False)


@routes.add("GET", "/channels/{channel_id}/messages/pins")
async def list_pins(call: Call) -> Json:
    """List a channel's pinned messages, last pinned first."""
    channel = call.channel(Permission.READ_MESSAGE_HISTORY)
    view = call.pocket.view(call.user)
    stored = call.pocket.world.messages.get(channel.id, {}).values()
    found = sorted(((each.pinned_at, each) for each in stored if each.pinned_at), key=lambda pair: pair[0])
    items = [
        {"pinned_at": iso(when), "message": message_payload(view, each)} for when, each in reversed(found)
    ]
    return {"items": items, "has_more": False}


def _set_pin(call: Call, channel: Channel, message: Message, *, pinned: bool) -> None:
    now = call.pocket.world.now()
    changed = message.model_copy(update={"pinned_at": now if pinned else None})
    channel.last_pin_timestamp = now if pinned else channel.last_pin_timestamp
    call.pocket.world.save_channel(channel)
    posting.update(call.pocket, channel, changed)
    event_data: Json = {"channel_id": str(channel.id), "last_pin_timestamp": iso(channel.last_pin_timestamp)}
    if channel.guild_id is not None:
        event_data["guild_id"] = str(channel.guild_id)
    call.pocket.hub.in_channel("CHANNEL_PINS_UPDATE", channel, lambda _: event_data)
