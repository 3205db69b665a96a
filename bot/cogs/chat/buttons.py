"""The buttons of answers in conversations. They outlive restarts: their custom_ids say all they need."""

import re
from typing import Any, Literal, Protocol, Self, cast

import discord

from bot.cogs.chat.permissions import check_may_write
from bot.interactions.response import run_or_refuse
from handlers.chat.history import ConversationKey

CHAT_COG = "Chat"

Action = Literal["stop", "regenerate", "reset", "retry", "continue"]
LABELS: dict[Action, str] = {
    "stop": "Stop",
    "regenerate": "Regenerate",
    "reset": "Reset",
    "retry": "Retry",
    "continue": "Continue",
}
_TURN = re.compile(
    r"talk:(?P<action>stop|regenerate|reset|retry|continue):(?P<root>\d{1,20}):(?P<turn>\d{1,20})"
)


class Actions(Protocol):
    """What these buttons need of `bot.cogs.chat.actions.TurnActions`."""

    async def run(
        self, action: Action, interaction: discord.Interaction[Any], key: ConversationKey, turn_id: int
    ) -> None:
        """Do what a button says."""


class ChatCog(Protocol):
    """What these buttons need of the chat cog."""

    actions: Actions


class TurnButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TURN):
    """Stops, regenerates, retries, continues or resets the answer to a turn.

    Args:
        action: What it does.
        root_message_id: Of a conversation in place; 0: the conversation has its channel to itself.
        turn_id: The turn.
    """

    def __init__(self, action: Action, root_message_id: int, turn_id: int) -> None:
        style = discord.ButtonStyle.danger if action == "stop" else discord.ButtonStyle.secondary
        custom_id = f"talk:{action}:{root_message_id}:{turn_id}"
        super().__init__(discord.ui.Button(label=LABELS[action], style=style, custom_id=custom_id))
        self.action: Action = action
        self.root_message_id = root_message_id
        self.turn_id = turn_id

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button again from its custom_id."""
        action: Action = match["action"]  # type: ignore[assignment]
        return cls(action, int(match["root"]), int(match["turn"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says."""
        await run_or_refuse(interaction, self._run(interaction))

    async def _run(self, interaction: discord.Interaction[Any]) -> None:
        check_may_write(interaction)
        await interaction.response.defer()
        key = ConversationKey(interaction.channel_id or 0, self.root_message_id or None)
        chat = cast("ChatCog", interaction.client.get_cog(CHAT_COG))
        await chat.actions.run(self.action, interaction, key, self.turn_id)


def running_view(key: ConversationKey, turn_id: int) -> discord.ui.View:
    """Make the button below an answer that is being written."""
    return _view(("stop",), key, turn_id)


def done_view(key: ConversationKey, turn_id: int) -> discord.ui.View:
    """Make the buttons below the newest answer."""
    return _view(("regenerate", "reset"), key, turn_id)


def cut_off_view(key: ConversationKey, turn_id: int) -> discord.ui.View:
    """Make the buttons below the newest answer, where it ended at the limit of its tokens."""
    return _view(("continue", "regenerate", "reset"), key, turn_id)


def failed_view(key: ConversationKey, turn_id: int) -> discord.ui.View:
    """Make the buttons below an answer that failed or was interrupted."""
    return _view(("retry", "reset"), key, turn_id)


def _view(actions: tuple[Action, ...], key: ConversationKey, turn_id: int) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for action in actions:
        view.add_item(TurnButton(action, key.root_message_id or 0, turn_id))
    return view


def actions_of(message: discord.Message) -> set[str]:
    """Return the actions of a message's buttons."""
    return {match["action"] for match in _custom_ids(message)}


def turn_of(message: discord.Message) -> int | None:
    """Return the turn that a message's buttons are about; None where it has none of these."""
    return next((int(match["turn"]) for match in _custom_ids(message)), None)


def _custom_ids(message: discord.Message) -> list[re.Match[str]]:
    return [
        match
        for row in message.components
        for button in getattr(row, "children", ())
        if (match := _TURN.fullmatch(getattr(button, "custom_id", None) or ""))
    ]
