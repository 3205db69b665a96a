"""The ask feature: `/ask question [image] [private]`, `/describe [image]`, "Describe this image" in menus."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Beholder
from bot.discord_api.outgoing import OutgoingMessage
from bot.errors import UserError
from bot.formatting.captions import caption_results, format_answers
from bot.formatting.mentions import plain_text
from bot.interactions.dispatcher import CommandContext
from bot.interactions.image_options import (
    ImageArguments,
    MessageRef,
    chosen_images,
    image_options,
    image_sources,
    resolve_images,
)
from handlers.captioning import Captioner
from handlers.questions import parse_question
from inference.errors import BeholderError, NoPictureUsable

ASK, DESCRIBE = "ask", "describe"
MENU = "Describe this image"
QUEUE_TIMEOUT_S = 10.0
"""Seconds for which submitting is retried while Redis is unreachable: a member waits."""
NO_PICTURE_HERE = (
    "This message has no picture that I can see. Choose one that has, or use `/describe` with an image."
)
CONTEXTS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
"""Servers, and DMs with the bot; not the DMs of other users."""
IMAGE = "The picture; without one I take the one this thread is about, or else the newest here"


class QuestionArguments(ImageArguments):
    """The stored arguments of a command.

    Attributes:
        question: The question; None: caption the picture.
    """

    question: str | None = None


class Ask(commands.Cog):
    """The cog of `/ask`, `/describe` and the message menu.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client
        self._captioner = Captioner(
            client.inference, patience=QUEUE_TIMEOUT_S, submissions=client.submissions
        )
        client.interactions.register(ASK, self._perform, task="answer")
        client.interactions.register(DESCRIBE, self._perform, task="caption")
        self._menu = app_commands.ContextMenu(name=MENU, callback=self.menu, allowed_contexts=CONTEXTS)

    async def cog_load(self) -> None:
        """Add the message menu: discord.py adds only a cog's slash commands by itself."""
        self._client.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Remove the message menu."""
        self._client.tree.remove_command(MENU, type=discord.AppCommandType.message)

    @app_commands.command(name=ASK, description="Ask something about a picture")
    @app_commands.describe(
        question="What you want to know, such as: what colour is the car?",
        image=IMAGE,
        private="Whether only you see the answer",
    )
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def ask(
        self,
        interaction: discord.Interaction[Beholder],
        question: str,
        image: discord.Attachment | None = None,
        private: bool = False,
    ) -> None:
        """Accept a question. Errors in its payload are raised before it is deferred."""
        words = parse_question(plain_text(question, interaction))
        await self._run(interaction, ASK, image, question=words, private=private)

    @app_commands.command(name=DESCRIBE, description="Describe a picture")
    @app_commands.describe(image=IMAGE)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def describe(
        self,
        interaction: discord.Interaction[Beholder],
        image: discord.Attachment | None = None,
    ) -> None:
        """Accept a request for a caption. Errors in its payload are raised before it is deferred."""
        await self._run(interaction, DESCRIBE, image, question=None, private=False)

    async def menu(self, interaction: discord.Interaction[Beholder], message: discord.Message) -> None:
        """Accept a request to caption a message's pictures. The outcome is ephemeral."""
        images = chosen_images(interaction, message)
        if images is None:
            raise UserError(NO_PICTURE_HERE)
        source = MessageRef(channel_id=message.channel.id, message_id=message.id)
        arguments = QuestionArguments(images=images, source=source)
        await self._client.interactions.run(
            interaction, DESCRIBE, arguments.model_dump(mode="json"), private=True
        )

    async def _run(
        self,
        interaction: discord.Interaction[Beholder],
        name: str,
        image: discord.Attachment | None,
        *,
        question: str | None,
        private: bool,
    ) -> None:
        arguments = QuestionArguments(
            question=question, images=image_options(interaction, [image], self._client.fetcher)
        )
        await self._client.interactions.run(
            interaction, name, arguments.model_dump(mode="json"), private=private
        )

    async def _perform(self, context: CommandContext) -> OutgoingMessage:
        """Answer the question about each picture, or caption it. Idempotent: called again after a restart.

        Raises:
            UserError: There is no picture.
            BeholderError: It failed for every picture; the reason for each.
        """
        arguments = await resolve_images(context, QuestionArguments)
        request, question = context.request, arguments.question
        job_context = context.jobs
        pictures = image_sources(context, arguments)
        context.cleanup(lambda: self._captioner.release_results(job_context, pictures, question))
        outcomes = await self._captioner.caption(job_context, pictures, question, context.watch)
        errors = {number: each for number, each in enumerate(outcomes, 1) if isinstance(each, BeholderError)}
        if len(errors) == len(outcomes):
            raise NoPictureUsable.of(errors)
        results = caption_results(outcomes, [image.spoiler for image in arguments.images])
        thumbnail = await self._captioner.thumbnail(job_context, outcomes[0])
        about = arguments.about(request.guild_id)
        return format_answers(results, question=question, about=about, thumbnail=thumbnail)


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Ask(client))
