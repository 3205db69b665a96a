"""The button below a caption. It outlives restarts: its custom_id says all it needs."""

import re
from typing import Any, Protocol, Self, cast

import discord

from bot.errors import UserError
from bot.interactions.response import run_or_refuse

CHAT_COG = "Chat"
NO_CHAT = "I can't talk here: my operator has not loaded conversations."

_BEGIN = re.compile(r"talk:begin:(?P<message>\d{1,20})")


class ChatStarter(Protocol):
    """What this button needs of the chat cog."""

    async def begin(self, interaction: discord.Interaction[Any], message_id: int) -> None:
        """Start a conversation about a message's pictures."""


class TalkButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_BEGIN):
    """Starts a conversation about a message's pictures.

    Args:
        message_id: The message.
    """

    def __init__(self, message_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label="Talk about it",
                style=discord.ButtonStyle.secondary,
                custom_id=f"talk:begin:{message_id}",
            )
        )
        self.message_id = message_id

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button again from its custom_id."""
        return cls(int(match["message"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Start the conversation."""
        await run_or_refuse(interaction, self._begin(interaction))

    async def _begin(self, interaction: discord.Interaction[Any]) -> None:
        chat = interaction.client.get_cog(CHAT_COG)
        if chat is None:
            raise UserError(NO_CHAT)
        await cast("ChatStarter", chat).begin(interaction, self.message_id)


def caption_buttons(message_id: int) -> discord.ui.View:
    """Make the buttons below a caption of a message's pictures."""
    view = discord.ui.View(timeout=None)
    view.add_item(TalkButton(message_id))
    return view
