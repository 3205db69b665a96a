"""Find the messages of an answer posted by a previous process, to resume after a restart."""

import contextlib
from dataclasses import dataclass

import discord

from bot.cogs.chat.buttons import actions_of, turn_of
from bot.cogs.chat.strings import is_small_print
from bot.discord_api.history import read_history
from bot.formatting.status import is_placeholder
from handlers.storage.inbox import OpenTurn

HISTORY_LIMIT = 100
"""Messages after the turn among which the answer's are looked for."""


@dataclass(frozen=True)
class PostedAnswer:
    """The messages of an answer in Discord.

    Attributes:
        ids: Their ids, in order.
        last: The content of the last one; empty where there is none.
        actions: The actions of its buttons.
    """

    ids: tuple[int, ...] = ()
    last: str = ""
    actions: frozenset[str] = frozenset()

    @property
    def is_interrupted(self) -> bool:
        """Whether it has text of the model's, and the process ended before the rest."""
        notice = is_small_print(self.last) or is_placeholder(self.last)
        return bool(self.ids) and not notice and not self.actions - {"stop"}

    def is_outcome_of(self, request: OpenTurn) -> bool:
        """Tell whether it was shown to its end, be it an answer or a sentence that says why there is none."""
        # Where an answer is regenerated, the one before stands there at first.
        return bool(self.actions - {"stop"}) and not request.attempt


async def find_posted_answer(
    bot_id: int, channel: discord.abc.Messageable, request: OpenTurn
) -> PostedAnswer:
    """Find the messages of a request's answer.

    Raises:
        discord.HTTPException, OSError: Discord cannot be reached.
    """
    found: dict[int, discord.Message] = {}
    for message_id in request.messages:
        with contextlib.suppress(discord.NotFound, discord.Forbidden):
            found[message_id] = await channel.fetch_message(message_id)
    with contextlib.suppress(discord.Forbidden, discord.NotFound):
        # A message may have been sent right before its id would have been stored.
        async for message in read_history(channel, after=request.born, limit=HISTORY_LIMIT):
            if message.author.id == bot_id and (
                turn_of(message) == request.turn_id or _is_placeholder(message, request)
            ):
                found[message.id] = message
    if not found:
        return PostedAnswer()
    ids = tuple(sorted(found))
    last = found[ids[-1]]
    return PostedAnswer(ids, last.content, frozenset(actions_of(last)))


def _is_placeholder(message: discord.Message, request: OpenTurn) -> bool:
    """Tell whether a message says that the answer to a turn waits for Redis."""
    replied_to = message.reference.message_id if message.reference is not None else None
    return replied_to is not None and replied_to == request.reply_to and is_placeholder(message.content)
