"""Guild routes: guilds, their channels, members and roles."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.forms.base import Form, Snowflake
from bot.playground.http.routing import Call, Routes
from bot.playground.payloads import guilds, users
from bot.playground.payloads.channels import channel as channel_payload
from bot.playground.pocket import Pocket
from bot.playground.state.permissions import ALL, Permission, in_guild
from bot.playground.state.records import Guild, Json, Member, Role, User

routes = Routes()

GUILD = "/guilds/{guild_id}"
MEMBER = GUILD + "/members/{user_id}"
ROLES = GUILD + "/roles"

NEEDED = {
    "nick": Permission.MANAGE_NICKNAMES,
    "roles": Permission.MANAGE_ROLES,
    "communication_disabled_until": Permission.MODERATE_MEMBERS,
}
"""The permission that each field of `MemberEdit` requires."""

Nick = Annotated[str, StringConstraints(max_length=32)]


class OwnMemberEdit(Form):
    """Body of a request that edits the caller's own member."""

    nick: Nick | None = None


class MemberEdit(OwnMemberEdit):
    """Body of a request that edits a member. Fields that are not set stay as they are."""

    roles: list[Snowflake] | None = None
    communication_disabled_until: datetime | None = None


class RoleForm(Form):
    """Body of a request that creates or edits a role."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    permissions: Annotated[int, Field(ge=0, le=ALL)] | None = None
    color: Annotated[int, Field(ge=0, le=0xFFFFFF)] | None = None
    hoist: bool | None = None
    mentionable: bool | None = None


@routes.add("GET", GUILD)
async def get_guild(call: Call) -> Json:
    """Get a guild."""
    guild = call.guild()
    shown = guilds.guild(call.pocket.world, guild)
    if call.query.get("with_counts", "").lower() in {"1", "true"}:
        shown |= {
            "approximate_member_count": len(guild.members),
            "approximate_presence_count": len(guild.members),
        }
    return shown


@routes.add("GET", GUILD + "/channels")
async def list_channels(call: Call) -> list[Json]:
    """List all of a guild's channels, as Discord does, including those that the caller can't see."""
    world = call.pocket.world
    return [channel_payload(world, each, call.user) for each in world.guild_channels(call.guild())]


@routes.add("GET", GUILD + "/members")
async def list_members(call: Call) -> list[Json]:
    """List a guild's members, sorted by id."""
    guild = call.guild()
    after, limit = call.int_query("after", 0, 0, 1 << 63), call.int_query("limit", 1, 1, 1000)
    found = sorted(
        (each for each in guild.members.values() if each.user_id > after), key=lambda each: each.user_id
    )
    return [users.member(call.pocket.world, each) for each in found[:limit]]


@routes.add("GET", GUILD + "/members/search")
async def search_members(call: Call) -> list[Json]:
    """List members whose username or nickname starts with a text."""
    world = call.pocket.world
    text = call.query.get("query", "").lower()
    found = [
        each
        for each in call.guild().members.values()
        if _name_starts_with(world.users[each.user_id].username, each, text)
    ]
    return [users.member(world, each) for each in found[: call.int_query("limit", 1, 1, 1000)]]


def _name_starts_with(username: str, member: Member, text: str) -> bool:
    return username.lower().startswith(text) or (member.nick or "").lower().startswith(text)


@routes.add("GET", MEMBER)
async def get_member(call: Call) -> Json:
    """Get a member."""
    return users.member(call.pocket.world, _member(call, call.guild()))


@routes.add("PATCH", GUILD + "/members/@me")
async def edit_own_member(call: Call) -> Json:
    """Edit the caller's nickname."""
    guild = call.guild()
    _require_permission(call, guild, Permission.CHANGE_NICKNAME)
    mine = guild.members[call.user.id]
    mine.nick = call.form(OwnMemberEdit).nick
    return _member_changed(call, guild, mine)


@routes.add("PATCH", MEMBER)
async def edit_member(call: Call) -> Json:
    """Edit a member's nickname, roles or timeout."""
    guild = call.guild()
    found, form = _member(call, guild), call.form(MemberEdit)
    for name in form.model_fields_set:
        _require_permission(call, guild, NEEDED[name])
    if "nick" in form.model_fields_set:
        found.nick = form.nick
    if form.roles is not None:
        if unknown := set(form.roles) - set(guild.roles):
            raise ApiError(ErrorCode.UNKNOWN_ROLE, {"roles": sorted(unknown)})
        found.roles = list(dict.fromkeys(form.roles))
    if "communication_disabled_until" in form.model_fields_set:
        found.timed_out_until = form.communication_disabled_until
    return _member_changed(call, guild, found)


@routes.add("DELETE", MEMBER)
async def kick(call: Call) -> None:
    """Kick a member."""
    guild = call.guild()
    _require_permission(call, guild, Permission.KICK_MEMBERS)
    remove_member(call.pocket, guild, call.pocket.world.users[_member(call, guild).user_id])


