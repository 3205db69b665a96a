"""A real discord.py client, connected to the pocket Discord."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord

from bot.playground.discord_py_patch import discord_at
from bot.playground.server import PocketDiscord
from tests.bot.playground.event_log import EventLog


class Bot(discord.Client):
    """A discord.py client that logs its events."""

    def __init__(self, intents: discord.Intents, **options: Any) -> None:
        super().__init__(intents=intents, **options)
        self.events = EventLog()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Identify without discord.py's wait of five seconds before the second time."""

    async def on_message(self, message: discord.Message) -> None:
        await self.events.add("message", message)

    async def on_message_edit(self, _: discord.Message, after: discord.Message) -> None:
        await self.events.add("message_edit", after)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        await self.events.add("message_delete", event)

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self.events.add("bulk_delete", event)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        await self.events.add("reaction", event)

    async def on_thread_create(self, thread: discord.Thread) -> None:
        await self.events.add("thread", thread)

    async def on_thread_update(self, _: discord.Thread, after: discord.Thread) -> None:
        await self.events.add("thread_update", after)

    async def on_typing(self, channel: Any, user: Any, _: Any) -> None:
        await self.events.add("typing", (channel, user))

    async def on_guild_channel_create(self, channel: Any) -> None:
        await self.events.add("channel", channel)

    async def on_resumed(self) -> None:
        await self.events.add("resumed", None)

    async def on_connect(self) -> None:
        await self.events.add("connect", None)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        await self.events.add("guild", guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self.events.add("joined", guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self.events.add("left", guild)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        await self.events.add("interaction", interaction)


@asynccontextmanager
async def running_bot(
    pocket: PocketDiscord, intents: discord.Intents | None = None, **options: Any
) -> AsyncIterator[Bot]:
    """Run a discord.py client until the block ends."""
    wanted = intents or discord.Intents(
        guilds=True, messages=True, message_content=True, reactions=True, typing=True
    )
    with discord_at(pocket.api, pocket.gateway):
        client = Bot(wanted, **options)
        client._connection.guild_ready_timeout = 0.01
        async with client:
            running = asyncio.create_task(client.start(pocket.bot_token))
            try:
                await client.events.wait("guild")
                yield client
            finally:
                await client.close()
                await asyncio.gather(running, return_exceptions=True)


def text_channel(client: Bot, name: str) -> discord.TextChannel:
    channel = discord.utils.get(client.get_all_channels(), name=name)
    assert isinstance(channel, discord.TextChannel)
    return channel
