"""Registered application commands, and their visibility for users."""

from collections.abc import Iterable, Sequence

from bot.playground.errors import field_error
from bot.playground.forms.command_forms import CommandForm
from bot.playground.payloads.users import user
from bot.playground.state.permissions import Permission, in_guild
from bot.playground.state.records import Channel, Command, CommandType, Guild, Json, User
from bot.playground.state.world import World

MAX_COMMANDS = {CommandType.CHAT_INPUT: 100, CommandType.USER: 15, CommandType.MESSAGE: 15}
"""Limit of commands by type. Source: Discord's reference, "Application commands"."""

IN_GUILD, IN_DM = 0, 1
"""Interaction contexts. Source: Discord's reference, "Interaction context types"."""


def in_scope(world: World, guild_id: int | None) -> list[Command]:
    """Return a guild's commands, or the global ones, sorted by id."""
    found = [each for each in world.commands.values() if each.guild_id == guild_id]
    return sorted(found, key=lambda command: command.id)


def overwrite(world: World, guild_id: int | None, forms: Sequence[CommandForm]) -> list[Command]:
    """Replace all commands of a scope. One with the same type and name keeps its id.

    Raises:
        ApiError: Two have the same type and name, or there are too many.
    """
    _check(forms)
    kept = [register(world, guild_id, form) for form in forms]
    ids = {each.id for each in kept}
    for command in in_scope(world, guild_id):
        if command.id not in ids:
            world.remove_command(command)
    return kept


def register(world: World, guild_id: int | None, form: CommandForm, known: Command | None = None) -> Command:
    """Register a command, replacing `known` or the one with its type and name. An unchanged one stays."""
    known = known or find(world, guild_id, form.type, form.name)
    body = form.model_dump(mode="json", exclude_none=True, exclude={"id", "name", "type"})
    if known is not None and (known.body, known.name) == (body, form.name):
        return known
    command = Command(
        id=known.id if known else world.snowflakes.next(),
        application_id=world.application.id,
        guild_id=guild_id,
        type=form.type,
        name=form.name,
        version=world.snowflakes.next(),
        body=body,
    )
    world.save_command(command)
    return command


def find(world: World, guild_id: int | None, kind: CommandType, name: str) -> Command | None:
    """Return a command by type and name, None where there is none."""
    fitting = (each for each in in_scope(world, guild_id) if (each.type, each.name) == (kind, name))
    return next(fitting, None)


def _check(forms: Sequence[CommandForm]) -> None:
    seen: set[tuple[CommandType, str]] = set()
    for number, form in enumerate(forms):
        if (form.type, form.name) in seen:
            raise field_error((number, "name"), "Application command names must be unique")
        seen.add((form.type, form.name))
    for kind, most in MAX_COMMANDS.items():
        if sum(form.type is kind for form in forms) > most:
            raise field_error((), f"Maximum number of application commands reached ({most}).")


def payload(command: Command) -> Json:
    """Return a command as Discord's application command object."""
    shown: Json = {
        "id": str(command.id),
        "application_id": str(command.application_id),
        "version": str(command.version),
        "type": int(command.type),
        "name": command.name,
        "name_localizations": None,
        "description": "",
        "description_localizations": None,
        "dm_permission": True,
        "contexts": None,
        "integration_types": [0],
        **command.body,
    }
    bits = shown.get("default_member_permissions")
    shown["default_member_permissions"] = None if bits is None else str(bits)
    return shown | ({} if command.guild_id is None else {"guild_id": str(command.guild_id)})


def index(world: World, viewer: User, commands: Iterable[Command]) -> Json:
    """Return an application command index, as clients request it."""
    application = world.application
    listed = {
        "id": str(application.id),
        "name": application.name,
        "description": application.description,
        "icon": None,
        "flags": application.flags,
        "bot_id": str(world.bot.id),
        "bot": user(world.bot),
    }
    shown = [payload(each) for each in commands]
    version = max((each["version"] for each in shown), default=str(application.id))
    return {"applications": [listed], "application_commands": shown, "version": f"{viewer.id}-{version}"}


def visible_in_guild(world: World, guild: Guild, viewer: User) -> list[Command]:
    """Return the commands that a member sees in a guild, by default member permissions."""
    bits = in_guild(guild, viewer.id)
    if not bits & Permission.USE_APPLICATION_COMMANDS:
        return []
    both = in_scope(world, None) + in_scope(world, guild.id)
    return [each for each in both if _fits(each, IN_GUILD) and _allowed(each, bits)]


def visible_in_dm(world: World, channel: Channel) -> list[Command]:
    """Return the commands that are visible in a DM with the bot, none in other DMs."""
    if world.bot.id not in channel.recipients:
        return []
    return [each for each in in_scope(world, None) if _fits(each, IN_DM)]


def is_usable(command: Command, guild_id: int | None) -> bool:
    """Tell whether a command can be called in a guild, or with None in a DM."""
    return command.guild_id in {None, guild_id} and _fits(command, IN_DM if guild_id is None else IN_GUILD)


def _fits(command: Command, context: int) -> bool:
    contexts = command.body.get("contexts")
    if contexts is not None:
        return context in contexts
    return context == IN_GUILD or (command.guild_id is None and command.body.get("dm_permission", True))


def _allowed(command: Command, bits: int) -> bool:
    """Tell whether a member with permissions sees a command. 0 restricts it to administrators."""
    needed = command.body.get("default_member_permissions")
    if needed is None or bits & Permission.ADMINISTRATOR:
        return True
    return needed != 0 and not needed & ~bits