def remove_member(pocket: Pocket, guild: Guild, user: User) -> None:
    """Remove a member. Sends GUILD_MEMBER_REMOVE to the other members and GUILD_DELETE to the user."""
    data = {"guild_id": str(guild.id), "user": users.user(user)}
    pocket.hub.in_guild("GUILD_MEMBER_REMOVE", guild, lambda _: data)
    del guild.members[user.id]
    pocket.world.save_guild(guild)
    pocket.hub.to_user("GUILD_DELETE", user.id, {"id": str(guild.id)}, guild.id)


@routes.add("PUT", MEMBER + "/roles/{role_id}")
async def add_member_role(call: Call) -> None:
    """Add a role to a member."""
    guild, found, role = _role_of_member(call)
    if role.id not in found.roles:
        found.roles.append(role.id)
        _member_changed(call, guild, found)


@routes.add("DELETE", MEMBER + "/roles/{role_id}")
async def remove_member_role(call: Call) -> None:
    """Remove a role from a member."""
    guild, found, role = _role_of_member(call)
    if role.id in found.roles:
        found.roles.remove(role.id)
        _member_changed(call, guild, found)


@routes.add("GET", ROLES)
async def list_roles(call: Call) -> list[Json]:
    """List a guild's roles."""
    return [users.role(each) for each in call.guild().roles.values()]


@routes.add("POST", ROLES)
async def create_role(call: Call) -> Json:
    """Create a role, by default with the permissions of @everyone."""
    guild = call.guild()
    _require_permission(call, guild, Permission.MANAGE_ROLES)
    everyone = guild.roles[guild.id].permissions
    role = Role(id=call.pocket.world.snowflakes.next(), name="new role", permissions=everyone, position=1)
    return _role_changed(call, guild, role, "GUILD_ROLE_CREATE")


@routes.add("GET", ROLES + "/{role_id}")
async def get_role(call: Call) -> Json:
    """Get a role."""
    return users.role(_role(call, call.guild()))


@routes.add("PATCH", ROLES + "/{role_id}")
async def edit_role(call: Call) -> Json:
    """Edit a role."""
    guild = call.guild()
    _require_permission(call, guild, Permission.MANAGE_ROLES)
    return _role_changed(call, guild, _role(call, guild), "GUILD_ROLE_UPDATE")


@routes.add("DELETE", ROLES + "/{role_id}")
async def delete_role(call: Call) -> None:
    """Delete a role, and remove it from all members."""
    guild = call.guild()
    _require_permission(call, guild, Permission.MANAGE_ROLES)
    role = _role(call, guild)
    del guild.roles[role.id]
    for each in guild.members.values():
        each.roles = [role_id for role_id in each.roles if role_id != role.id]
    call.pocket.world.save_guild(guild)
    event_data = {"guild_id": str(guild.id), "role_id": str(role.id)}
    call.pocket.hub.in_guild("GUILD_ROLE_DELETE", guild, lambda _: event_data)


def _require_permission(call: Call, guild: Guild, needed: int) -> None:
    if needed & ~in_guild(guild, call.user.id):
        raise ApiError(ErrorCode.MISSING_PERMISSIONS)


def _member(call: Call, guild: Guild) -> Member:
    found = guild.members.get(call.id("user_id"))
    if found is None:
        raise ApiError(ErrorCode.UNKNOWN_MEMBER)
    return found


def _role(call: Call, guild: Guild) -> Role:
    found = guild.roles.get(call.id("role_id"))
    if found is None:
        raise ApiError(ErrorCode.UNKNOWN_ROLE)
    return found


def _role_of_member(call: Call) -> tuple[Guild, Member, Role]:
    guild = call.guild()
    _require_permission(call, guild, Permission.MANAGE_ROLES)
    return guild, _member(call, guild), _role(call, guild)


def _member_changed(call: Call, guild: Guild, found: Member) -> Json:
    world = call.pocket.world
    world.save_guild(guild)
    shown = users.member(world, found)
    event_data = shown | {"guild_id": str(guild.id)}
    call.pocket.hub.in_guild("GUILD_MEMBER_UPDATE", guild, lambda _: event_data)
    return shown


def _role_changed(call: Call, guild: Guild, role: Role, event: str) -> Json:
    """Apply the request's form to a role, store it and send an event."""
    for name, value in call.form(RoleForm).model_dump(exclude_none=True).items():
        setattr(role, name, value)
    guild.roles[role.id] = role
    call.pocket.world.save_guild(guild)
    shown = users.role(role)
    event_data = {"guild_id": str(guild.id), "role": shown}
    call.pocket.hub.in_guild(event, guild, lambda _: event_data)
    return shown
