"""Which members may have the bot write: by a press or a command no more than they could write themselves."""

from typing import Any

import discord

from bot.cogs.chat.strings import MAY_NOT, MAY_NOT_OPEN
from bot.discord_api.threads import can_create_threads
from bot.errors import UserError
from bot.events.router import is_own_thread


def check_may_write(interaction: discord.Interaction[Any]) -> None:
    """Refuse a member who may not write in the channel.

    Raises:
        UserError: They may not.
    """
    permissions = interaction.permissions
    in_thread = isinstance(interaction.channel, discord.Thread)
    may = permissions.send_messages_in_threads if in_thread else permissions.send_messages
    if interaction.guild_id is not None and not (may or permissions.administrator):
        raise UserError(MAY_NOT)


def check_may_talk(interaction: discord.Interaction[Any], message_id: int | None = None) -> None:
    """Refuse a member who may not start a conversation in the channel: in a thread, or else in place.

    Args:
        interaction: The member's.
        message_id: The message that the conversation is to be about, where that is known.

    Raises:
        UserError: They may not.
    """
    client, permissions = interaction.client, interaction.permissions
    if not can_create_threads(client, interaction.channel_id or 0):
        check_may_write(interaction)
        return
    bot_id = client.user.id if client.user is not None else 0
    exists = message_id is not None and is_own_thread(client.get_channel(message_id), bot_id)
    may = permissions.send_messages_in_threads and (exists or permissions.create_public_threads)
    if not (may or permissions.administrator):
        raise UserError(MAY_NOT_OPEN)
