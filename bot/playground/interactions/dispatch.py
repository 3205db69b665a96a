"""Create interactions, send them to the application, and notify the invoker's clients of the outcome.

An interaction needs an initial response within 3 seconds. Its token is valid for 15 minutes.
Source: Discord's reference, "Receiving and responding to interactions".
"""

import asyncio
import secrets

from bot.playground.forms.interaction_forms import InteractionForm
from bot.playground.http.routing import Call
from bot.playground.interactions.resolved import ResolvedData
from bot.playground.payloads.channels import channel as channel_payload
from bot.playground.payloads.messages import message as message_payload
from bot.playground.payloads.users import member, user
from bot.playground.pocket import Pocket
from bot.playground.state.records import Channel, Interaction, InteractionType, Json, Message, User
from bot.playground.state.snowflakes import at_time, time_of

LOCALE = "en-US"
IN_GUILD, IN_DM = 0, 1
TIMED_OUT = 2
"""`reason_code` of INTERACTION_FAILURE: no initial response in time."""

KEEP_SECONDS = 3600
"""How long an interaction is stored after its token has expired."""


def create(
    call: Call, form: InteractionForm, channel: Channel, data: Json, resolved: ResolvedData
) -> Interaction:
    """Return a new interaction. `send_to_application` stores and sends it.

    Args:
        call: The request.
        form: The body of the client's request.
        channel: The channel of the interaction.
        data: The interaction's `data`, without `resolved`.
        resolved: The objects that `data` refers to.
    """
    objects = resolved.json()
    interaction = Interaction(
        id=call.pocket.world.snowflakes.next(),
        type=form.type,
        token=secrets.token_urlsafe(96),
        application_id=form.application_id,
        user_id=call.user.id,
        channel_id=channel.id,
        guild_id=channel.guild_id,
        data=data | ({"resolved": objects} if objects else {}),
        nonce=form.nonce,
    )
    interaction.metadata = {
        "id": str(interaction.id),
        "type": int(form.type),
        "user": user(call.user),
        "authorizing_integration_owners": _owners(channel),
    }
    return interaction


def send_to_application(pocket: Pocket, interaction: Interaction, message: Message | None = None) -> None:
    """Store an interaction, send INTERACTION_CREATE to both sides, and start the timer of its deadline."""
    world = pocket.world
    world.remove_interactions(at_time(world.clock() - pocket.limits.token_seconds - KEEP_SECONDS))
    world.save_interaction(interaction)
    notify_invoker(pocket, interaction, "INTERACTION_CREATE")
    pocket.hub.to_user(
        "INTERACTION_CREATE", world.bot.id, _payload(pocket, interaction, message), interaction.guild_id
    )
    if interaction.type is not InteractionType.AUTOCOMPLETE:
        loop = asyncio.get_running_loop()
        pocket.timers.add(
            loop.call_later(pocket.limits.acknowledge_seconds, _fail_if_unanswered, pocket, interaction)
        )


def notify_invoker(pocket: Pocket, interaction: Interaction, event: str, more: Json | None = None) -> None:
    """Send an event about an interaction to its invoker, with the nonce of the client's request."""
    event_data: Json = {"id": str(interaction.id)} | (
        {"nonce": interaction.nonce} if interaction.nonce else {}
    )
    pocket.hub.to_user(event, interaction.user_id, event_data | (more or {}))


def _fail_if_unanswered(pocket: Pocket, interaction: Interaction) -> None:
    if interaction.callback is None:
        notify_invoker(pocket, interaction, "INTERACTION_FAILURE", {"reason_code": TIMED_OUT})


def age(pocket: Pocket, interaction: Interaction) -> float:
    """Return the age of an interaction in seconds."""
    return pocket.world.clock() - time_of(interaction.id).timestamp()


def _payload(pocket: Pocket, interaction: Interaction, message: Message | None) -> Json:
    world = pocket.world
    channel, invoker = world.channels[interaction.channel_id], world.users[interaction.user_id]
    bits = str(world.permissions(channel, invoker.id))
    shown: Json = {
        "id": str(interaction.id),
        "application_id": str(interaction.application_id),
        "type": int(interaction.type),
        "token": interaction.token,
        "version": 1,
        "channel_id": str(channel.id),
        "channel": channel_payload(world, channel, world.bot) | {"permissions": bits},
        "locale": LOCALE,
        "app_permissions": str(world.permissions(channel, world.bot.id)),
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": _owners(channel),
        "context": IN_DM if channel.guild_id is None else IN_GUILD,
        "attachment_size_limit": pocket.limits.file_bytes,
        "data": interaction.data,
    }
    if message is not None:
        shown["message"] = message_payload(pocket.view(world.bot), message)
    return shown | _invoker(pocket, channel, invoker, bits)


def _invoker(pocket: Pocket, channel: Channel, invoker: User, bits: str) -> Json:
    guild = pocket.world.guild_of(channel)
    if guild is None:
        return {"user": user(invoker)}
    return {
        "guild_id": str(guild.id),
        "guild": {"id": str(guild.id), "locale": LOCALE, "features": []},
        "guild_locale": LOCALE,
        "member": member(pocket.world, guild.members[invoker.id]) | {"permissions": bits},
    }


def _owners(channel: Channel) -> Json:
    """Return `authorizing_integration_owners`: the guild, or "0" in a DM with the bot."""
    return {"0": "0" if channel.guild_id is None else str(channel.guild_id)}
