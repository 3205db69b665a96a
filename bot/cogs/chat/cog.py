"""The chat feature: `/chat`, "Talk about this image" in a message's menu, and the start of a conversation."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Beholder
from bot.cogs.chat import strings
from bot.cogs.chat.actions import TurnActions
from bot.cogs.chat.buttons import CHAT_COG, TurnButton
from bot.cogs.chat.messages import ChatMessageHandler
from bot.cogs.chat.permissions import check_may_talk
from bot.cogs.chat.start import ChatArguments, ChatStarter
from bot.cogs.chat.turn_runner import ChatTurnRunner
from bot.errors import UserError
from bot.events.router import MessageKind, is_own_thread
from bot.formatting.markdown import unescape
from bot.formatting.mentions import plain_text
from bot.interactions.image_options import MessageRef, chosen_images, image_options
from handlers.chat.history import History
from handlers.chat.service import ChatService
from handlers.questions import parse_question
from handlers.text import tidy
from inference.schema import MAX_SPEAKER_LENGTH

CHAT, TALK = "chat", "talk"
MENU = "Talk about this image"
CONTEXTS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
"""Where the bot is a member: not in DMs between others."""


class Chat(commands.Cog, name=CHAT_COG):
    """Starts conversations. Builds, registers and stops the feature's services.

    Args:
        client: The bot.

    Attributes:
        actions: Runs the buttons of answers.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client
        history = History(client.redis, str(client.application_id))
        service = ChatService(
            client.inference, history, context=client.settings.chat_context, submissions=client.submissions
        )
        self._runner = ChatTurnRunner(client, history, service)
        self._messages = ChatMessageHandler(client, history, self._runner)
        self._starter = ChatStarter(client, history, self._runner)
        self.actions = TurnActions(history, self._runner)
        self._menu = app_commands.ContextMenu(name=MENU, callback=self.menu, allowed_contexts=CONTEXTS)

    async def cog_load(self) -> None:
        """Register the commands, the message menu, the buttons, and the messages of conversations."""
        self._client.interactions.register(CHAT, self._starter.perform, task="caption")
        self._client.interactions.register(TALK, self._starter.perform, task="caption")
        self._client.tree.add_command(self._menu)
        self._client.add_dynamic_items(TurnButton)
        self._client.router.register(MessageKind.TURN, self._messages)

    async def cog_unload(self) -> None:
        """Stop. What has no answer yet stays in the inbox."""
        self._client.router.unregister(MessageKind.TURN)
        self._client.remove_dynamic_items(TurnButton)
        self._client.tree.remove_command(MENU, type=discord.AppCommandType.message)
        await self._runner.stop()

    @app_commands.command(name=CHAT, description="Talk with me about a picture, for as long as you like")
    @app_commands.describe(
        image="The picture; without one I take the one this thread is about, or else the newest here",
        question="What you want to know first; without one I describe the picture",
    )
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def chat(
        self,
        interaction: discord.Interaction[Beholder],
        image: discord.Attachment | None = None,
        question: str | None = None,
    ) -> None:
        """Accept a `/chat`. What its payload shows to be wrong is raised, and said before it is deferred."""
        asked = None if question is None else parse_question(plain_text(question, interaction))
        inside = is_own_thread(interaction.channel, self._client.bot_id)
        if inside and image is None and asked is None:
            raise UserError(strings.JUST_WRITE)
        check_may_talk(interaction)
        images = () if inside and image is None else image_options(interaction, [image], self._client.fetcher)
        await self._run(interaction, CHAT, ChatArguments(question=asked, images=images), private=False)

    async def menu(self, interaction: discord.Interaction[Beholder], message: discord.Message) -> None:
        """Accept a conversation about a message's pictures."""
        images = chosen_images(interaction, message)
        if images is None:
            raise UserError(strings.NO_PICTURE_HERE)
        check_may_talk(interaction, message.id)
        source = MessageRef(channel_id=message.channel.id, message_id=message.id)
        arguments = ChatArguments(images=images, source=source, root_message_id=message.id)
        await self._run(interaction, TALK, arguments, private=True)

    async def begin(self, interaction: discord.Interaction[Beholder], message_id: int) -> None:
        """Accept a conversation about a message's pictures, from the button below its caption."""
        check_may_talk(interaction, message_id)
        source = MessageRef(channel_id=interaction.channel_id or 0, message_id=message_id)
        caption = interaction.message.content if interaction.message is not None else ""
        title = "" if "||" in caption else unescape(caption.partition("\n")[0]).removeprefix("1. ")
        await self._run(
            interaction,
            TALK,
            ChatArguments(source=source, title=title, root_message_id=message_id),
            private=True,
        )

    async def _run(
        self,
        interaction: discord.Interaction[Beholder],
        name: str,
        arguments: ChatArguments,
        *,
        private: bool,
    ) -> None:
        speaker = tidy(interaction.user.display_name)[:MAX_SPEAKER_LENGTH]
        stored = arguments.model_copy(update={"speaker": speaker}).model_dump(mode="json")
        await self._client.interactions.run(interaction, name, stored, private=private)


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Chat(client))
