"""Posted pictures are captioned: where captions are on, in DMs, and where the bot is mentioned."""

import asyncio
import contextlib
import logging

import discord
from discord.ext import commands

from bot.client import Beholder
from inference.errors import QueueUnavailable

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
"""Between two writings of the marks; what a crash loses of them is found again by looking back."""


class Gateway(commands.Cog):
    """Listens for messages.

    Args:
        client: The bot.
    """

    def __init__(self, client: Beholder) -> None:
        self._client = client
        self._catching_up: asyncio.Task[None] | None = None
        self._flushing = asyncio.create_task(self._flush(), name="marks")

    async def cog_unload(self) -> None:
        """Stop; what is open stays in the inbox."""
        tasks = [task for task in (self._catching_up, self._flushing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.answering.stop()
        with contextlib.suppress(QueueUnavailable):
            await self._client.marks.flush()

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            with contextlib.suppress(QueueUnavailable):
                await self._client.marks.flush()

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        """Begin a fresh connection: from now on anything may have been missed."""
        if self._catching_up is not None:
            self._catching_up.cancel()
        self._client.marks.begin_session()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Look for what was missed, now that the channels are known."""
        if self._catching_up is not None:
            self._catching_up.cancel()
        self._catching_up = asyncio.create_task(self._client.catch_up.run(), name="catch-up")

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        """Take up what was given up while Discord could not be reached; nothing was missed."""
        await self._client.catch_up.open_requests()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Take in a message."""
        await self._client.arrivals.take(message)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Stop working on a message that is gone."""
        self._client.answering.forget_deleted(event.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Stop working on messages that are gone."""
        for message_id in event.message_ids:
            self._client.answering.forget_deleted(message_id)


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(Gateway(client))
