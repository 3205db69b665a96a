"""What the buttons of a conversation do: stop, regenerate, retry, reset."""

import contextlib
import time
from collections.abc import Iterator

import discord

from bot import talk_replies
from bot.call import UserError
from bot.conversing import ChatTurnRunner
from bot.replies import clean, escaped
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import Exchange
from handlers.storage.inbox import OpenTurn


class TurnActions:
    """Acts on what was pressed.

    Args:
        history: What was said.
        conversing: The turns that are being answered.
    """

    def __init__(self, history: History, conversing: ChatTurnRunner) -> None:
        self._history = history
        self._conversing = conversing

    async def stop(self, place: ConversationKey, turn_id: int) -> None:
        """End an answer, on the server too.

        Raises:
            Refused: It is not being written.
            QueueUnavailable: Redis cannot be reached.
        """
        if not await self._conversing.end(place, turn_id):
            raise UserError(talk_replies.ENDED)

    async def regenerate(
        self, interaction: discord.Interaction, place: ConversationKey, turn_id: int
    ) -> None:
        """Have the newest answer made anew, in its place.

        Raises:
            Refused: It is not the newest, or not known any more.
            QueueUnavailable: Redis cannot be reached.
        """
        with self._claimed(interaction, place):
            await self._check_newest(place, turn_id)
            await self._again(interaction, place, turn_id)

    async def retry(self, interaction: discord.Interaction, place: ConversationKey, turn_id: int) -> None:
        """Have a turn answered to which there is no answer yet.

        Raises:
            Refused: There is one, or the turn is not known any more.
            QueueUnavailable: Redis cannot be reached.
        """
        with self._claimed(interaction, place):
            await self._again(interaction, place, turn_id)

    async def reset(self, interaction: discord.Interaction, place: ConversationKey, turn_id: int) -> None:
        """Forget what was said, and say so to everyone.

        Raises:
            Refused: It is not pressed on the newest answer.
            QueueUnavailable: Redis cannot be reached.
        """
        with self._claimed(interaction, place):
            await self._check_newest(place, turn_id)
            await self._history.reset(place)
        nobody = discord.AllowedMentions.none()
        if interaction.message is not None:
            await interaction.edit_original_response(view=None, allowed_mentions=nobody)
        who = "".join(escaped(clean(interaction.user.display_name), first=False))
        notice = await interaction.followup.send(
            talk_replies.RESET.format(who=who), allowed_mentions=nobody, wait=True
        )
        # In place, a reply to this goes on with the conversation.
        await self._history.belongs(place, [notice.id])

    @contextlib.contextmanager
    def _claimed(self, interaction: discord.Interaction, place: ConversationKey) -> Iterator[None]:
        """Let nobody else steer a conversation meanwhile: who presses twice means it once.

        Raises:
            Refused: Something is going on there, or nothing can be changed.
        """
        thread = interaction.channel
        if isinstance(thread, discord.Thread) and thread.archived and thread.locked:
            raise UserError(talk_replies.LOCKED)
        with self._conversing.claimed(place, f"press:{interaction.id}") as free:
            if not free:
                raise UserError(talk_replies.STILL_AT_IT)
            yield

    async def _again(self, interaction: discord.Interaction, place: ConversationKey, turn_id: int) -> None:
        await self._known(place, turn_id)
        request = OpenTurn(
            channel_id=place.channel_id,
            guild_id=interaction.guild_id,
            author_id=interaction.user.id,
            accepted=time.time(),
            turn_id=turn_id,
            hangs_on=place.hangs_on,
            attempt=interaction.id,
            messages=await self._history.messages(place, turn_id),
        )
        await self._conversing.again(request)

    async def _check_newest(self, place: ConversationKey, turn_id: int) -> None:
        newest = await self._history.newest(place)
        if newest is None:
            raise UserError(talk_replies.FORGOTTEN)
        if newest != turn_id:
            raise UserError(talk_replies.NOT_NEWEST)

    async def _known(self, place: ConversationKey, turn_id: int) -> Exchange:
        for each in await self._history.exchanges(place, until=turn_id):
            if each.said.turn_id == turn_id:
                return each
        raise UserError(talk_replies.FORGOTTEN)
