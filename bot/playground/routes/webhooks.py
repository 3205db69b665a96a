"""Interactions answered: the first response, follow-ups, and changes to both.

Whoever has an interaction's token may; no other authorization is needed.
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
async def respond(call: Call) -> Reply:
    """Give an interaction its first response."""
    answer = callbacks.respond(call)
    wanted = call.query.get("with_response", "").lower() in {"1", "true"}
    return Reply(200, answer) if wanted else Reply(204)


def _interaction(call: Call) -> Interaction:
    """Return the interaction that the path's token belongs to, once it was answered."""
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


def _named(call: Call, interaction: Interaction) -> Message:
    """Return the path's message, if the interaction made it or answers it."""
    message_id = call.id("message_id")
    if message_id not in {*interaction.replies, interaction.response_id}:
        raise ApiError(ErrorCode.UNKNOWN_MESSAGE)
    return _find(call, interaction, message_id)


def _shown(call: Call, message: Message) -> Json:
    return message_payload(call.pocket.view(call.pocket.world.bot), message)


@routes.add("POST", WEBHOOK, public=True)
async def follow_up(call: Call) -> Json:
    """Send another message; directly after a deferred response it becomes that response."""
    interaction, form = _interaction(call), call.form(CallbackMessage)
    original = call.pocket.world.message(interaction.channel_id, interaction.response_id or 0)
    if original is not None and original.flags & callbacks.LOADING:
        return _shown(call, callbacks.edit(call, original, form))
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
    return _shown(call, message)


@routes.add("GET", ORIGINAL, public=True)
async def original(call: Call) -> Json:
    """Get the first response."""
    interaction = _interaction(call)
    return _shown(call, _find(call, interaction, interaction.response_id))


@routes.add("PATCH", ORIGINAL, public=True)
async def edit_original(call: Call) -> Json:
    """Change the first response; one that was deferred comes with this."""
    interaction = _interaction(call)
    message = _find(call, interaction, interaction.response_id)
    return _shown(call, callbacks.edit(call, message, call.form(CallbackMessage)))


@routes.add("DELETE", ORIGINAL, public=True)
async def delete_original(call: Call) -> None:
    """Delete the first response."""
    interaction = _interaction(call)
    _delete(call, interaction, _find(call, interaction, interaction.response_id))


@routes.add("GET", MESSAGE, public=True)
async def one(call: Call) -> Json:
    """Get a message that the interaction made."""
    return _shown(call, _named(call, _interaction(call)))


@routes.add("PATCH", MESSAGE, public=True)
async def edit(call: Call) -> Json:
    """Change a message that the interaction made."""
    message = _named(call, _interaction(call))
    return _shown(call, callbacks.edit(call, message, call.form(CallbackMessage)))


@routes.add("DELETE", MESSAGE, public=True)
async def delete(call: Call) -> None:
    """Delete a message that the interaction made."""
    interaction = _interaction(call)
    _delete(call, interaction, _named(call, interaction))


def _delete(call: Call, interaction: Interaction, message: Message) -> None:
    posting.delete(call.pocket, call.pocket.world.channels[interaction.channel_id], message)
    if message.id == interaction.response_id:
        interaction.response_id = None
        call.pocket.world.save_interaction(interaction)
