"""What people do with the application: call its commands, use its components, submit its modals."""

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
async def interact(call: Call) -> None:
    """Do something with the application.

    A command that is hidden from someone by `default_member_permissions` still goes through, as where an
    admin has opened it to everyone: the application must check for itself.
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
    asked = check(CommandCall, form.data, ("data",))
    command = _command(call, asked, channel)
    resolved = ResolvedData(call.pocket, channel, call.user)
    data: Json = {"id": str(command.id), "name": command.name, "type": int(command.type)}
    if command.guild_id is not None:
        data["guild_id"] = str(command.guild_id)
    if command.type is CommandType.CHAT_INPUT:
        complete = form.type is InteractionType.COMMAND
        parser = OptionParser(call, channel, resolved, asked.attachments, complete=complete)
        data["options"] = parser.options(command.body.get("options", []), asked.options, ("data", "options"))
    else:
        data["target_id"] = str(_target(call, command, asked, channel, resolved))
    interaction = dispatch.create(call, form, channel, data, resolved)
    interaction.name, interaction.target_id = command.name, asked.target_id
    _add_target_metadata(interaction, command)
    dispatch.send_to_application(call.pocket, interaction)


def _command(call: Call, asked: CommandCall, channel: Channel) -> Command:
    found = call.pocket.world.commands.get(asked.id)
    if found is None or not commands.is_usable(found, channel.guild_id):
        raise ApiError(ErrorCode.UNKNOWN_COMMAND)
    if asked.version not in {None, found.version}:
        raise field_error(("data",), OUTDATED)
    return found


def _target(
    call: Call, command: Command, asked: CommandCall, channel: Channel, resolved: ResolvedData
) -> int:
    """Resolve the user or the message that a context menu was opened on."""
    if asked.target_id is None:
        raise field_error(("data", "target_id"), "This field is required")
    if command.type is CommandType.USER:
        resolved.user(asked.target_id)
    else:
        resolved.message(_visible(call, channel, asked.target_id))
    return asked.target_id


def _visible(call: Call, channel: Channel, message_id: int) -> Message:
    message = call.pocket.world.message(channel.id, message_id)
    if message is None or message.ephemeral_to not in {None, call.user.id}:
        raise ApiError(ErrorCode.UNKNOWN_MESSAGE)
    return message


def _add_target_metadata(interaction: Interaction, command: Command) -> None:
    """Let messages that come of a context menu say what it was opened on."""
    if command.type is CommandType.MESSAGE:
        interaction.metadata["target_message_id"] = str(interaction.target_id)
    elif command.type is CommandType.USER:
        resolved = interaction.data["resolved"]["users"]
        interaction.metadata["target_user"] = resolved[str(interaction.target_id)]


def _use_component(call: Call, form: InteractionForm, channel: Channel) -> None:
    used = check(ComponentUse, form.data, ("data",))
    if form.message_id is None:
        raise field_error(("message_id",), "This field is required")
    message = _visible(call, channel, form.message_id)
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
    """Return the component that was used, if the message still has it and it may be."""
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
