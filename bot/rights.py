"""What people may have the bot do: a press or a command of theirs writes no more than they could."""

from typing import Any

import discord

from bot import talk_replies
from bot.call import UserError
from bot.messages import is_own_thread
from bot.opening import may_have_threads


def check_may_write(interaction: discord.Interaction[Any]) -> None:
    """Refuse somebody who may not write where they are.

    Raises:
        Refused: They may not.
    """
    rights = interaction.permissions
    in_thread = isinstance(interaction.channel, discord.Thread)
    may = rights.send_messages_in_threads if in_thread else rights.send_messages
    if interaction.guild_id is not None and not (may or rights.administrator):
        raise UserError(talk_replies.MAY_NOT)


def check_may_talk(interaction: discord.Interaction[Any], message_id: int | None = None) -> None:
    """Refuse somebody who may not start a conversation where they are: in a thread, or else in place.

    Args:
        interaction: Theirs.
        message_id: The message that it is about, where that is known.

    Raises:
        Refused: They may not.
    """
    client, rights = interaction.client, interaction.permissions
    if not may_have_threads(client, interaction.channel_id or 0):
        check_may_write(interaction)
        return
    me = client.user.id if client.user is not None else 0
    there = message_id is not None and is_own_thread(client.get_channel(message_id), me)
    may = rights.send_messages_in_threads and (there or rights.create_public_threads)
    if not (may or rights.administrator):
        raise UserError(talk_replies.MAY_NOT_OPEN)
