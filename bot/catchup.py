"""What was posted while the bot was away, found by looking at the channels."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator

import aiohttp
import discord

from bot.arrivals import MessageRouter
from handlers.storage.read_cursors import ReadCursors
from inference.errors import QueueUnavailable

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Channels looked at at a time."""
MOST_PRIVATE = 50
"""DM channels looked at, those that were heard last: nothing tells which of them have news."""
PAUSE = 2.0
LONGEST_PAUSE = 60.0
"""Seconds before what failed is tried again."""


GuildPlace = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
ChannelLike = GuildPlace | discord.PartialMessageable


class Backfill:
    """Looks back after every fresh start of the connection, and after Redis was away.

    Args:
        client: The Discord client.
        marks: Up to where channels have been seen.
        arrivals: Takes in what is found.
        take_up: Begins again with what is open in the inbox.
        reach: Seconds to look back at most.
        most: Messages to look at in one channel at most.
        private: Whether DMs are this process's (they come to shard 0).
    """

    def __init__(
        self,
        client: discord.Client,
        marks: ReadCursors,
        arrivals: MessageRouter,
        take_up: Callable[[], Awaitable[None]],
        *,
        reach: float,
        most: int,
        private: bool,
    ) -> None:
        self._client = client
        self._marks = marks
        self._arrivals = arrivals
        self._take_up = take_up
        self._reach = reach
        self._most = most
        self._private = private
        self._behind: dict[int, int | None] = {}
        """Channels that could not be looked at, and their servers."""
        self._news = asyncio.Event()

    def missed(self, channel: int, guild: int | None) -> None:
        """Note that a channel (of a server, or a DM) has to be looked at as soon as that is possible."""
        self._behind[channel] = guild
        self._news.set()

    async def run(self) -> None:
        """Catch up with everything, and from then on with whatever is missed; until cancelled."""
        await self.open_requests()
        channels = {channel.id: channel for channel in self._with_news()}
        turn = asyncio.Semaphore(AT_ONCE)

        async def look(channel: ChannelLike, number: int) -> None:
            async with turn:
                if not await self._look_back(channel, number):
                    self.missed(number, channel.guild.id if channel.guild else None)

        await asyncio.gather(*(look(channel, number) for number, channel in channels.items()))
        self._marks.finish_backfill(self._behind)
        log.info("caught up with %d channels, %d left", len(channels), len(self._behind))
        await self._keep_up()

    async def _keep_up(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            pause = PAUSE
            while self._behind:
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
                await self._look_at_missed()

    async def _look_at_missed(self) -> None:
        for number, guild in list(self._behind.items()):
            kind = discord.ChannelType.private if guild is None else None
            known = self._client.get_channel(number)
            channel = self._client.get_partial_messageable(number, guild_id=guild, type=kind)
            del self._behind[number]
            if not await self._look_back(known if isinstance(known, GuildPlace) else channel, number):
                self._behind[number] = guild

    async def open_requests(self) -> None:
        """Begin again with what is open in the inbox and not under way, as soon as Redis can be reached."""
        while True:
            with contextlib.suppress(QueueUnavailable):
                return await self._take_up()
            await asyncio.sleep(PAUSE)

    def _with_news(self) -> Iterator[ChannelLike]:
        """Go through the channels in which something may have been missed."""
        for guild in self._client.guilds:
            places: list[GuildPlace] = [
                *guild.text_channels,
                *guild.voice_channels,
                *guild.stage_channels,
                *guild.threads,
            ]
            for place in places:
                rights = place.permissions_for(guild.me)
                after = self._marks.after(place.id, reach=self._reach)
                newest = place.last_message_id or 0
                if after is not None and newest > after and rights.read_message_history:
                    yield place
        if self._private:
            for number in self._marks.private_channels()[:MOST_PRIVATE]:
                yield self._client.get_partial_messageable(number, type=discord.ChannelType.private)

    async def _look_back(self, channel: discord.abc.Messageable, number: int) -> bool:
        """Take in what a channel has after its mark.

        Returns:
            Whether the channel is done with; False: Discord or Redis could not be reached.
        """
        after = self._marks.after(number, reach=self._reach)
        found = []
        try:
            if after is not None:
                async for message in channel.history(limit=self._most):
                    if message.id <= after:
                        break
                    found.append(message)
        except (discord.NotFound, discord.Forbidden):
            log.info("channel %d cannot be read (any more)", number)
        except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("channel %d: Discord not reached (%s)", number, type(error).__name__)
            return False
        for message in reversed(found):
            await self._arrivals.take(message, late=True)
        if number in self._behind:
            return False
        self._marks.finish_channel(number)
        return True
