"""The Discord client: connections, intents, lifecycle, and what all features share. It builds no feature."""

import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import aiohttp
import discord
import yarl
from discord.ext import commands
from pydantic import SecretStr

from bot.command_sync import sync_at_start
from bot.discord_api.edit_limiter import EditRateLimiter
from bot.discord_api.parser_guard import guard_parsers
from bot.discord_api.refusal_gate import RefusalGate
from bot.discord_api.server_clock import discord_clock
from bot.durable.runner import RequestRunner, retry_redis
from bot.events.promises import Promises
from bot.events.router import MessageRouter
from bot.heartbeat import beat, in_session
from bot.images.fetcher import Fetcher
from bot.images.lookup import ImageLookup
from bot.interactions.dispatcher import InteractionDispatcher
from bot.settings import BotSettings, Delays, queue_name
from handlers.chat.history import History
from handlers.storage.answer_subjects import AnswerSubjects
from handlers.storage.inbox import Inbox, Open
from handlers.storage.interaction_tokens import InteractionTokens
from handlers.storage.read_cursors import ReadCursors
from handlers.submission import Submissions
from inference.background import BackgroundTasks
from inference.queue.client import InferenceClient
from inference.queue.connection import Client, connect

log = logging.getLogger(__name__)

# discord.py would warn at every start that it cannot speak; this bot never does.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False

EXTENSIONS = (
    "bot.cogs.error_handler",
    "bot.cogs.captions.cog",
    "bot.cogs.chat.cog",
    "bot.cogs.ask",
    "bot.cogs.match",
    "bot.cogs.status",
    "bot.cogs.help",
    "bot.cogs.gateway",
)
"""The features, each with a `setup(client)`. The gateway is last: its listeners need the others' handlers."""


class ContentNotGranted(Exception):
    """The application lacks the message-content intent: Discord would refuse the connection."""


def intents(*, content: bool) -> discord.Intents:
    """Choose the gateway events: messages and their channels; never members or presences.

    Args:
        content: Whether to ask for other members' message content, a privileged intent.
    """
    wanted = discord.Intents.none()
    wanted.guilds = wanted.guild_messages = wanted.dm_messages = True
    wanted.message_content = content
    return wanted


