"""Each kind of picture through the whole house, and what is answered."""

import asyncio
from dataclasses import dataclass

from bot.formatting.errors import error_sentence
from inference.errors import BrokenPicture, NotAPicture
from tests.e2e.kinds import Kind
from tests.e2e.member import Member

REFUSALS = frozenset({error_sentence(NotAPicture()), error_sentence(BrokenPicture())})


@dataclass(frozen=True)
class Tried:
    """A kind with what came of it."""

    kind: Kind
    answer: str

    @property
    def is_right(self) -> bool:
        """Tell whether it is what a person would want to read."""
        return self.answer in REFUSALS if self.kind.wanted is None else self.answer == self.kind.wanted


async def tried(member: Member, kind: Kind, channel: str | None = None) -> Tried:
    """Post a picture of a kind where captions are on, or in `channel`, and wait for the answer."""
    data = await asyncio.to_thread(kind.make)
    posted = await member.post(channel or member.session["channel_id"], files=[(kind.filename, data)])
    return Tried(kind, (await member.reply_to(posted))["content"])
