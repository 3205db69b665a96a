"""`/ask question [image] [private]`, `/describe [image]`, and "Describe this image" on a message."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import replies
from bot.answer_replies import answered
from bot.attachments import extract_images
from bot.call import CommandContext, UserError
from bot.client import Beholder
from bot.given import ImageArguments, MessageRef, given, sources, with_pictures
from bot.original import OutgoingMessage
from handlers.captioning import Captioner
from handlers.ports import JobContext
from handlers.questions import parse_question
from inference.errors import BeholderError

ASK, DESCRIBE = "ask", "describe"
MENU = "Describe this image"
PATIENCE = 10.0
"""Seconds for which a queue that is away is tried again: somebody is waiting."""
NONE_HERE = (
    "This message has no picture that I can see. Choose one that has, or use `/describe` with an image."
)
PLACES = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
"""Where the bot can be: not in a conversation between others."""
IMAGE = "The picture; without one I take the one this thread is about, or else the newest here"


class Question(ImageArguments):
    """What is written down of a call.

    Attributes:
        question: What is asked; None where a caption is wanted.
    """

    question: str | None = None


class Ask(commands.Cog):
    """Answers questions about pictures, and describes them.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client
        self._captioner = Captioner(client.inference, patience=PATIENCE)
        client.commanding.register(ASK, self._perform, task="answer")
        client.commanding.register(DESCRIBE, self._perform, task="caption")
        self._menu = app_commands.ContextMenu(name=MENU, callback=self.menu, allowed_contexts=PLACES)

    async def cog_load(self) -> None:
        """Add the message menu, which discord.py does not find by itself."""
        self._client.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take the message menu away again."""
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
        """Take a question in; what it shows to be wrong is raised, and said before it is deferred."""
        await self._run(interaction, ASK, image, question=parse_question(question), private=private)

    @app_commands.command(name=DESCRIBE, description="Describe a picture")
    @app_commands.describe(image=IMAGE)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def describe(
        self,
        interaction: discord.Interaction[Beholder],
        image: discord.Attachment | None = None,
    ) -> None:
        """Take a request for a description in."""
        await self._run(interaction, DESCRIBE, image, question=None, private=False)

    async def menu(self, interaction: discord.Interaction[Beholder], message: discord.Message) -> None:
        """Describe a message's pictures to the one who asks: it is somebody else's message."""
        pictures = extract_images(message, asked=True)
        if not pictures:
            raise UserError(NONE_HERE)
        source = MessageRef(channel_id=message.channel.id, message_id=message.id)
        arguments = Question(images=pictures, source=source)
        await self._client.commanding.run(
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
        arguments = Question(question=question, images=given(interaction, [image]))
        await self._client.commanding.run(
            interaction, name, arguments.model_dump(mode="json"), private=private
        )

    async def _perform(self, call: CommandContext) -> OutgoingMessage:
        """Say what there is to say of the pictures.

        Raises:
            Refused: There is no picture.
            BeholderError: Nothing can be said of any of them.
        """
        arguments = await with_pictures(self._client, call, Question)
        request, question = call.request, arguments.question
        asked = JobContext(request.id, request.scope, request.author_id, "waiting")
        pictures = sources(self._client, call, arguments)
        call.afterwards(lambda: self._captioner.release_results(asked, pictures, question))
        outcomes = await self._captioner.caption(asked, pictures, question, call.watch)
        if all(isinstance(each, BeholderError) for each in outcomes):
            raise next(each for each in outcomes if isinstance(each, BeholderError))
        said = replies.said(outcomes, [each.spoiler for each in arguments.images])
        thumbnail = await self._captioner.thumbnail(asked, outcomes[0])
        return answered(said, question=question, about=arguments.about(request.guild_id), thumbnail=thumbnail)


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Ask(client))
