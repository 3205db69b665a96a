"""The Discord client: intents, what its cogs share, and shutdown."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord
import yarl
from discord.ext import commands
from pydantic import SecretStr

from bot.answering import CaptionService
from bot.arrivals import MessageRouter
from bot.catchup import Backfill
from bot.cogs import EXTENSIONS
from bot.commanding import InteractionDispatcher
from bot.conversing import ChatTurnRunner
from bot.fetching import Fetcher
from bot.health import beat, in_session
from bot.hearing import ChatMessageHandler
from bot.pacing import EditRateLimiter
from bot.settings import BotSettings, queue_name
from bot.steering import TurnActions
from bot.syncing import sync_at_start
from handlers.captioning import Captioner
from handlers.chat.history import History
from handlers.chat.service import ChatService
from handlers.storage.channel_settings import ChannelSettings
from handlers.storage.inbox import Inbox, Open
from handlers.storage.interaction_tokens import InteractionTokens
from handlers.storage.read_cursors import ReadCursors
from inference.queue.client import InferenceClient
from inference.queue.connection import connect
from inference.schema import Task

log = logging.getLogger(__name__)

# discord.py would warn at every start that it cannot speak; we never do.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


class ContentNotGranted(Exception):
    """The application has no message-content intent: Discord would refuse the connection."""


def intents(*, content: bool) -> discord.Intents:
    """Choose what Discord tells us of: messages and the places they are in; never who is there or online.

    Args:
        content: Whether other people's messages come with what is in them; needs Discord's consent.
    """
    wanted = discord.Intents.none()
    wanted.guilds = wanted.guild_messages = wanted.dm_messages = True
    wanted.message_content = content
    return wanted


class Beholder(commands.Bot):
    """The bot. Cogs find here what they share; it is there from `setup_hook` on.

    Args:
        settings: What the bot was told.
        redis_url: Where Redis is.
        content: Whether to ask for the message-content intent.

    Attributes:
        settings: What the bot was told.
        inference: The way to the workers.
        preferences: What channels have chosen.
        fetcher: Fetches pictures.
        inbox: The requests that are open.
        marks: Up to where channels have been seen.
        answering: The requests that are worked on.
        arrivals: Takes messages in.
        catch_up: Looks back.
        commanding: The interactions that are worked on.
        history: What was said in conversations.
        conversing: The turns of conversations that are answered.
        hearing: Takes in what is said there.
        steering: Does what the buttons there say.
        begin_talk: Starts a conversation about a message; the cog that does sets it.
    """

    inference: InferenceClient
    preferences: ChannelSettings
    fetcher: Fetcher
    inbox: Inbox
    marks: ReadCursors
    answering: CaptionService
    arrivals: MessageRouter
    catch_up: Backfill
    commanding: InteractionDispatcher
    history: History
    conversing: ChatTurnRunner
    hearing: ChatMessageHandler
    steering: TurnActions
    begin_talk: Callable[[discord.Interaction["Beholder"], int], Awaitable[None]]

    def __init__(self, settings: BotSettings, redis_url: str, *, content: bool) -> None:
        shards = {"shard_id": settings.shard_id, "shard_count": settings.shard_count}
        options: dict[str, Any] = shards if settings.shard_count > 1 else {}
        self._pace = EditRateLimiter()
        super().__init__(
            command_prefix=(),
            help_command=None,
            intents=intents(content=content),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            http_trace=self._pace.trace(),
            **options,
        )
        self.settings = settings
        self._redis_url = redis_url
        self._content = content
        self._open = contextlib.AsyncExitStack()

    async def setup_hook(self) -> None:
        """Make what the cogs share, once the application is known and before the gateway is.

        Raises:
            ContentNotGranted: The message-content intent would be refused.
            QueueUnavailable: Redis cannot be reached.
        """
        flags = self.application_flags
        if self._content and not (flags.gateway_message_content or flags.gateway_message_content_limited):
            raise ContentNotGranted
        await self._connect()
        self._furnish()
        await self.marks.load()
        for extension in EXTENSIONS:
            await self.load_extension(extension)
        await self._sync()

    async def _sync(self) -> None:
        """Tell Discord the commands, where they changed."""
        await sync_at_start(self.tree, self._redis, self.application_id or 0)

    async def _connect(self) -> None:
        """Open what has to be closed again."""
        settings = self.settings.model_copy(update={"redis_url": SecretStr(self._redis_url)})
        self.inference = await self._open.enter_async_context(InferenceClient.open(settings, self._name))
        self._redis = connect(self._redis_url)
        self._open.push_async_callback(self._redis.aclose)
        heart = asyncio.create_task(beat(self._redis, lambda: in_session(self)), name="heartbeat")
        self._open.callback(heart.cancel)
        session = await self._open.enter_async_context(aiohttp.ClientSession())
        api = settings.discord_api
        self.fetcher = Fetcher(
            session,
            most_bytes=settings.picture_bytes,
            seconds=settings.fetch_seconds,
            only=yarl.URL(api).origin() if api else None,
        )

    @property
    def _name(self) -> str:
        return queue_name(self.application_id, self.settings)

    def _furnish(self) -> None:
        settings, bot = self.settings, str(self.application_id)
        self.preferences = ChannelSettings(self._redis, settings.caption_channels)
        self.inbox = Inbox(self._redis, bot)
        self.marks = ReadCursors(self._redis, bot)
        captioner = Captioner(self.inference, patience=settings.job_seconds)
        self.answering = CaptionService(
            self.inbox, captioner, self.fetcher, self._place, lambda: self._me.id, self._captions_ready
        )
        self._furnish_talk(bot)
        self.arrivals = MessageRouter(
            self.inbox,
            self.marks,
            self.preferences,
            self.answering,
            lambda: self._me,
            self.hearing,
            lambda channel, guild: self.catch_up.missed(channel, guild),  # noqa: PLW0108 - it comes next
        )
        self.catch_up = Backfill(
            self,
            self.marks,
            self.arrivals,
            self._take_up,
            reach=settings.catch_up_seconds,
            most=settings.catch_up_messages,
            private=settings.shard_id == 0,
        )
        tokens = InteractionTokens(self._redis, bot)
        self.commanding = InteractionDispatcher(self, self.inbox, tokens, self._serves, self._place)

    def _furnish_talk(self, bot: str) -> None:
        self.history = History(self._redis, bot)
        converser = ChatService(self.inference, self.history, context=self.settings.chat_context)
        self.conversing = ChatTurnRunner(
            self, self.inbox, self.history, converser, self.fetcher, self._pace, self._place
        )
        self.hearing = ChatMessageHandler(self, self.history, self.conversing, lambda: self._me)
        self.steering = TurnActions(self.history, self.conversing)

    async def _take_up(self) -> None:
        await self.answering.take_up(self._is_mine)
        await self.commanding.take_up(self._is_mine)
        await self.conversing.take_up(self._is_mine)

    @property
    def _me(self) -> discord.ClientUser:
        if self.user is None:
            raise RuntimeError("nobody is logged in")
        return self.user

    def _place(self, request: Open) -> discord.abc.Messageable:
        """Find a request's channel; one that is not cached is as good for reading and writing."""
        channel = self.get_channel(request.channel_id)
        if isinstance(channel, discord.abc.Messageable):
            return channel
        kind = discord.ChannelType.private if request.guild_id is None else None
        return self.get_partial_messageable(request.channel_id, guild_id=request.guild_id, type=kind)

    def _is_mine(self, request: Open) -> bool:
        """Tell whether a request belongs to this process's shard; DMs are shard 0's."""
        shard = 0 if request.guild_id is None else (request.guild_id >> 22) % self.settings.shard_count
        return shard == self.settings.shard_id

    async def _captions_ready(self) -> bool:
        return await self._serves("caption")

    async def _serves(self, task: Task) -> bool:
        return await self.inference.workers_ready([task])

    async def on_message(self, message: discord.Message) -> None:
        """Look for no prefix commands: there are none."""

    async def close(self) -> None:
        """Stop the cogs, leave Discord, let go of Redis."""
        if hasattr(self, "commanding"):
            await self.commanding.stop()
            await self.conversing.stop()
        await super().close()
        await self._open.aclose()
