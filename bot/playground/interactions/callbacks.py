"""Initial responses to interactions: one each, in time, of a type that the interaction allows."""

import secrets

from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.forms.base import check
from bot.playground.forms.callback_forms import (
    CHOICE_FORMS,
    AutocompleteForm,
    CallbackForm,
    CallbackMessage,
    CallbackType,
)
from bot.playground.forms.modal_forms import Modal
from bot.playground.http.routing import Call
from bot.playground.interactions import dispatch, modals
from bot.playground.messages import mentions, posting
from bot.playground.messages.attachments import NewFile
from bot.playground.messages.compose import compose
from bot.playground.payloads.messages import EPHEMERAL
from bot.playground.payloads.messages import message as message_payload
from bot.playground.payloads.users import user
from bot.playground.pocket import Pocket
from bot.playground.state.records import Interaction, InteractionType, Json, Message, MessageType, Reference

LOADING = 1 << 7
"""Message flag of a deferred response. Source: Discord's reference, "Message flags"."""

ALLOWED_CALLBACKS = {
    InteractionType.COMMAND: {CallbackType.MESSAGE, CallbackType.DEFERRED_MESSAGE, CallbackType.MODAL},
    InteractionType.AUTOCOMPLETE: {CallbackType.AUTOCOMPLETE},
    InteractionType.COMPONENT: set(CallbackType) - {CallbackType.PONG, CallbackType.AUTOCOMPLETE},
    InteractionType.MODAL_SUBMIT: {CallbackType.MESSAGE, CallbackType.DEFERRED_MESSAGE},
}
UPDATES = {CallbackType.UPDATE, CallbackType.DEFERRED_UPDATE}


def respond(call: Call) -> Json:
    """Apply the initial response to an interaction, and return the callback response.

    Raises:
        ApiError: It was acknowledged already, is too old, or the response is invalid.
    """
    interaction = _pending(call)
    form = call.form(CallbackForm)
    allowed = ALLOWED_CALLBACKS[interaction.type] | (UPDATES if interaction.message_id else set())
    if form.type not in allowed:
        raise field_error(("type",), "Interaction response type is not valid for this interaction.")
    message = _apply(call, interaction, form)
    interaction.callback = int(form.type)
    call.pocket.world.save_interaction(interaction)
    dispatch.notify_invoker(call.pocket, interaction, "INTERACTION_SUCCESS")
    return _callback_response(call.pocket, interaction, form.type, message)


def _pending(call: Call) -> Interaction:
    """Return the path's interaction, if it can still get its initial response."""
    interaction = call.pocket.world.interactions.get(call.id("interaction_id"))
    if interaction is None or not secrets.compare_digest(interaction.token, call.params["interaction_token"]):
        raise ApiError(ErrorCode.UNKNOWN_INTERACTION)
    if interaction.callback is not None:
        raise ApiError(ErrorCode.ALREADY_ACKNOWLEDGED)
    if dispatch.age(call.pocket, interaction) > call.pocket.limits.acknowledge_seconds:
        raise ApiError(ErrorCode.UNKNOWN_INTERACTION)
    return interaction


def _apply(call: Call, interaction: Interaction, form: CallbackForm) -> Message | None:
    """Apply a response, and return the message that it created or changed, if any."""
    data = form.data or {}
    match form.type:
        case CallbackType.MESSAGE:
            return _respond_with_message(call, interaction, check(CallbackMessage, data, ("data",)))
        case CallbackType.DEFERRED_MESSAGE:
            return _defer(call.pocket, interaction, check(CallbackMessage, data, ("data",)))
        case CallbackType.UPDATE | CallbackType.DEFERRED_UPDATE:
            return _update(call, interaction, form)
        case CallbackType.AUTOCOMPLETE:
            _autocomplete(call.pocket, interaction, check(AutocompleteForm, data, ("data",)))
        case CallbackType.MODAL:
            _open_modal(call.pocket, interaction, check(Modal, data, ("data",)))
        case CallbackType.PONG:
            pass
    return None


def _respond_with_message(call: Call, interaction: Interaction, form: CallbackMessage) -> Message:
    message = new_message(call.pocket, interaction, form)
    files = apply_form(call, message, form)
    interaction.response_id, interaction.ephemeral = message.id, message.ephemeral_to is not None
    interaction.replies.append(message.id)
    publish(call.pocket, message, files)
    return message


def _defer(pocket: Pocket, interaction: Interaction, form: CallbackMessage) -> Message:
    """Create the deferred response, which clients show as "thinking"."""
    message = new_message(pocket, interaction, form)
    message.flags |= LOADING
    interaction.response_id, interaction.ephemeral = message.id, message.ephemeral_to is not None
    interaction.replies.append(message.id)
    publish(pocket, message, [])
    return message


