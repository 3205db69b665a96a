"""What an earlier life of the bot has left of an answer in Discord."""

import contextlib
from dataclasses import dataclass

import discord

from bot.talk_buttons import actions, turn_of
from bot.talk_replies import is_small
from handlers.storage.inbox import OpenTurn

HISTORY_LIMIT = 100
"""Messages after the turn among which the answer's are looked for."""


@dataclass(frozen=True)
class PostedAnswer:
    """The messages of an answer.

    Attributes:
        ids: Which they are, in order.
        last: What the last of them says; empty where there is none.
        buttons: Which of our buttons it has.
    """

    ids: tuple[int, ...] = ()
    last: str = ""
    buttons: frozenset[str] = frozenset()

    @property
    def interrupted(self) -> bool:
        """Tell whether there are words of the model's, and more were to come."""
        return bool(self.ids) and not is_small(self.last) and not self.buttons - {"stop"}

    def is_outcome(self, request: OpenTurn) -> bool:
        """Tell whether it was shown to its end already, be it an answer or a sentence that says why not."""
        # Where an answer is made anew, the one before stands there at first.
        return bool(self.buttons - {"stop"}) and not request.attempt


async def find_posted_answer(
    client: discord.Client, channel: discord.abc.Messageable, request: OpenTurn
) -> PostedAnswer:
    """Look for what stands there.

    Raises:
        discord.HTTPException, OSError: Discord cannot be reached.
    """
    me = client.user.id if client.user else 0
    found: dict[int, discord.Message] = {}
    for each in request.messages:
        with contextlib.suppress(discord.NotFound, discord.Forbidden):
            found[each] = await channel.fetch_message(each)
    with contextlib.suppress(discord.Forbidden, discord.NotFound):
        # A message may have been sent right before its id would have been written down.
        async for message in channel.history(after=discord.Object(request.born), limit=HISTORY_LIMIT):
            if message.author.id == me and turn_of(message) == request.turn_id:
                found[message.id] = message
    if not found:
        return PostedAnswer()
    ids = tuple(sorted(found))
    last = found[ids[-1]]
    return PostedAnswer(ids, last.content, frozenset(actions(last)))
