"""Find the messages that were posted while the bot was away, and route them."""

import asyncio
import logging
from collections.abc import Iterator, Sequence

import discord

from bot.discord_api.errors import DISCORD_ERRORS
from bot.discord_api.history import read_history
from bot.durable.runner import RequestRunner
from bot.events.promises import Promises
from bot.events.router import MessageRouter, guild_id_of
from handlers.storage.read_cursors import ReadCursors
from inference.errors import error_place

log = logging.getLogger(__name__)

MAX_CONCURRENT = 4
"""Channels read at a time."""
MAX_DIRECT_CHANNELS = 50
"""DM channels read, the most recently used: Discord tells of none which has new messages."""
MAX_RETRY_DELAY_S = 60.0
_BEFORE_ALL = 1
"""The cursor of a channel without a message: an id before that of every message."""


GuildChannel = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
ChannelLike = GuildChannel | discord.PartialMessageable


class Backfill:
    """Reads channels from their read cursors on, after every new gateway session and after Redis was away.

    Args:
        client: The Discord client.
        cursors: The last message of each channel before which all are in the inbox.
        router: Routes what is found.
        runner: Resumes the open requests first.
        promises: Messages that are looked for wherever they are.
        max_age_s: Seconds to look back, at most.
        max_messages: Messages read in a channel, at most.
        direct: Whether DMs are this process's: Discord sends them to shard 0.
        retry_s: Seconds before a channel that could not be read is read again.
    """

    def __init__(  # noqa: PLR0913 - four are settings
        self,
        client: discord.Client,
        cursors: ReadCursors,
        router: MessageRouter,
        runner: RequestRunner,
        promises: Promises,
        *,
        max_age_s: float,
        max_messages: int,
        direct: bool,
        retry_s: float,
    ) -> None:
        self._client = client
        self._cursors = cursors
        self._router = router
        self._runner = runner
        self._promises = promises
        self._max_age_s = max_age_s
        self._max_messages = max_messages
        self._direct = direct
        self._retry_s = retry_s
        self._gaps: dict[int, int | None] = {}
        """Channels that have to be read, with their servers."""
        self._gap_found = asyncio.Event()

    def mark_gap(self, message: discord.Message) -> None:
        """Note that a message could not be routed: its channel is read as soon as Redis is back."""
        self._add_gap(message.channel.id, guild_id_of(message))

    def _add_gap(self, channel_id: int, guild_id: int | None) -> None:
        self._gaps[channel_id] = guild_id
        self._gap_found.set()

    async def run(self) -> None:
        """Resume open requests, read every channel with news, then those with gaps; until cancelled.

        In between every channel gets a cursor, also where nothing was posted yet: what is posted there while
        the bot is away has come after it.
        """
        newest = {each.id: each.last_message_id or _BEFORE_ALL for each in self._guild_channels()}
        await self._runner.resume_open_requests()
        channels = {channel.id: channel for channel in self._with_news()}
        slots = asyncio.Semaphore(MAX_CONCURRENT)

        async def read(channel: ChannelLike, channel_id: int) -> None:
            async with slots:
                if not await self._read(channel, channel_id):
                    self._add_gap(channel_id, channel.guild.id if channel.guild else None)

        await asyncio.gather(*(read(channel, channel_id) for channel_id, channel in channels.items()))
        await self._keep_promises()
        for channel_id, message_id in newest.items():
            await self._router.routed(channel_id)
            self._cursors.seen(channel_id, message_id)
        self._cursors.finish_backfill(self._gaps)
        log.info("backfill: %d channels read, %d left", len(channels), len(self._gaps))
        while True:
            await self._gap_found.wait()
            self._gap_found.clear()
            await self._close_gaps()

    async def _close_gaps(self) -> None:
        delay = self._retry_s
        while self._gaps:
            await asyncio.sleep(delay)
            delay = min(MAX_RETRY_DELAY_S, delay * 2)
            for channel_id, guild_id in list(self._gaps.items()):
                del self._gaps[channel_id]
                if not await self._read(self._channel(channel_id, guild_id), channel_id):
                    self._gaps[channel_id] = guild_id
            await self._keep_promises()

    async def _keep_promises(self) -> None:
        """Route what was promised and not found: too far back, or in a channel that is not known."""
        for promise in self._promises.open:
            channel = self._channel(promise.channel_id, promise.guild_id)
            try:
                message = await channel.fetch_message(promise.message_id)
            except (discord.NotFound, discord.Forbidden):
                self._promises.drop(promise.message_id)
            except DISCORD_ERRORS:
                self._add_gap(promise.channel_id, promise.guild_id)
            else:
                await self._route([message])

    def _channel(self, channel_id: int, guild_id: int | None) -> ChannelLike:
        channel = self._client.get_channel(channel_id)
        if isinstance(channel, GuildChannel):
            return channel
        kind = discord.ChannelType.private if guild_id is None else None
        return self._client.get_partial_messageable(channel_id, guild_id=guild_id, type=kind)

    def _guild_channels(self) -> Iterator[GuildChannel]:
        """Yield all channels and active threads of the servers."""
        for guild in self._client.guilds:
            yield from guild.text_channels
            yield from guild.voice_channels
            yield from guild.stage_channels
            yield from guild.threads

    def _with_news(self) -> Iterator[ChannelLike]:
        """Yield the channels whose last message is newer than their cursor, and the DMs used last."""
        for channel in self._guild_channels():
            rights = channel.permissions_for(channel.guild.me)
            after = self._cursors.after(channel.id, reach=self._max_age_s)
            newest = channel.last_message_id or 0
            if after is not None and newest > after and rights.read_message_history:
                yield channel
        if self._direct:
            for channel_id in self._cursors.private_channels()[:MAX_DIRECT_CHANNELS]:
                yield self._client.get_partial_messageable(channel_id, type=discord.ChannelType.private)

    async def _read(self, channel: discord.abc.Messageable, channel_id: int) -> bool:
        """Route the messages after a channel's cursor, the oldest first.

        Returns:
            Whether the channel is dealt with; False: Discord or Redis could not be reached.
        """
        after = self._cursors.after(channel_id, reach=self._max_age_s)
        found: list[discord.Message] = []
        try:
            if after is not None:
                async for message in read_history(channel, limit=self._max_messages):
                    if message.id <= after:
                        break
                    found.append(message)
        except (discord.NotFound, discord.Forbidden):
            log.info("channel %d cannot be read (any more)", channel_id)
        except DISCORD_ERRORS as error:
            log.warning("channel %d: Discord not reached (%s)", channel_id, type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001 - the other channels can be read
            log.error("channel %d cannot be read: %s", channel_id, error_place(error))  # noqa: TRY400
            return False
        await self._route(found[::-1])
        if channel_id in self._gaps:
            return False
        self._cursors.finish_channel(channel_id)
        return True

    async def _route(self, messages: Sequence[discord.Message]) -> None:
        """Route messages, each on its own."""
        for message in messages:
            try:
                unhandled = await self._router.route(message, backfilled=True)
            except Exception as error:  # noqa: BLE001 - the other messages can be routed
                log.error("message %d cannot be routed: %s", message.id, error_place(error))  # noqa: TRY400
                continue
            if unhandled is not None:
                self.mark_gap(message)
                await self._router.tell_unavailable(unhandled)
