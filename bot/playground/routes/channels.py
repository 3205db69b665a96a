"""Channel routes: get, create, edit and delete channels, permission overwrites, typing."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bot.playground import threads
from bot.playground.errors import ApiError, ErrorCode
from bot.playground.forms.base import Form, Snowflake
from bot.playground.http.routing import Call, Reply, Routes
from bot.playground.messages import posting
from bot.playground.payloads.channels import channel as channel_payload
from bot.playground.payloads.users import member as member_payload
from bot.playground.state.permissions import ALL, Permission, in_guild
from bot.playground.state.records import Channel, ChannelType, Guild, Json, Overwrite

routes = Routes()

CHANNEL = "/channels/{channel_id}"
OVERWRITE = CHANNEL + "/permissions/{overwrite_id}"

MAX_SLOW_SECONDS = 21600
"""Greatest slow mode in seconds. Source: Discord's OpenAPI description."""

Bits = Annotated[int, Field(ge=0, le=ALL)]
Seconds = Annotated[int, Field(ge=0, le=MAX_SLOW_SECONDS)]


class OverwriteForm(Form):
    """A permission overwrite for a role (0) or a member (1)."""

    id: Snowflake
    type: Annotated[int, Field(ge=0, le=1)] = 0
    allow: Bits | None = None
    deny: Bits | None = None


class OverwriteEdit(Form):
    """Body of a request that sets the overwrite of the id in the path."""

    type: Annotated[int, Field(ge=0, le=1)] | None = None
    allow: Bits | None = None
    deny: Bits | None = None


class ChannelEdit(Form):
    """Body of a request that edits a channel. Fields that are not set stay as they are."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    topic: Annotated[str, StringConstraints(max_length=4096)] | None = None
    position: Annotated[int, Field(ge=0)] | None = None
    nsfw: bool | None = None
    parent_id: Snowflake | None = None
    rate_limit_per_user: Seconds | None = None
    permission_overwrites: Annotated[list[OverwriteForm], Field(max_length=100)] | None = None


class ChannelCreate(ChannelEdit):
    """Body of a request that creates a channel."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    type: ChannelType | None = None


@routes.add("GET", CHANNEL)
async def get_channel(call: Call) -> Json:
    """Get a channel."""
    return channel_payload(call.pocket.world, call.channel(), call.user)


@routes.add("POST", "/guilds/{guild_id}/channels")
async def create_channel(call: Call) -> Reply:
    """Create a text channel or a category."""
    guild = _guild_to_manage(call)
    form = call.form(ChannelCreate)
    kind = form.type or ChannelType.TEXT
    if kind not in {ChannelType.TEXT, ChannelType.CATEGORY}:
        raise ApiError(ErrorCode.WRONG_CHANNEL_TYPE)
    position = len(call.pocket.world.guild_channels(guild))
    channel = Channel(id=call.pocket.world.snowflakes.next(), type=kind, guild_id=guild.id, position=position)
    _apply(channel, form)
    _save_and_send(call, "CHANNEL_CREATE", channel)
    return Reply(201, channel_payload(call.pocket.world, channel, call.user))


@routes.add("PATCH", CHANNEL)
async def edit_channel(call: Call) -> Json:
    """Edit a channel or a thread."""
    channel = call.channel()
    if channel.type is ChannelType.DM:
        raise ApiError(ErrorCode.NOT_IN_DM)
    if channel.thread is not None:
        threads.edit(call, channel)
    else:
        call.channel(Permission.MANAGE_CHANNELS)
        _apply(channel, call.form(ChannelEdit))
        _save_and_send(call, "CHANNEL_UPDATE", channel)
    return channel_payload(call.pocket.world, channel, call.user)


@routes.add("DELETE", CHANNEL)
async def delete_channel(call: Call) -> Json:
    """Delete a channel or thread with its messages and threads. A DM channel stays."""
    channel = call.channel()
    shown = channel_payload(call.pocket.world, channel, call.user)
    if channel.type is ChannelType.DM:
        return shown
    call.channel(Permission.MANAGE_THREADS if channel.thread else Permission.MANAGE_CHANNELS)
    for thread in [each for each in call.pocket.world.channels.values() if each.parent_id == channel.id]:
        if thread.thread is not None:
            threads.delete(call.pocket, thread)
    if channel.thread is not None:
        threads.delete(call.pocket, channel)
    else:
        call.pocket.hub.in_channel("CHANNEL_DELETE", channel, lambda _: shown)
        call.pocket.files.remove_channel(channel.id)
        call.pocket.world.remove_channel(channel)
    return shown


@routes.add("PUT", OVERWRITE)
async def set_overwrite(call: Call) -> None:
    """Set the permission overwrite of a role or a member."""
    channel = call.channel(Permission.MANAGE_ROLES)
    form = call.form(OverwriteEdit)
    target = call.id("overwrite_id")
    _drop_overwrite(channel, target)
    channel.overwrites.append(
        Overwrite(id=target, type=form.type or 0, allow=form.allow or 0, deny=form.deny or 0)
    )
    _save_and_send(call, "CHANNEL_UPDATE", channel)


@routes.add("DELETE", OVERWRITE)
async def delete_overwrite(call: Call) -> None:
    """Delete the permission overwrite of a role or a member."""
    channel = call.channel(Permission.MANAGE_ROLES)
    if not _drop_overwrite(channel, call.id("overwrite_id")):
        raise ApiError(ErrorCode.UNKNOWN_OVERWRITE)
    _save_and_send(call, "CHANNEL_UPDATE", channel)


@routes.add("POST", CHANNEL + "/typing")
async def trigger_typing(call: Call) -> None:
    """Trigger the typing indicator."""
    channel = call.channel()
    posting.check_writable(call.pocket, call.user, channel)
    world, guild = call.pocket.world, call.pocket.world.guild_of(channel)
    event_data: Json = {
        "channel_id": str(channel.id),
        "user_id": str(call.user.id),
        "timestamp": int(world.clock()),
    }
    if guild is not None:
        event_data |= {
            "guild_id": str(guild.id),
            "member": member_payload(world, guild.members[call.user.id]),
        }
    call.pocket.hub.in_channel("TYPING_START", channel, lambda _: event_data)


def _guild_to_manage(call: Call) -> Guild:
    guild = call.guild()
    if not in_guild(guild, call.user.id) & Permission.MANAGE_CHANNELS:
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    return guild


def _apply(channel: Channel, form: ChannelEdit) -> None:
    """Apply the set fields of a form to a channel."""
    changes = form.model_dump(exclude_unset=True, exclude={"permission_overwrites", "type"})
    for name, value in changes.items():
        if value is not None or name in {"topic", "parent_id"}:
            setattr(channel, name, value)
    if form.permission_overwrites is not None:
        channel.overwrites = [
            Overwrite(id=each.id, type=each.type, allow=each.allow or 0, deny=each.deny or 0)
            for each in form.permission_overwrites
        ]


def _drop_overwrite(channel: Channel, target: int) -> bool:
    kept = [each for each in channel.overwrites if each.id != target]
    dropped = len(kept) < len(channel.overwrites)
    channel.overwrites = kept
    return dropped


def _save_and_send(call: Call, event: str, channel: Channel) -> None:
    """Store a channel, and send an event to those who can see it."""
    world = call.pocket.world
    world.save_channel(channel)
    call.pocket.hub.in_channel(event, channel, lambda view: channel_payload(world, channel, view.viewer))