def _update(call: Call, interaction: Interaction, form: CallbackForm) -> Message:
    """Edit the message of the component, or only acknowledge for a deferred update."""
    message = call.pocket.world.message(interaction.channel_id, interaction.message_id or 0)
    if message is None:
        raise ApiError(ErrorCode.UNKNOWN_MESSAGE)
    interaction.response_id, interaction.ephemeral = message.id, message.ephemeral_to is not None
    if form.type is CallbackType.UPDATE:
        return edit(call, message, check(CallbackMessage, form.data or {}, ("data",)))
    return message


def _autocomplete(pocket: Pocket, interaction: Interaction, form: AutocompleteForm) -> None:
    focused = next(
        (each for each in _flatten(interaction.data.get("options", [])) if each.get("focused")), None
    )
    model = CHOICE_FORMS[focused["type"] if focused else 3]
    choices = [
        check(model, each, ("data", "choices", number)).model_dump(exclude_none=True)
        for number, each in enumerate(form.choices or [])
    ]
    dispatch.notify_invoker(
        pocket, interaction, "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", {"choices": choices}
    )


def _flatten(options: list[Json]) -> list[Json]:
    return [each for option in options for each in (option, *_flatten(option.get("options", [])))]


def _open_modal(pocket: Pocket, interaction: Interaction, form: Modal) -> None:
    interaction.modal = modals.validated(form)
    application = pocket.world.application
    more = interaction.modal | {
        "channel_id": str(interaction.channel_id),
        "application": {"id": str(application.id), "name": application.name, "bot": user(pocket.world.bot)},
    }
    dispatch.notify_invoker(pocket, interaction, "INTERACTION_MODAL_CREATE", more)


def new_message(pocket: Pocket, interaction: Interaction, form: CallbackMessage) -> Message:
    """Return a new empty message of an interaction, ephemeral where the form's flags say so."""
    ephemeral = bool((form.flags or 0) & EPHEMERAL)
    message = Message(
        id=pocket.world.snowflakes.next(),
        channel_id=interaction.channel_id,
        author_id=pocket.world.bot.id,
        type=_message_type(interaction),
        tts=bool(form.tts),
        flags=EPHEMERAL if ephemeral else 0,
        ephemeral_to=interaction.user_id if ephemeral else None,
        application_id=interaction.application_id,
        interaction={"interaction_metadata": interaction.metadata},
    )
    if interaction.type is InteractionType.COMMAND:
        invoker = interaction.metadata["user"]
        named = {
            "id": str(interaction.id),
            "type": int(interaction.type),
            "name": interaction.name,
            "user": invoker,
        }
        message.interaction = {"interaction_metadata": interaction.metadata, "interaction": named}
    elif interaction.message_id is not None:
        message.reference = Reference(
            channel_id=interaction.channel_id,
            message_id=interaction.message_id,
            guild_id=interaction.guild_id,
        )
    return message


def _message_type(interaction: Interaction) -> MessageType:
    if interaction.type is InteractionType.COMMAND:
        return MessageType.CONTEXT_MENU_COMMAND if interaction.target_id else MessageType.CHAT_INPUT_COMMAND
    return MessageType.REPLY if interaction.message_id else MessageType.DEFAULT


def apply_form(call: Call, message: Message, form: CallbackMessage) -> list[NewFile]:
    """Apply a form to a message with its mentions, and return the new files."""
    mentions.check_allowed(form.allowed_mentions)
    files = compose(call.pocket, message, form, call.uploads)
    channel = call.pocket.world.channels[message.channel_id]
    posting.set_mentions(call.pocket, channel, message, form.allowed_mentions, None)
    return files


def edit(call: Call, message: Message, form: CallbackMessage) -> Message:
    """Edit a message. A deferred response stops loading and doesn't count as edited."""
    changed = message.model_copy(deep=True)
    files = apply_form(call, changed, form)
    if changed.flags & LOADING:
        changed.flags &= ~LOADING
    else:
        changed.edited_at = call.pocket.world.now()
    posting.update(call.pocket, call.pocket.world.channels[message.channel_id], changed, files)
    return changed


def publish(pocket: Pocket, message: Message, files: list[NewFile]) -> None:
    """Store a new message in its channel and send MESSAGE_CREATE."""
    posting.publish(pocket, pocket.world.channels[message.channel_id], message, files)


def _callback_response(
    pocket: Pocket, interaction: Interaction, kind: CallbackType, message: Message | None
) -> Json:
    """Return the body of `with_response`.

    Discord's description has no resource type for deferred responses, so they have that of a message.
    """
    about: Json = {
        "id": str(interaction.id),
        "type": int(interaction.type),
        "channel_id": str(interaction.channel_id),
    }
    if interaction.guild_id is not None:
        about["guild_id"] = str(interaction.guild_id)
    if message is None:
        return {"interaction": about}
    about |= {
        "response_message_id": str(message.id),
        "response_message_loading": bool(message.flags & LOADING),
        "response_message_ephemeral": message.ephemeral_to is not None,
    }
    resource_type = CallbackType.UPDATE if kind in UPDATES else CallbackType.MESSAGE
    shown = message_payload(pocket.view(pocket.world.bot), message)
    return {"interaction": about, "resource": {"type": int(resource_type), "message": shown}}
