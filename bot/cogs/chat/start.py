"""Start a conversation about a picture: find the picture and the place, and have the first turn answered."""

import asyncio
import time

import discord

from bot.client import Beholder
from bot.cogs.chat import strings
from bot.cogs.chat.turn_runner import ChatTurnRunner
from bot.cogs.chat.turns import image_in, posted_image
from bot.discord_api.outgoing import OutgoingMessage
from bot.discord_api.retry import retry_discord
from bot.discord_api.threads import can_create_threads, thread_for
from bot.durable.runner import retry_redis
from bot.errors import UserError
from bot.events.router import is_own_thread
from bot.formatting.captions import caption_results, thumbnail_file
from bot.formatting.markdown import escape
from bot.images.extract import extract_images
from bot.interactions.dispatcher import CommandContext
from bot.interactions.image_options import ImageArguments, image_sources, resolve_images
from handlers.captioning import Captioner
from handlers.chat.history import ConversationKey, History
from handlers.chat.models import PostedImage, Subject, UserTurn
from handlers.snowflake import Id
from handlers.storage.inbox import OpenCommand, OpenTurn
from inference.errors import BeholderError

QUEUE_TIMEOUT_S = 10.0
"""Seconds for which a queue that is away is tried again: a member waits."""
CAPTION_TIMEOUT_S = 8.0
"""Seconds for the caption that a thread is named after."""


class ChatArguments(ImageArguments):
    """The stored arguments of a command that starts a conversation.

    Attributes:
        question: The first question; None: the picture is to be described.
        speaker: The display name of the member.
        title: What the picture shows, where that is known.
        root_message_id: The message that a conversation in place is to reply to, where one was chosen.
    """

    question: str | None = None
    speaker: str = ""
    title: str = ""
    root_message_id: Id | None = None

    @property
    def is_hidden(self) -> bool:
        """Whether the pictures are behind a spoiler."""
        return any(each.spoiler for each in self.images)

    @property
    def quote(self) -> str:
        """The question as a markdown quotation."""
        return f"> {escape(self.question or strings.DESCRIBE)}"

    @property
    def thread_name(self) -> str:
        """A name for the thread: the question, else what the picture shows."""
        if self.question:
            return strings.thread_name(self.question, strings.ABOUT)
        if self.is_hidden:
            return strings.HIDDEN
        return strings.thread_name(self.title, strings.ABOUT)


