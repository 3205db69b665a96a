"""`POST /interactions`: users call commands, use components and submit modals."""

from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.forms.base import check
from bot.playground.forms.interaction_forms import CommandCall, ComponentUse, InteractionForm, ModalSubmit
from bot.playground.http.routing import Call, Routes
from bot.playground.interactions import commands, dispatch, modals
from bot.playground.interactions.option_values import OptionParser
from bot.playground.interactions.resolved import ResolvedData
from bot.playground.messages.components import flatten
from bot.playground.state.permissions import Permission
from bot.playground.state.records import (
    Channel,
    Command,
    CommandType,
    Interaction,
    InteractionType,
    Json,
    Message,
)

routes = Routes()

OUTDATED = "This command is outdated, please try again in a few minutes"


@routes.add("POST", "/interactions")
async def create_interaction(call: Call) -> None:
    """Create an interaction.

    `default_member_permissions` are not checked, as if an admin had overridden them: the application must
    check permissions itself.
    """
    form = call.form(InteractionForm)
    channel = call.channel_by_id(form.channel_id, Permission.USE_APPLICATION_COMMANDS)
    if form.application_id != call.pocket.world.application.id or call.user.bot:
        raise ApiError(ErrorCode.UNKNOWN_APPLICATION)
    if form.type is InteractionType.COMPONENT:
        _use_component(call, form, channel)
    elif form.type is InteractionType.MODAL_SUBMIT:
        _submit_modal(call, form, channel)
    else:
        _call_command(call, form, channel)


def _call_command(call: Call, form: InteractionForm, channel: Channel) -> None:
    requested = check(CommandCall, form.data, ("data",))
    command = _command(call, requested, channel)
    resolved = ResolvedData(call.pocket, channel, call.user)
    data: Json = {"id": str(command.id), "name": command.name, "type": int(command.type)}
    if command.guild_id is not None:
        data["guild_id"] = str(command.guild_id)
    if command.type is CommandType.CHAT_INPUT:
        complete = form.type is InteractionType.COMMAND
        parser = OptionParser(call, channel, resolved, requested.attachments, complete=complete)
        data["options"] = parser.options(
            command.body.get("options", []), requested.options, ("data", "options")
        )
    else:
        data["target_id"] = str(_target(call, command, requested, channel, resolved))
    interaction = dispatch.create(call, form, channel, data, resolved)
    interaction.name, interaction.target_id = command.name, requested.target_id
    _add_target_metadata(interaction, command)
    dispatch.send_to_application(call.pocket, interaction)


def _command(call: Call, requested: CommandCall, channel: Channel) -> Command:
    found = call.pocket.world.commands.get(requested.id)
    if found is None or not commands.is_usable(found, channel.guild_id):
        raise ApiError(ErrorCode.UNKNOWN_COMMAND)
    if requested.version not in {None, found.version}:
        raise field_error(("data",), OUTDATED)
    return found


def _target(
    call: Call, command: Command, requested: CommandCall, channel: Channel, resolved: ResolvedData
) -> int:
    """Resolve the target of a context menu command, and return its id."""
    if requested.target_id is None:
        raise field_error(("data", "target_id"), "This field is required")
    if command.type is CommandType.USER:
        resolved.user(requested.target_id)
    else:
        resolved.message(_visible_message(call, channel, requested.target_id))
    return requested.target_id


def _visible_message(call: Call, channel: Channel, message_id: int) -> Message:
    message = call.pocket.world.message(channel.id, message_id)
    if message is None or message.ephemeral_to not in {None, call.user.id}:
        raise ApiError(ErrorCode.UNKNOWN_MESSAGE)
    return message


def _add_target_metadata(interaction: Interaction, command: Command) -> None:
    """Add the target of a context menu command to the interaction's metadata."""
    if command.type is CommandType.MESSAGE:
        interaction.metadata["target_message_id"] = str(interaction.target_id)
    elif command.type is CommandType.USER:
        resolved = interaction.data["resolved"]["users"]
        interaction.metadata["target_user"] = resolved[str(interaction.target_id)]


def _use_component(call: Call, form: InteractionForm, channel: Channel) -> None:
    used = check(ComponentUse, form.data, ("data",))
    if form.message_id is None:
        raise field_error(("message_id",), "This field is required")
    message = _visible_message(call, channel, form.message_id)
    component = _component(call, message, used)
    resolved = ResolvedData(call.pocket, channel, call.user)
    data: Json = {
        "component_type": component["type"],
        "custom_id": component["custom_id"],
        "id": component["id"],
    }
    if "min_values" in component:
        modals.check_values(component, used.values, ("data", "values"))
        for value in used.values:
            modals.resolve_value(resolved, component, value, ("data", "values"))
        data["values"] = used.values
    interaction = dispatch.create(call, form, channel, data, resolved)
    interaction.message_id = message.id
    interaction.metadata["interacted_message_id"] = str(message.id)
    dispatch.send_to_application(call.pocket, interaction, message)


def _component(call: Call, message: Message, used: ComponentUse) -> Json:
    """Return the component that was used, if the message has it and it is enabled."""
    if message.author_id != call.pocket.world.bot.id:
        raise ApiError(ErrorCode.UNKNOWN_MESSAGE)
    fitting = (each for each in flatten(message.components) if each.get("custom_id") == used.custom_id)
    found = next(fitting, None)
    if found is None or found["type"] != used.component_type or found.get("disabled"):
        raise field_error(("data",), "Component validation failed")
    return found


def _submit_modal(call: Call, form: InteractionForm, channel: Channel) -> None:
    submitted = check(ModalSubmit, form.data, ("data",))
    source = modals.find_opened(call.pocket, call.user.id, submitted)
    if source.modal is None or dispatch.age(call.pocket, source) > call.pocket.limits.token_seconds:
        raise ApiError(ErrorCode.UNKNOWN_INTERACTION)
    resolved = ResolvedData(call.pocket, channel, call.user)
    components = modals.submitted_components(call, channel, source.modal, submitted, resolved)
    data = {"custom_id": source.modal["custom_id"], "components": components}
    interaction = dispatch.create(call, form, channel, data, resolved)
    interaction.message_id = source.message_id
    interaction.metadata["triggering_interaction_metadata"] = source.metadata
    message = call.pocket.world.message(channel.id, source.message_id) if source.message_id else None
    dispatch.send_to_application(call.pocket, interaction, message)
