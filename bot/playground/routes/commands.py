"""Application command routes: registration by the application, the index for clients."""

from collections.abc import Callable

from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.forms.base import check
from bot.playground.forms.command_forms import CommandForm
from bot.playground.http.routing import Call, Handler, Reply, Routes
from bot.playground.interactions import commands
from bot.playground.state.records import ChannelType, Command, Json

routes = Routes()

GLOBAL = "/applications/{application_id}/commands"
GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"


def _scope(call: Call) -> int | None:
    """Return the path's guild id, None for global commands. Raises for callers other than the application."""
    if not call.user.bot:
        raise ApiError(ErrorCode.BOTS_ONLY)
    if call.id("application_id") != call.pocket.world.application.id:
        raise ApiError(ErrorCode.UNKNOWN_APPLICATION)
    return call.guild().id if "guild_id" in call.params else None


def _command(call: Call) -> Command:
    scope = _scope(call)
    found = call.pocket.world.commands.get(call.id("command_id"))
    if found is None or found.guild_id != scope:
        raise ApiError(ErrorCode.UNKNOWN_COMMAND)
    return found


def _global_and_guild(method: str, below: str = "") -> Callable[[Handler], Handler]:
    """Add a route for global commands and one for guild commands."""

    def register(handler: Handler) -> Handler:
        for template in (GLOBAL, GUILD):
            routes.add(method, template + below)(handler)
        return handler

    return register


@_global_and_guild("GET")
async def list_commands(call: Call) -> list[Json]:
    """List the commands."""
    return [commands.payload(each) for each in commands.in_scope(call.pocket.world, _scope(call))]


@_global_and_guild("PUT")
async def bulk_overwrite(call: Call) -> list[Json]:
    """Replace all commands of a scope."""
    scope, body = _scope(call), call.body.json
    if not isinstance(body, list):
        raise field_error((), "Only iterables may be used in a ListType")
    forms = [check(CommandForm, each, (number,)) for number, each in enumerate(body)]
    return [commands.payload(each) for each in commands.overwrite(call.pocket.world, scope, forms)]


@_global_and_guild("POST")
async def create_command(call: Call) -> Reply:
    """Register a command, replacing one of the same type and name."""
    world, scope, form = call.pocket.world, _scope(call), call.form(CommandForm)
    known = commands.find(world, scope, form.type, form.name)
    return Reply(200 if known else 201, commands.payload(commands.register(world, scope, form)))


@_global_and_guild("GET", "/{command_id}")
async def get_command(call: Call) -> Json:
    """Get a command."""
    return commands.payload(_command(call))


@_global_and_guild("PATCH", "/{command_id}")
async def edit_command(call: Call) -> Json:
    """Edit a command. Fields that are not set stay as they are."""
    known = _command(call)
    changes = call.body.json if isinstance(call.body.json, dict) else {}
    merged = known.body | {"name": known.name, "type": int(known.type)} | changes
    form = check(CommandForm, merged | {"type": int(known.type)})
    return commands.payload(commands.register(call.pocket.world, known.guild_id, form, known))


@_global_and_guild("DELETE", "/{command_id}")
async def delete_command(call: Call) -> None:
    """Delete a command."""
    call.pocket.world.remove_command(_command(call))


@routes.add("GET", GUILD + "/permissions")
async def list_permissions(call: Call) -> list[Json]:
    """List the guild's command permissions. There are none here."""
    _scope(call)
    return []


@routes.add("GET", "/guilds/{guild_id}/application-command-index")
async def guild_index(call: Call) -> Json:
    """Return the command index of a guild, as clients request it."""
    world = call.pocket.world
    return commands.index(world, call.user, commands.visible_in_guild(world, call.guild(), call.user))


@routes.add("GET", "/channels/{channel_id}/application-command-index")
async def dm_index(call: Call) -> Json:
    """Return the command index of a DM, as clients request it."""
    channel, world = call.channel(), call.pocket.world
    if channel.type is not ChannelType.DM:
        raise ApiError(ErrorCode.WRONG_CHANNEL_TYPE)
    return commands.index(world, call.user, commands.visible_in_dm(world, channel))
