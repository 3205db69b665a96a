"""`/match labels [image] ... [image9]`: how well pictures match labels, as CLIP sees it."""

import logging

import discord
from discord import app_commands
from discord.ext import commands
from pydantic import Field

from bot.call import CommandContext
from bot.client import Beholder
from bot.given import ImageArguments, given, sources, with_pictures
from bot.original import OutgoingMessage
from bot.score_replies import compared, ranked
from handlers.heatmap.render import MatrixNotDrawn
from handlers.matching.labels import parse_labels
from handlers.matching.service import Matcher, Scores
from handlers.ports import JobContext

log = logging.getLogger(__name__)

NAME = "match"


class Labels(ImageArguments):
    """What is written down of a call.

    Attributes:
        labels: As `parse_labels` gives them.
    """

    labels: tuple[str, ...] = Field(min_length=1)


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
        arguments = Labels(labels=parse_labels(labels), images=given(interaction, options))
        await self._client.commanding.run(interaction, NAME, arguments.model_dump(mode="json"), private=False)

    async def _perform(self, call: CommandContext) -> OutgoingMessage:
        """Score the pictures and say what came of it.

        Raises:
            Refused, BeholderError: It cannot be done.
        """
        asked = JobContext(call.request.id, call.request.scope, call.request.author_id, "waiting")
        arguments = await with_pictures(self._client, call, Labels)
        images, labels = arguments.images, arguments.labels
        ticket = await self._matcher.submit(asked, sources(self._client, call, arguments), labels)
        call.watch(ticket)
        call.afterwards(lambda: self._matcher.release_results(asked))
        scores = await self._matcher.scores(ticket, len(images), labels)
        about, spoiler = arguments.about(call.request.guild_id), any(each.spoiler for each in images)
        if len(images) == 1:
            # What was given as an option nobody else sees otherwise.
            [thumbnail] = [b""] if about else await self._matcher.thumbnails(asked, scores)
            return ranked(scores, about=about, thumbnail=thumbnail, spoiler=spoiler)
        return compared(scores, await self._matrix(asked, scores), about=about, spoiler=spoiler)

    async def _matrix(self, asked: JobContext, scores: Scores) -> bytes | None:
        try:
            return await self._matcher.matrix(asked, scores)
        except MatrixNotDrawn as error:
            log.warning("%s: %s", asked.request, error.code)
            return None


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Match(client))
