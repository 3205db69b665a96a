"""Interaction responses: the initial response, followups, and edits of both.

The interaction token authorizes these requests.
"""

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.forms.callback_forms import CallbackMessage
from bot.playground.http.routing import Call, Reply, Routes
from bot.playground.interactions import callbacks, dispatch
from bot.playground.messages import posting
from bot.playground.payloads.messages import message as message_payload
from bot.playground.state.records import Interaction, Json, Message, MessageType, Reference

routes = Routes()

CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"
ORIGINAL = WEBHOOK + "/messages/@original"
MESSAGE = WEBHOOK + "/messages/{message_id}"


@routes.add("POST", CALLBACK, public=True, limited=False)
async def create_response(call: Call) -> Reply:
    """Create the initial response."""
    answer = callbacks.respond(call)
    wanted = call.query.get("with_response", "").lower() in {"1", "true"}
    return Reply(200, answer) if wanted else Reply(204)


def _interaction(call: Call) -> Interaction:
    """Return the interaction of the path's token, if it has an initial response and the token is valid."""
    token, owner = call.params["webhook_token"], call.id("webhook_id")
    known = call.pocket.world.interactions.values()
    found = next((each for each in known if (each.token, each.application_id) == (token, owner)), None)
    if found is None or found.callback is None:
        raise ApiError(ErrorCode.UNKNOWN_WEBHOOK)
    if dispatch.age(call.pocket, found) > call.pocket.limits.token_seconds:
        raise ApiError(ErrorCode.INVALID_WEBHOOK_TOKEN)
    return found


def _find(call: Call, interaction: Interaction, message_id: int | None) -> Message:
    message = call.pocket.world.message(interaction.channel_id, message_id or 0)
    if message is None:
        raise ApiError(ErrorCode.UNKNOWN_MESSAGE)
    return message


def _own_message(call: Call, interaction: Interaction) -> Message:
    """Return the path's message, if it belongs to the interaction."""
    message_id = call.id("message_id")
    if message_id not in {*interaction.replies, interaction.response_id}:
        raise ApiError(ErrorCode.UNKNOWN_MESSAGE)
    return _find(call, interaction, message_id)


def _payload(call: Call, message: Message) -> Json:
    return message_payload(call.pocket.view(call.pocket.world.bot), message)


@routes.add("POST", WEBHOOK, public=True)
async def create_followup(call: Call) -> Json:
    """Create a followup. The first one after a deferred response replaces that response."""
    interaction, form = _interaction(call), call.form(CallbackMessage)
    original = call.pocket.world.message(interaction.channel_id, interaction.response_id or 0)
    if original is not None and original.flags & callbacks.LOADING:
        return _payload(call, callbacks.edit(call, original, form))
    message = callbacks.new_message(call.pocket, interaction, form)
    if original is not None:
        message.type = MessageType.REPLY
        message.reference = Reference(
            channel_id=original.channel_id, message_id=original.id, guild_id=interaction.guild_id
        )
        original_id = {"original_response_message_id": str(original.id)}
        message.interaction = {"interaction_metadata": interaction.metadata | original_id}
    files = callbacks.apply_form(call, message, form)
    interaction.replies.append(message.id)
    call.pocket.world.save_interaction(interaction)
    callbacks.publish(call.pocket, message, files)
    return _payload(call, message)


@routes.add("GET", ORIGINAL, public=True)
async def get_original(call: Call) -> Json:
    """Get the initial response."""
    interaction = _interaction(call)
    return _payload(call, _find(call, interaction, interaction.response_id))


@routes.add("PATCH", ORIGINAL, public=True)
async def edit_original(call: Call) -> Json:
    """Edit the initial response, or complete a deferred one."""
    interaction = _interaction(call)
    message = _find(call, interaction, interaction.response_id)
    return _payload(call, callbacks.edit(call, message, call.form(CallbackMessage)))


@routes.add("DELETE", ORIGINAL, public=True)
async def delete_original(call: Call) -> None:
    """Delete the initial response."""
    interaction = _interaction(call)
    _delete(call, interaction, _find(call, interaction, interaction.response_id))


@routes.add("GET", MESSAGE, public=True)
async def get_followup(call: Call) -> Json:
    """Get a followup."""
    return _payload(call, _own_message(call, _interaction(call)))


@routes.add("PATCH", MESSAGE, public=True)
async def edit_followup(call: Call) -> Json:
    """Edit a followup."""
    message = _own_message(call, _interaction(call))
    return _payload(call, callbacks.edit(call, message, call.form(CallbackMessage)))


@routes.add("DELETE", MESSAGE, public=True)
async def delete_followup(call: Call) -> None:
    """Delete a followup."""
    interaction = _interaction(call)
    _delete(call, interaction, _own_message(call, interaction))


def _delete(call: Call, interaction: Interaction, message: Message) -> None:
    posting.delete(call.pocket, call.pocket.world.channels[interaction.channel_id], message)
    if message.id == interaction.response_id:
        interaction.response_id = None
        call.pocket.world.save_interaction(interaction)
