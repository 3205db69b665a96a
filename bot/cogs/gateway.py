"""Every listener: gateway events on their way to the router, and the gateway session's life."""

import asyncio
import contextlib

import discord
from discord.ext import commands

from bot.client import Beholder
from bot.discord_api.errors import DISCORD_ERRORS
from bot.events.backfill import Backfill
from bot.events.changes import MessageChanges
from inference.errors import QueueUnavailable

BACKFILL, FLUSH = "backfill", "read cursors"
SWEEP, CHANGES = "sweep of open requests", "edits and deletions"
"""Names of background tasks."""
FLUSH_DELAY_S = 2.0
"""Seconds between two writes of the read cursors. What a crash loses of them is found again by backfill."""


class Gateway(commands.Cog):
    """Listens to the gateway. The one owner of backfill and of the read cursors' writes.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client
        settings = client.settings
        self._backfill = Backfill(
            client,
            client.read_cursors,
            client.router,
            client.runner,
            client.promises,
            max_age_s=settings.catch_up_seconds,
            max_messages=settings.catch_up_messages,
            direct=settings.shard_id == 0,
            retry_s=client.delays.backfill_retry_s,
        )
        self._changes = MessageChanges(client.router)
        self._background = client.background
        self._routing: set[asyncio.Task[object]] = set()
        self._stopped = False

    async def cog_load(self) -> None:
        """Start writing the read cursors, and take messages from discord.py's own `on_message`."""
        # `commands.Bot.on_message` looks for prefix commands; there are none.
        self._client.event(self.on_message)
        self._background.start(FLUSH, self._flush)
        self._background.start(CHANGES, self._changes.run)

    async def cog_unload(self) -> None:
        """Stop, and write the read cursors a last time. A message that is not routed is found by backfill."""
        self._stopped = True
        await self._background.stop(BACKFILL, FLUSH, SWEEP, CHANGES)
        for task in (tasks := list(self._routing)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(QueueUnavailable):
            await self._client.read_cursors.flush()

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_DELAY_S)
            with contextlib.suppress(QueueUnavailable):
                await self._client.read_cursors.flush()

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        """A new connection: from now on, events may have been missed."""
        self._client.read_cursors.begin_session()
        await self._background.stop(BACKFILL)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A new session, and the channels are known: start backfill."""
        self._client.router.session_started()
        self._background.start(BACKFILL, self._backfill.run)
        self._background.start(SWEEP, lambda: self._client.runner.sweep(self._client.delays.sweep_s))

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        """The session goes on, and nothing was missed: resume what was given up while Discord was away."""
        await self._client.runner.resume_open_requests()

    async def on_message(self, message: discord.Message) -> None:
        """Route a message; where Redis is away, backfill finds it again."""
        task = asyncio.current_task()
        if self._stopped or task is None:
            return
        self._routing.add(task)
        try:
            unhandled = await self._client.router.route(message)
            if unhandled is not None:
                self._backfill.mark_gap(message)
                await self._client.router.tell_unavailable(unhandled)
        finally:
            self._routing.discard(task)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """A message was edited."""
        if hasattr(event.message, "author"):
            self._changes.edited(event.message)
        else:
            await self.on_unreadable_message_edit(event.channel_id, event.message_id)

    @commands.Cog.listener()
    async def on_unreadable_message_edit(self, channel_id: int, message_id: int) -> None:
        """A message was edited, and the event has only a part of it: the message itself has the rest."""
        channel: discord.abc.Messageable = self._client.get_partial_messageable(channel_id)
        known = self._client.get_channel(channel_id)
        if isinstance(known, discord.abc.Messageable):
            channel = known
        with contextlib.suppress(*DISCORD_ERRORS):
            self._changes.edited(await channel.fetch_message(message_id))

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """A message was deleted."""
        self._changes.deleted(event.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Messages were deleted."""
        for each in event.message_ids:
            self._changes.deleted(each)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        """A thread was deleted."""
        self._changes.channel_deleted(event.thread_id)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """A channel was deleted."""
        self._changes.channel_deleted(channel.id)


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Gateway(client))
