"""Conversations: `/chat [image] [question]`, "Talk about this image" in a menu, a button below captions."""

import asyncio
import time

import discord
from discord import app_commands
from discord.ext import commands

from bot import replies, talk_replies
from bot.answer_replies import picture as attached
from bot.answering import retry_redis
from bot.attachments import extract_images
from bot.call import CommandContext, UserError
from bot.client import Beholder
from bot.given import MessageRef, given, sources, with_pictures
from bot.insisting import retry_discord
from bot.looking import look_again
from bot.messages import is_own_thread, posted_image
from bot.opening import may_have_threads, thread_for
from bot.original import OutgoingMessage
from bot.rights import check_may_talk
from bot.talk_arguments import ChatArguments, named, quoted
from bot.talk_buttons import BeginButton, TurnButton
from handlers.captioning import Captioner
from handlers.chat.history import ConversationKey
from handlers.chat.models import PostedImage, Subject, UserTurn
from handlers.ports import JobContext
from handlers.questions import parse_question
from handlers.storage.inbox import OpenCommand, OpenTurn
from inference.errors import BeholderError
from inference.schema import MAX_SPEAKER_LENGTH

CHAT, TALK = "chat", "talk"
MENU = "Talk about this image"
PLACES = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
"""Where the bot can be: not in a conversation between others."""
PATIENCE = 10.0
"""Seconds for which a queue that is away is tried again: somebody is waiting."""
CAPTION_SECONDS = 8.0
"""For a caption that a thread is named after."""
NONE_HERE = "This message has no picture that I can see. Choose one that has, or use `/chat` with an image."


