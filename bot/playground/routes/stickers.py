"""Sticker routes: create, get, list and delete a guild's stickers."""

from typing import Annotated

from pydantic import StringConstraints

from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.forms.base import Form, check
from bot.playground.http.routing import Call, Reply, Routes
from bot.playground.messages import stickers
from bot.playground.payloads.guilds import sticker as sticker_payload
from bot.playground.state.permissions import Permission, in_guild
from bot.playground.state.records import Guild, Json, Sticker

routes = Routes()

STICKERS = "/guilds/{guild_id}/stickers"


class StickerForm(Form):
    """Body of a request that creates a sticker."""

    name: Annotated[str, StringConstraints(min_length=2, max_length=30)]
    tags: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[str, StringConstraints(max_length=100)] | None = None


@routes.add("GET", STICKERS)
async def list_stickers(call: Call) -> list[Json]:
    """List a guild's stickers."""
    world, guild = call.pocket.world, call.guild()
    return [sticker_payload(world, each) for each in world.stickers.values() if each.guild_id == guild.id]


@routes.add("POST", STICKERS)
async def create_sticker(call: Call) -> Reply:
    """Create a sticker from a PNG, APNG, GIF or Lottie file."""
    world, guild = call.pocket.world, _guild_to_manage(call)
    form = check(StickerForm, call.body.fields)
    upload = call.uploads.get(0)
    kind = stickers.format_of(upload.data) if upload else None
    if upload is None or kind is None:
        raise field_error(("file",), "Invalid Asset")
    sticker = Sticker(
        id=world.snowflakes.next(),
        guild_id=guild.id,
        user_id=call.user.id,
        name=form.name,
        description=form.description,
        tags=form.tags,
        format_type=kind,
    )
    call.pocket.files.write(stickers.file_of(sticker), upload.data)
    world.save_sticker(sticker)
    _send_update(call, guild)
    return Reply(201, sticker_payload(world, sticker))


@routes.add("GET", STICKERS + "/{sticker_id}")
async def get_guild_sticker(call: Call) -> Json:
    """Get a guild's sticker."""
    return sticker_payload(call.pocket.world, _find(call, call.guild()))


@routes.add("GET", "/stickers/{sticker_id}")
async def get_sticker(call: Call) -> Json:
    """Get a sticker of any guild."""
    return sticker_payload(call.pocket.world, _find(call, None))


@routes.add("DELETE", STICKERS + "/{sticker_id}")
async def delete_sticker(call: Call) -> None:
    """Delete a sticker."""
    guild = _guild_to_manage(call)
    sticker = _find(call, guild)
    call.pocket.files.remove(stickers.file_of(sticker))
    call.pocket.world.remove_sticker(sticker)
    _send_update(call, guild)


def _guild_to_manage(call: Call) -> Guild:
    guild = call.guild()
    if not in_guild(guild, call.user.id) & Permission.MANAGE_GUILD_EXPRESSIONS:
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)
    return guild


def _find(call: Call, guild: Guild | None) -> Sticker:
    found = call.pocket.world.stickers.get(call.id("sticker_id"))
    if found is None or (guild is not None and found.guild_id != guild.id):
        raise ApiError(ErrorCode.UNKNOWN_STICKER)
    return found


def _send_update(call: Call, guild: Guild) -> None:
    world = call.pocket.world
    remaining = [
        sticker_payload(world, each) for each in world.stickers.values() if each.guild_id == guild.id
    ]
    event_data = {"guild_id": str(guild.id), "stickers": remaining}
    call.pocket.hub.in_guild("GUILD_STICKERS_UPDATE", guild, lambda _: event_data)