class ChatStarter:
    """Performs the commands that start a conversation. Every step is idempotent: a restart repeats it.

    Args:
        client: The bot.
        history: The conversations.
        runner: Answers the first turn.
    """

    def __init__(self, client: Beholder, history: History, runner: ChatTurnRunner) -> None:
        self._client = client
        self._history = history
        self._runner = runner
        self._captioner = Captioner(
            client.inference, patience=QUEUE_TIMEOUT_S, submissions=client.submissions
        )

    async def perform(self, context: CommandContext) -> OutgoingMessage:
        """Find the picture and the place, and have the first turn answered there.

        Raises:
            UserError: There is no picture.
            BeholderError: It cannot be read.
        """
        request = context.request
        arguments = ChatArguments.model_validate(request.arguments)
        channel = self._client.get_channel(request.channel_id)
        inside = ConversationKey(request.channel_id) if is_own_thread(channel, self._client.bot_id) else None
        if arguments.images and arguments.source is None:
            return await self._about_upload(context, arguments, inside)
        if inside is not None and arguments.source is None:
            context.once_shown(
                lambda message: self._open(request, arguments, inside, (), reply_to=message.id)
            )
            return OutgoingMessage(arguments.quote)
        return await self._about_message(context, await resolve_images(context, ChatArguments), inside)

    async def _about_upload(
        self, context: CommandContext, arguments: ChatArguments, inside: ConversationKey | None
    ) -> OutgoingMessage:
        """Show a picture that no other member sees, as a small copy, and talk about that message."""
        request, job_context = context.request, context.jobs
        pictures = image_sources(context, arguments)
        context.cleanup(lambda: self._captioner.release_results(job_context, pictures))
        [caption] = await self._captioner.caption(job_context, pictures, None, context.watch)
        if isinstance(caption, BeholderError):
            raise caption
        thumbnail = await self._captioner.thumbnail(job_context, caption)
        if not thumbnail:
            # The conversation would be about a picture that is nowhere in Discord.
            raise UserError(strings.NOT_SHOWN)
        titled = arguments.model_copy(update={"title": caption.text})

        async def open_there(message: discord.Message) -> None:
            posted = tuple(posted_image(message, each) for each in extract_images(message, asked=False))
            if inside is not None:
                await self._open(request, titled, inside, posted, reply_to=message.id)
                return
            name = titled.thread_name
            thread = await thread_for(self._client, request.channel_id, message.id, name)
            if thread is not None:
                await self._open(request, titled, ConversationKey(thread.id), posted, reply_to=None)
            else:
                key = ConversationKey(request.channel_id, message.id)
                await self._open(request, titled, key, posted, reply_to=message.id)

        context.once_shown(open_there)
        [result] = caption_results([caption], [titled.is_hidden])
        return OutgoingMessage(titled.quote, [thumbnail_file(thumbnail, result, titled.question)])

    async def _about_message(
        self, context: CommandContext, arguments: ChatArguments, inside: ConversationKey | None
    ) -> OutgoingMessage:
        """Talk about the pictures of a message: in a thread made from it, else in place."""
        request, source = context.request, arguments.source
        if source is None:
            raise UserError(strings.NO_PICTURE)
        if inside is None and can_create_threads(self._client, source.channel_id):
            arguments = await self._with_title(context, arguments)
        posted = tuple(image_in(source.channel_id, source.message_id, each) for each in arguments.images)
        key = inside
        if key is None:
            thread = await retry_discord(
                lambda: thread_for(self._client, source.channel_id, source.message_id, arguments.thread_name),
                request.id,
                self._client.delays,
            )
            key = ConversationKey(thread.id) if thread is not None else None
        if key is not None:
            await self._open(request, arguments, key, posted, reply_to=None)
            return OutgoingMessage(strings.IN_THREAD.format(thread=key.channel_id))
        if request.private:
            root = arguments.root_message_id or source.message_id
            key = ConversationKey(request.channel_id, root)
            await self._open(request, arguments, key, posted, reply_to=root)
            return OutgoingMessage(strings.BELOW)
        context.once_shown(
            lambda message: self._open(
                request,
                arguments,
                ConversationKey(request.channel_id, message.id),
                posted,
                reply_to=message.id,
            )
        )
        return OutgoingMessage(f"{arguments.quote}\n{arguments.about(request.guild_id)}")

    async def _with_title(self, context: CommandContext, arguments: ChatArguments) -> ChatArguments:
        """Caption the picture, where a thread has nothing else to be named after."""
        if arguments.question or arguments.title or arguments.is_hidden:
            return arguments
        job_context = context.jobs
        pictures = image_sources(context, arguments)[:1]
        context.cleanup(lambda: self._captioner.release_results(job_context, pictures))
        try:
            async with asyncio.timeout(CAPTION_TIMEOUT_S):
                [caption] = await self._captioner.caption(job_context, pictures)
        except TimeoutError:
            return arguments
        if isinstance(caption, BeholderError):
            return arguments
        return arguments.model_copy(update={"title": caption.text})

    async def _open(
        self,
        request: OpenCommand,
        arguments: ChatArguments,
        key: ConversationKey,
        pictures: tuple[PostedImage, ...],
        *,
        reply_to: int | None,
    ) -> None:
        """Begin a conversation, or go on with it, and have the first turn answered."""
        subject = await retry_redis(lambda: self._history.subject(key))
        if subject is None:
            new = Subject(pictures=pictures, spoiler=arguments.is_hidden)
            await retry_redis(lambda: self._history.begin(key, new))
            pictures = ()
        else:
            known = {each.which for each in subject.pictures}
            pictures = tuple(each for each in pictures if each.which not in known)
        if subject is not None and arguments.question is None and not pictures:
            exchanges = await retry_redis(lambda: self._history.exchanges(key))
            if any(each.said.turn_id != request.interaction_id for each in exchanges):
                # The conversation exists already, and nothing was asked.
                return
        turn = UserTurn(
            turn_id=request.interaction_id,
            speaker=arguments.speaker,
            text=arguments.question or strings.DESCRIBE,
            pictures=pictures,
            author_id=request.author_id,
        )
        open_turn = OpenTurn(
            channel_id=key.channel_id,
            guild_id=request.guild_id,
            author_id=request.author_id,
            accepted=time.time(),
            turn_id=request.interaction_id,
            root_message_id=key.root_message_id,
            reply_to=reply_to,
        )
        await retry_redis(lambda: self._runner.accept(open_turn, turn))
        root = key.root_message_id
        if root is not None:
            await retry_redis(lambda: self._history.belongs(key, [root]))
