"""The match feature: `/match labels [image] ... [image9]` scores pictures against labels with CLIP."""

import logging

import discord
from discord import app_commands
from discord.ext import commands
from pydantic import Field

from bot.client import Beholder
from bot.discord_api.outgoing import OutgoingMessage
from bot.formatting.mentions import plain_text
from bot.formatting.scores import format_matrix, format_ranking
from bot.interactions.dispatcher import CommandContext
from bot.interactions.image_options import ImageArguments, image_options, image_sources, resolve_images
from handlers.heatmap.render import MatrixNotDrawn
from handlers.matching.labels import parse_labels
from handlers.matching.service import Matcher, Scores
from handlers.ports import JobContext

log = logging.getLogger(__name__)

NAME = "match"


class MatchArguments(ImageArguments):
    """The stored arguments of a `/match`.

    Attributes:
        labels: As `parse_labels` returns them.
    """

    labels: tuple[str, ...] = Field(min_length=1)


class Match(commands.Cog):
    """The cog of `/match`.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client
        self._matcher = Matcher(client.inference, submissions=client.submissions)
        client.interactions.register(NAME, self._perform, task="match")

    @app_commands.command(
        name=NAME, description="Score pictures against labels: which fits best, and by how much?"
    )
    @app_commands.describe(
        labels="Up to 25, with commas between them: a cat, a dog, a photo of the sea",
        image="A picture; without one I take the one this thread is about, or the newest here",
        image2="A second picture: with several, you get a table of all of them",
    )
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def match(  # noqa: PLR0913 - each is an option that members see
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
        """Accept a `/match`. Errors in its payload are raised before it is deferred.

        Raises:
            RequestError: The labels cannot be used.
            PictureError: No file claims to be a picture and is small enough.
            UserError: No picture is given, and the member or the bot may not read the channel.
        """
        options = (image, image2, image3, image4, image5, image6, image7, image8, image9)
        arguments = MatchArguments(
            labels=parse_labels(labels, lambda label: plain_text(label, interaction)),
            images=image_options(interaction, options, self._client.fetcher),
        )
        await self._client.interactions.run(
            interaction, NAME, arguments.model_dump(mode="json"), private=False
        )

    async def _perform(self, context: CommandContext) -> OutgoingMessage:
        """Score the pictures. Idempotent: called again after a restart.

        Raises:
            UserError: There is no picture.
            BeholderError: The labels, or all pictures, cannot be used, or the queue refuses the job.
        """
        request = context.request
        job_context = context.jobs
        arguments = await resolve_images(context, MatchArguments)
        images, labels = arguments.images, arguments.labels
        ticket = await self._matcher.submit(job_context, image_sources(context, arguments), labels)
        context.watch(ticket)
        context.cleanup(lambda: self._matcher.release_results(job_context, ticket))
        scores = await self._matcher.scores(ticket, len(images), labels)
        about, spoiler = arguments.about(request.guild_id), any(image.spoiler for image in images)
        if len(images) == 1:
            # A picture that was given as an option is in no message.
            [thumbnail] = [b""] if about else await self._matcher.thumbnails(job_context, scores)
            return format_ranking(scores, about=about, thumbnail=thumbnail, spoiler=spoiler)
        png = await self._draw_matrix(job_context, scores)
        return format_matrix(scores, png, about=about, spoiler=spoiler)

    async def _draw_matrix(self, job_context: JobContext, scores: Scores) -> bytes | None:
        """Draw the matrix; None if that fails: the scores are shown without it."""
        try:
            return await self._matcher.matrix(job_context, scores)
        except MatrixNotDrawn as error:
            log.warning("%s: %s", job_context.request, error.code)
            return None


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Match(client))
