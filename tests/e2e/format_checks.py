"""Post a picture of each format to a running stack, and check the bot's reply."""

import asyncio
from dataclasses import dataclass

from bot.formatting.errors import error_sentence
from inference.errors import BrokenPicture, NotAPicture
from tests.e2e.image_formats import Kind
from tests.e2e.member import Member

REFUSALS = frozenset({error_sentence(NotAPicture()), error_sentence(BrokenPicture())})


@dataclass(frozen=True)
class Tried:
    """The bot's reply to a picture of a format."""

    kind: Kind
    answer: str

    @property
    def is_right(self) -> bool:
        """Tell whether it is the caption of the picture, or a refusal where one is expected."""
        return self.answer in REFUSALS if self.kind.wanted is None else self.answer == self.kind.wanted


async def tried(member: Member, kind: Kind, channel: str | None = None) -> Tried:
    """Post a picture in `channel`, by default the one with captions, and wait for the reply."""
    data = await asyncio.to_thread(kind.make)
    posted = await member.post(channel or member.session["channel_id"], files=[(kind.filename, data)])
    return Tried(kind, (await member.reply_to(posted))["content"])