class Beholder(commands.Bot):
    """The bot's client. The features are extensions: each cog builds its own service and stops it.

    Args:
        settings: The bot's settings.
        redis_url: Where Redis is.
        content: Whether to ask for the message-content intent.
        extensions: The features to load.
        delays: Of retries and of what members are told while waiting.

    Attributes (those without an argument exist from `setup_hook` on):
        settings: The bot's settings.
        delays: As given.
        bot_id: The bot's own id.
        command_ids: Discord's ids of the slash commands by name, such as `captions on`; empty if unknown.
        redis: A connection for short commands.
        inference: The queue to the workers.
        fetcher: Fetches pictures.
        lookup: Finds the picture that is meant.
        inbox: The open requests.
        read_cursors: Up to where each channel has been read.
        promises: The messages whose authors were told to wait for Redis.
        runner: The registry of running requests.
        router: Hands messages to the features.
        interactions: Accepts slash commands and message menus.
        submissions: Submits jobs; over the limit for one person they wait here.
        edit_limiter: Paces edits of streamed answers.
        refusal_gate: Holds all requests back while Discord refuses this address.
        discord_clock: Returns Unix time by Discord's clock.
        background: The tasks that run for as long as the bot.
    """

    bot_id: int
    redis: Client
    inference: InferenceClient
    fetcher: Fetcher
    lookup: ImageLookup
    inbox: Inbox
    read_cursors: ReadCursors
    promises: Promises
    runner: RequestRunner
    router: MessageRouter
    interactions: InteractionDispatcher
    submissions: Submissions

    def __init__(
        self,
        settings: BotSettings,
        redis_url: str,
        *,
        content: bool,
        extensions: Sequence[str] = EXTENSIONS,
        delays: Delays | None = None,
    ) -> None:
        shards = {"shard_id": settings.shard_id, "shard_count": settings.shard_count}
        options: dict[str, Any] = shards if settings.shard_count > 1 else {}
        self.edit_limiter, self.refusal_gate = EditRateLimiter(), RefusalGate()
        self.background = BackgroundTasks()
        trace = self.edit_limiter.trace()
        self.refusal_gate.add_to(trace)
        self.discord_clock = discord_clock(trace)
        super().__init__(
            command_prefix=(),
            help_command=None,
            intents=intents(content=content),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            http_trace=trace,
            **options,
        )
        guard_parsers(self)
        self.settings = settings
        self.delays = delays or Delays()
        self.command_ids: dict[str, int] = {}
        self._redis_url = redis_url
        self._content = content
        self._to_load = extensions
        self._connections = contextlib.AsyncExitStack()

    async def setup_hook(self) -> None:
        """Connect and load the features: once the application is known, before the gateway is connected.

        Raises:
            ContentNotGranted: The message-content intent would be refused.
            QueueUnavailable: The operator's Redis cannot be used; one that is away is waited for.
        """
        flags = self.application_flags
        if self._content and not (flags.gateway_message_content or flags.gateway_message_content_limited):
            raise ContentNotGranted
        await self._connect()
        self._build_services()
        await retry_redis(self.read_cursors.load)
        for extension in self._to_load:
            await self.load_extension(extension)
        await self._sync()

    async def _sync(self) -> None:
        """Tell Discord the commands, where they changed, and learn their ids."""
        self.command_ids = await retry_redis(
            lambda: sync_at_start(self.tree, self.redis, self.application_id or 0)
        )

    async def _connect(self) -> None:
        """Open what `close` closes again."""
        settings = self.settings.model_copy(update={"redis_url": SecretStr(self._redis_url)})
        self.inference = await self._connections.enter_async_context(
            InferenceClient.open(settings, self._queue_name, background=self.background)
        )
        self.redis = connect(self._redis_url)
        self._connections.push_async_callback(self.redis.aclose)
        self.background.start("heartbeat", lambda: beat(self.redis, lambda: in_session(self)))
        self._connections.push_async_callback(self.background.stop, "heartbeat")
        session = await self._connections.enter_async_context(aiohttp.ClientSession())
        api = settings.discord_api
        self.fetcher = Fetcher(
            session,
            max_bytes=settings.picture_bytes,
            timeout_s=settings.fetch_seconds,
            only=yarl.URL(api).origin() if api else None,
        )

    @property
    def _queue_name(self) -> str:
        return queue_name(self.application_id, self.settings)

    def _build_services(self) -> None:
        """Build what all features share."""
        if self.user is None:
            raise RuntimeError("setup_hook was called before the login")
        self.bot_id, name = self.user.id, str(self.application_id)
        self.inbox = Inbox(self.redis, name)
        self.read_cursors = ReadCursors(self.redis, name, clock=self.discord_clock)
        self.runner = RequestRunner(self, self.inbox, self._is_own, min_resume_delay_s=self.delays.resume_s)
        self.promises = Promises(self.settings.data_dir / f"promises-{self._queue_name}.json")
        self.router = MessageRouter(
            self.bot_id, self.read_cursors, self.promises, first_word_s=self.delays.first_word_s
        )
        self.lookup = ImageLookup(self, AnswerSubjects(self.redis, name), History(self.redis, name))
        tokens = InteractionTokens(self.redis, name, clock=self.discord_clock)
        self.submissions = Submissions(patience=self.settings.job_seconds, clock=self.discord_clock)
        self.interactions = InteractionDispatcher(
            self,
            self.inbox,
            tokens,
            self.runner,
            self.inference,
            self.fetcher,
            self.lookup,
            self.delays,
            clock=self.discord_clock,
        )

    def _is_own(self, request: Open) -> bool:
        """Tell whether a request belongs to this process's shard; DMs are shard 0's."""
        shard = 0 if request.guild_id is None else (request.guild_id >> 22) % self.settings.shard_count
        return shard == self.settings.shard_id

    async def close(self) -> None:
        """Stop the features, the gateway's listeners first; leave Discord; close the connections."""
        # A message that is routed after its feature has stopped would count as read.
        for extension in reversed(self._to_load):
            with contextlib.suppress(commands.ExtensionNotLoaded):
                await self.unload_extension(extension)
        if hasattr(self, "interactions"):
            await self.interactions.stop()
        await super().close()
        await self._connections.aclose()
