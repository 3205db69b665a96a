"""`/match labels [image] ... [image9]`: how well pictures match labels, as CLIP sees it."""

import logging
from collections.abc import Sequence

import discord
from discord import app_commands
from discord.ext import commands
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from bot.attachments import claims_picture
from bot.client import Beholder
from bot.commanding import Call
from bot.looking import Found, check_may_look, look, look_again
from bot.original import Outcome
from bot.score_replies import compared, ranked
from handlers.labels import parse_labels
from handlers.match import Matcher, Scores
from handlers.matrix import MatrixNotDrawn
from handlers.queue import Asked, Source
from inference.errors import NotAPicture, PictureError

log = logging.getLogger(__name__)

NAME = "match"
MOST_IMAGES = 9


class Image(BaseModel):
    """A picture to be scored.

    Attributes:
        url: Where its bytes are.
        size: The file's bytes, as Discord says.
        spoiler: Whether it is hidden until somebody clicks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    size: int | None = None
    spoiler: bool = False


class Where(BaseModel):
    """The message whose pictures are meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel_id: int
    message_id: int


class Arguments(BaseModel):
    """What is written down of a call.

    Attributes:
        labels: As `parse_labels` gives them.
        images: Those given with the command, in their order.
        found: Where none were given, and it is known already: the message whose pictures are meant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...] = Field(min_length=1)
    images: tuple[Image, ...] = Field((), max_length=MOST_IMAGES)
    found: Where | None = None

    def words(self) -> dict[str, JsonValue]:
        """Return it as it is written down."""
        found: dict[str, JsonValue] = self.model_dump(mode="json")
        return found


class Match(commands.Cog):
    """Scores pictures.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client
        self._matcher = Matcher(client.inference)
        client.commanding.register(NAME, self._perform, task="match")

    @app_commands.command(
        name=NAME, description="Score pictures against labels: which fits best, and by how much?"
    )
    @app_commands.describe(
        labels="Up to 25, with commas between them: a cat, a dog, a photo of the sea",
        image="A picture; without one I take the one this thread is about, or the newest here",
        image2="A second picture: with several, you get a table of all of them",
    )
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def match(  # noqa: PLR0913 - each is an option that people see
        self,
        interaction: discord.Interaction[Beholder],
        *,
        labels: str,
        image: discord.Attachment | None = None,
        image2: discord.Attachment | None = None,
        image3: discord.Attachment | None = None,
        image4: discord.Attachment | None = None,
        image5: discord.Attachment | None = None,
        image6: discord.Attachment | None = None,
        image7: discord.Attachment | None = None,
        image8: discord.Attachment | None = None,
        image9: discord.Attachment | None = None,
    ) -> None:
        """Take a call in.

        Raises:
            RequestError: The labels cannot be used.
            PictureError: A file is plainly no picture, or too large.
            Refused: There is no picture, and no right to look for one.
        """
        options = (image, image2, image3, image4, image5, image6, image7, image8, image9)
        given = [each for each in options if each is not None]
        if not given:
            check_may_look(interaction)
        arguments = Arguments(labels=parse_labels(labels), images=self._checked(given))
        await self._client.commanding.run(interaction, NAME, arguments.words(), private=False)

    def _checked(self, given: Sequence[discord.Attachment]) -> tuple[Image, ...]:
        """Look at what Discord says of the files.

        Raises:
            PictureError: One of them is plainly no picture, or too large (of several: `picture`, its number).
        """
        for number, each in enumerate(given, 1):
            try:
                self._check(each)
            except PictureError as error:
                which = {"picture": number} if len(given) > 1 else {}
                raise type(error)(str(error), **{**error.detail, **which}) from error
        return tuple(Image(url=each.url, size=each.size, spoiler=each.is_spoiler()) for each in given)

    def _check(self, given: discord.Attachment) -> None:
        if not claims_picture(given):
            raise NotAPicture("Neither its type nor its name is a picture's.")
        self._client.fetcher.check_size(given.size)

    async def _perform(self, call: Call) -> Outcome:
        """Score the pictures and say what came of it.

        Raises:
            Refused, BeholderError: It cannot be done.
        """
        asked = Asked(call.request.id, call.request.scope, call.request.author_id, "waiting")
        arguments = Arguments.model_validate(call.request.arguments)
        images, about = await self._pictures(call, arguments)
        labels = arguments.labels
        sources = [self._source(number, each) for number, each in enumerate(images, 1)]
        ticket = await self._matcher.submit(asked, sources, labels)
        call.watch(ticket)
        call.afterwards(lambda: self._matcher.forget(asked))
        scores = await self._matcher.scores(ticket, len(images), labels)
        spoiler = any(each.spoiler for each in images)
        if len(images) == 1:
            # What was given as an option nobody else sees otherwise.
            [thumbnail] = [b""] if about else await self._matcher.thumbnails(asked, scores)
            return ranked(scores, about=about, thumbnail=thumbnail, spoiler=spoiler)
        return compared(scores, await self._matrix(asked, scores), about=about, spoiler=spoiler)

    async def _pictures(self, call: Call, arguments: Arguments) -> tuple[tuple[Image, ...], str]:
        """Return the pictures that are meant, and a line that names them where they had to be found.

        Raises:
            Refused: There are none.
            BeholderError: They are gone, or cannot be had.
        """
        if arguments.images:
            return arguments.images, ""
        found = await self._found(call, arguments.found)
        images = (Image(url=each.url, size=each.size, spoiler=each.spoiler) for each in found.pictures)
        return tuple(images), found.line

    async def _found(self, call: Call, before: Where | None) -> Found:
        if before is not None:
            return await look_again(self._client, call.request, before.channel_id, before.message_id)
        found = await look(self._client, call.request)
        await call.settle(found={"channel_id": found.channel_id, "message_id": found.message_id})
        return found

    def _source(self, number: int, image: Image) -> Source:
        async def fetch() -> bytes:
            self._client.fetcher.check_size(image.size)
            return await self._client.fetcher.fetch(image.url)

        return Source(str(number), fetch)

    async def _matrix(self, asked: Asked, scores: Scores) -> bytes | None:
        try:
            return await self._matcher.matrix(asked, scores)
        except MatrixNotDrawn as error:
            log.warning("%s: %s", asked.request, error.code)
            return None


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Match(client))