class Chat(commands.Cog):
    """Starts conversations, and hears what is edited and deleted in them.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client
        self._captioner = Captioner(client.inference, patience=PATIENCE)
        client.commanding.register(CHAT, self._perform, task="caption")
        client.commanding.register(TALK, self._perform, task="caption")
        client.begin_talk = self.begin
        self._menu = app_commands.ContextMenu(name=MENU, callback=self.menu, allowed_contexts=PLACES)

    @property
    def _me(self) -> int:
        return self._client.user.id if self._client.user is not None else 0

    async def cog_load(self) -> None:
        """Add the message menu, which discord.py does not find by itself, and the buttons."""
        self._client.tree.add_command(self._menu)
        self._client.add_dynamic_items(TurnButton, BeginButton)

    async def cog_unload(self) -> None:
        """Take the message menu and the buttons away again."""
        self._client.tree.remove_command(MENU, type=discord.AppCommandType.message)
        self._client.remove_dynamic_items(TurnButton, BeginButton)

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
        """Take a call in; what it shows to be wrong is raised, and said before it is deferred."""
        asked = None if question is None else parse_question(question)
        here = is_own_thread(interaction.channel, self._me)
        if here and image is None and asked is None:
            raise UserError(talk_replies.JUST_WRITE)
        check_may_talk(interaction)
        images = () if here and image is None else given(interaction, [image])
        await self._run(interaction, CHAT, ChatArguments(question=asked, images=images), private=False)

    async def menu(self, interaction: discord.Interaction[Beholder], message: discord.Message) -> None:
        """Talk about a message's pictures."""
        pictures = extract_images(message, asked=True)
        if not pictures:
            raise UserError(NONE_HERE)
        check_may_talk(interaction, message.id)
        where = MessageRef(channel_id=message.channel.id, message_id=message.id)
        await self._run(interaction, TALK, ChatArguments(images=pictures, source=where), private=True)

    async def begin(self, interaction: discord.Interaction[Beholder], message_id: int) -> None:
        """Talk about the pictures of a message whose caption has the button that was pressed."""
        check_may_talk(interaction, message_id)
        where = MessageRef(channel_id=interaction.channel_id or 0, message_id=message_id)
        said = interaction.message.content if interaction.message is not None else ""
        title = "" if "||" in said else replies.unescaped(said.partition("\n")[0]).removeprefix("1. ")
        await self._run(interaction, TALK, ChatArguments(source=where, title=title), private=True)

    async def _run(
        self, interaction: discord.Interaction[Beholder], name: str, opening: ChatArguments, *, private: bool
    ) -> None:
        speaker = interaction.user.display_name[:MAX_SPEAKER_LENGTH]
        arguments = opening.model_copy(update={"speaker": speaker}).model_dump(mode="json")
        await self._client.commanding.run(interaction, name, arguments, private=private)

    async def _perform(self, call: CommandContext) -> OutgoingMessage:
        """Find the picture and the place, and have the first turn answered there.

        Raises:
            Refused: There is no picture.
            BeholderError: It cannot be looked at.
        """
        request, opening = call.request, ChatArguments.model_validate(call.request.arguments)
        channel = self._client.get_channel(request.channel_id)
        inside = ConversationKey(request.channel_id) if is_own_thread(channel, self._me) else None
        if opening.images and opening.source is None:
            return await self._with_upload(call, opening, inside)
        if inside is not None and opening.source is None:
            call.once_shown(lambda message: self._open(request, opening, inside, (), reply_to=message.id))
            return OutgoingMessage(quoted(opening))
        opening = await self._found(call)
        return await self._about(call, opening, inside)

    async def _found(self, call: CommandContext) -> ChatArguments:
        """Return the arguments with the pictures that are meant.

        Raises:
            Refused: There are none.
            PictureGone: They are not there any more.
        """
        opening = ChatArguments.model_validate(call.request.arguments)
        if opening.source is not None and not opening.images:
            where = opening.source
            found = await look_again(self._client, call.request, where.channel_id, where.message_id)
            return opening.model_copy(update={"images": found.pictures})
        return await with_pictures(self._client, call, ChatArguments)

    async def _with_upload(
        self, call: CommandContext, opening: ChatArguments, inside: ConversationKey | None
    ) -> OutgoingMessage:
        """Show a picture that nobody else sees, as a small copy, and talk about it where it stands."""
        request = call.request
        asked = JobContext(request.id, request.scope, request.author_id, "waiting")
        pictures = sources(self._client, call, opening)
        call.afterwards(lambda: self._captioner.release_results(asked, pictures))
        [caption] = await self._captioner.caption(asked, pictures, None, call.watch)
        if isinstance(caption, BeholderError):
            raise caption
        thumbnail = await self._captioner.thumbnail(asked, caption)
        if not thumbnail:
            # The conversation would be about a picture that is nowhere.
            raise UserError(talk_replies.NOT_SHOWN)
        opening = opening.model_copy(update={"title": caption.text})

        async def open_there(message: discord.Message) -> None:
            where = tuple(posted_image(message, each) for each in extract_images(message, asked=False))
            if inside is not None:
                await self._open(request, opening, inside, where, reply_to=message.id)
                return
            thread = await thread_for(self._client, request.channel_id, message.id, named(opening))
            place = (
                ConversationKey(request.channel_id, message.id)
                if thread is None
                else ConversationKey(thread.id)
            )
            await self._open(request, opening, place, where, reply_to=message.id if thread is None else None)

        call.once_shown(open_there)
        [said] = replies.said([caption], [opening.hidden])
        file = attached(thumbnail, said, opening.question)
        return OutgoingMessage(quoted(opening), [file])

    async def _about(
        self, call: CommandContext, opening: ChatArguments, inside: ConversationKey | None
    ) -> OutgoingMessage:
        """Talk about a picture that stands in a message."""
        request, where = call.request, opening.source
        if where is None:
            raise UserError(talk_replies.NO_PICTURE)
        if inside is None and may_have_threads(self._client, where.channel_id):
            opening = await self._titled(call, opening)
        pictures = tuple(
            PostedImage(
                channel_id=where.channel_id,
                message_id=each.message_id or where.message_id,
                key=each.key,
                url=each.url,
                size=each.size,
                spoiler=each.spoiler,
            )
            for each in opening.images
        )
        thread = None
        if inside is None:
            name = named(opening)
            thread = await retry_discord(
                lambda: thread_for(self._client, where.channel_id, where.message_id, name), request.id
            )
        place = inside or (ConversationKey(thread.id) if thread is not None else None)
        if place is not None:
            await self._open(request, opening, place, pictures, reply_to=None)
            return OutgoingMessage(talk_replies.IN_THREAD.format(thread=place.channel_id))
        if request.private:
            place = ConversationKey(request.channel_id, where.message_id)
            await self._open(request, opening, place, pictures, reply_to=where.message_id)
            return OutgoingMessage(talk_replies.BELOW)
        call.once_shown(
            lambda message: self._open(
                request,
                opening,
                ConversationKey(request.channel_id, message.id),
                pictures,
                reply_to=message.id,
            )
        )
        return OutgoingMessage(f"{quoted(opening)}\n{opening.about(request.guild_id)}")

    async def _titled(self, call: CommandContext, opening: ChatArguments) -> ChatArguments:
        """Have the picture captioned, where the thread has nothing else to be named after."""
        if opening.question or opening.title or opening.hidden:
            return opening
        request = call.request
        asked = JobContext(request.id, request.scope, request.author_id, "waiting")
        pictures = sources(self._client, call, opening)[:1]
        call.afterwards(lambda: self._captioner.release_results(asked, pictures))
        try:
            async with asyncio.timeout(CAPTION_SECONDS):
                [caption] = await self._captioner.caption(asked, pictures)
        except TimeoutError:
            return opening
        return (
            opening
            if isinstance(caption, BeholderError)
            else opening.model_copy(update={"title": caption.text})
        )

    async def _open(
        self,
        request: OpenCommand,
        opening: ChatArguments,
        place: ConversationKey,
        pictures: tuple[PostedImage, ...],
        *,
        reply_to: int | None,
    ) -> None:
        """Begin a conversation, or go on with it, and have the first turn answered."""
        history = self._client.history
        before = await retry_redis(lambda: history.subject(place))
        if before is None:
            subject = Subject(pictures=pictures, spoiler=opening.hidden)
            await retry_redis(lambda: history.begin(place, subject))
            pictures = ()
        else:
            known = {each.which for each in before.pictures}
            pictures = tuple(each for each in pictures if each.which not in known)
        if before is not None and opening.question is None and not pictures:
            said_before = await retry_redis(lambda: history.exchanges(place))
            if any(each.said.turn_id != request.interaction_id for each in said_before):
                # It is there already, and nothing was asked.
                return
        said = UserTurn(
            turn_id=request.interaction_id,
            speaker=opening.speaker,
            text=opening.question or talk_replies.DESCRIBE,
            pictures=pictures,
            author_id=request.author_id,
        )
        turn = OpenTurn(
            channel_id=place.channel_id,
            guild_id=request.guild_id,
            author_id=request.author_id,
            accepted=time.time(),
            turn_id=request.interaction_id,
            hangs_on=place.hangs_on,
            reply_to=reply_to,
        )
        await retry_redis(lambda: self._client.conversing.accept(turn, said))
        if place.hangs_on is not None:
            hangs_on = place.hangs_on
            await retry_redis(lambda: history.belongs(place, [hangs_on]))

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Begin a session: what happened before it was not heard."""
        self._client.hearing.begin_anew()

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Let the history say what a message says now."""
        await self._client.hearing.edited(event.message)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Forget a message."""
        await self._client.hearing.deleted(event.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Forget messages."""
        for message_id in event.message_ids:
            await self._client.hearing.deleted(message_id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        """Forget a conversation."""
        await self._client.hearing.forget_channel(event.thread_id)


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Chat(client))
