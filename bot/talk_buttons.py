"""The buttons of conversations. They outlive restarts: what they are about stands in their ids."""

import logging
import re
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Literal, Self

import discord

from bot import replies
from bot.call import UserError
from bot.rights import check_may_write
from bot.telling import tell
from handlers.chat.history import ConversationKey
from inference.errors import BeholderError

if TYPE_CHECKING:
    from bot.client import Beholder

log = logging.getLogger(__name__)

Action = Literal["stop", "regenerate", "reset", "retry"]
LABELS: dict[Action, str] = {
    "stop": "Stop",
    "regenerate": "Regenerate",
    "reset": "Reset",
    "retry": "Retry",
}
_TURN = re.compile(r"talk:(?P<action>stop|regenerate|reset|retry):(?P<hangs_on>\d{1,20}):(?P<turn>\d{1,20})")
_BEGIN = re.compile(r"talk:begin:(?P<message>\d{1,20})")

BUTTON = discord.ui.Button[discord.ui.View]


class TurnButton(discord.ui.DynamicItem[BUTTON], template=_TURN):
    """Steers the answer to a turn.

    Args:
        action: What it does.
        hangs_on: As a conversation in place has it; 0: it has the channel to itself.
        turn_id: The turn.
    """

    def __init__(self, action: Action, hangs_on: int, turn_id: int) -> None:
        style = discord.ButtonStyle.danger if action == "stop" else discord.ButtonStyle.secondary
        custom_id = f"talk:{action}:{hangs_on}:{turn_id}"
        super().__init__(discord.ui.Button(label=LABELS[action], style=style, custom_id=custom_id))
        self.action: Action = action
        self.hangs_on = hangs_on
        self.turn_id = turn_id

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make it again from what its id says."""
        action: Action = match["action"]  # type: ignore[assignment]
        return cls(action, int(match["hangs_on"]), int(match["turn"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what it says."""
        await answered(interaction, self._act(interaction))

    async def _act(self, interaction: "discord.Interaction[Beholder]") -> None:
        check_may_write(interaction)
        await interaction.response.defer()
        place = ConversationKey(interaction.channel_id or 0, self.hangs_on or None)
        steer = interaction.client.steering
        match self.action:
            case "stop":
                await steer.stop(place, self.turn_id)
            case "regenerate":
                await steer.regenerate(interaction, place, self.turn_id)
            case "retry":
                await steer.retry(interaction, place, self.turn_id)
            case "reset":
                await steer.reset(interaction, place, self.turn_id)


class BeginButton(discord.ui.DynamicItem[BUTTON], template=_BEGIN):
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
        """Make it again from what its id says."""
        return cls(int(match["message"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Start."""
        await answered(interaction, self._act(interaction))

    async def _act(self, interaction: "discord.Interaction[Beholder]") -> None:
        await interaction.client.begin_talk(interaction, self.message_id)


def begin(message_id: int) -> discord.ui.View:
    """Make the button below a caption."""
    return _view(BeginButton(message_id))


def running(place: ConversationKey, turn_id: int) -> discord.ui.View:
    """Make the button below an answer that is being written."""
    return _view(*_turn_buttons(("stop",), place, turn_id))


def done(place: ConversationKey, turn_id: int) -> discord.ui.View:
    """Make the buttons below the newest answer."""
    return _view(*_turn_buttons(("regenerate", "reset"), place, turn_id))


def failed(place: ConversationKey, turn_id: int) -> discord.ui.View:
    """Make the buttons below an answer that did not come to its end."""
    return _view(*_turn_buttons(("retry", "reset"), place, turn_id))


def _turn_buttons(actions: tuple[Action, ...], place: ConversationKey, turn_id: int) -> list[TurnButton]:
    return [TurnButton(action, place.hangs_on or 0, turn_id) for action in actions]


def _view(*items: TurnButton | BeginButton) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    return view


def actions(message: discord.Message) -> set[str]:
    """Say which of our buttons a message has."""
    return {
        match["action"]
        for row in message.components
        for button in getattr(row, "children", ())
        if (match := _TURN.fullmatch(getattr(button, "custom_id", None) or ""))
    }


def turn_of(message: discord.Message) -> int | None:
    """Say which turn a message's buttons are about."""
    for row in message.components:
        for button in getattr(row, "children", ()):
            if match := _TURN.fullmatch(getattr(button, "custom_id", None) or ""):
                return int(match["turn"])
    return None


async def answered(interaction: discord.Interaction[Any], act: Awaitable[None]) -> None:
    """Do what was pressed; what goes wrong is said to whoever pressed it, since discord.py only logs it."""
    try:
        await act
    except UserError as refusal:
        sentence = str(refusal)
    except BeholderError as error:
        sentence = replies.sentence(error)
    except Exception:
        log.exception("interaction %d: a button failed", interaction.id)
        sentence = replies.BROKE
    else:
        return
    await tell(interaction, sentence)
