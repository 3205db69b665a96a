"""Do what the buttons of an answer say: stop, regenerate, continue, retry, reset."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import discord

from bot.cogs.chat.buttons import Action
from bot.cogs.chat.strings import (
    COMPLETE,
    ENDED,
    FORGOTTEN,
    LOCKED,
    NOT_NEWEST,
    STILL_ANSWERING,
    reset_notice,
)
from bot.cogs.chat.turn_runner import ChatTurnRunner
from bot.errors import UserError
from bot.formatting.markdown import escape
from handlers.chat.history import ConversationKey, History
from handlers.storage.inbox import OpenTurn
from handlers.text import tidy


class TurnActions:
    """Runs the buttons' actions. In a conversation one at a time, and none while a turn is being answered.

    Args:
        history: The conversations.
        runner: The turns that are being answered.
    """

    def __init__(self, history: History, runner: ChatTurnRunner) -> None:
        self._history = history
        self._runner = runner

    async def run(
        self, action: Action, interaction: discord.Interaction[Any], key: ConversationKey, turn_id: int
    ) -> None:
        """Run an action.

        Raises:
            UserError: It cannot be done as things stand.
            QueueUnavailable: Redis cannot be reached.
        """
        match action:
            case "stop":
                await self._stop(key, turn_id)
            case "regenerate":
                await self._regenerate(interaction, key, turn_id)
            case "continue":
                await self._continue(interaction, key, turn_id)
            case "retry":
                await self._retry(interaction, key, turn_id)
            case "reset":
                await self._reset(interaction, key, turn_id)

    async def _stop(self, key: ConversationKey, turn_id: int) -> None:
        """Stop an answer, in the worker and in Ollama too."""
        if not await self._runner.stop_answer(key, turn_id):
            raise UserError(ENDED)

    async def _regenerate(self, interaction: discord.Interaction, key: ConversationKey, turn_id: int) -> None:
        """Replace the newest answer."""
        with self._claimed(interaction, key):
            await self._check_newest(key, turn_id)
            await self._answer_again(interaction, key, turn_id)

    async def _continue(self, interaction: discord.Interaction, key: ConversationKey, turn_id: int) -> None:
        """Go on with the newest answer, which was cut off."""
        with self._claimed(interaction, key):
            await self._check_newest(key, turn_id)
            exchanges = await self._history.exchanges(key, until=turn_id)
            replied = exchanges[-1].replied if exchanges and exchanges[-1].said.turn_id == turn_id else None
            if replied is None:
                raise UserError(FORGOTTEN)
            if not replied.cut_off:
                raise UserError(COMPLETE)
            await self._answer_again(interaction, key, turn_id, continues=True)

    async def _retry(self, interaction: discord.Interaction, key: ConversationKey, turn_id: int) -> None:
        """Answer the newest turn, whose answer failed."""
        with self._claimed(interaction, key):
            await self._check_newest(key, turn_id)
            await self._answer_again(interaction, key, turn_id)

    async def _reset(self, interaction: discord.Interaction, key: ConversationKey, turn_id: int) -> None:
        """Delete the conversation's turns but not its pictures, and say so to everyone."""
        with self._claimed(interaction, key):
            await self._check_newest(key, turn_id)
            await self._history.reset(key)
            subject = await self._history.subject(key)
        pictures = subject.pictures if subject is not None else ()
        nobody = discord.AllowedMentions.none()
        if interaction.message is not None:
            await interaction.edit_original_response(view=None, allowed_mentions=nobody)
        who = escape(tidy(interaction.user.display_name), line_start=False)
        notice = await interaction.followup.send(
            reset_notice(who, len(pictures)), allowed_mentions=nobody, wait=True
        )
        # In place, a reply to this goes on with the conversation.
        await self._history.belongs(key, [notice.id])

    @contextlib.contextmanager
    def _claimed(self, interaction: discord.Interaction, key: ConversationKey) -> Iterator[None]:
        """Claim a conversation, so that two presses run one action.

        Raises:
            UserError: It is claimed, or its thread is locked.
        """
        thread = interaction.channel
        if isinstance(thread, discord.Thread) and thread.archived and thread.locked:
            raise UserError(LOCKED)
        with self._runner.claimed(key, f"press:{interaction.id}") as free:
            if not free:
                raise UserError(STILL_ANSWERING)
            yield

    async def _answer_again(
        self,
        interaction: discord.Interaction,
        key: ConversationKey,
        turn_id: int,
        *,
        continues: bool = False,
    ) -> None:
        exchanges = await self._history.exchanges(key, until=turn_id)
        if all(each.said.turn_id != turn_id for each in exchanges):
            raise UserError(FORGOTTEN)
        request = OpenTurn(
            channel_id=key.channel_id,
            guild_id=interaction.guild_id,
            author_id=interaction.user.id,
            accepted=time.time(),
            turn_id=turn_id,
            root_message_id=key.root_message_id,
            attempt=interaction.id,
            messages=await self._history.messages(key, turn_id),
            continues=continues,
        )
        await self._runner.answer_again(request)

    async def _check_newest(self, key: ConversationKey, turn_id: int) -> None:
        newest = await self._history.newest(key)
        if newest is None:
            raise UserError(FORGOTTEN)
        if newest != turn_id:
            raise UserError(NOT_NEWEST)
