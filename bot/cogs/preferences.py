"""`/captions on|off`: whether pictures in a channel or thread are captioned unasked."""

import asyncio
import contextlib

import discord
from discord import app_commands
from discord.ext import commands

from bot import replies
from bot.client import Beholder
from inference.errors import QueueUnavailable

REDIS_SECONDS = 2.0
"""That Redis may take: Discord wants an answer within three."""

NOT_ALLOWED = (
    "Only people with the Manage Server permission can switch captions on and off. Ask one of them to do it."
)
NOT_HERE = (
    "Captions are switched in a server's channels, not in direct messages: here I caption every picture that "
    "you send me anyway."
)
ALREADY = "Captions are {state} in {place} already; nothing has changed."
ON = "Captions are on in {place}: I say what is in every picture posted here. `/captions off` stops it."
OFF = (
    "Captions are off in {place}: I look at a picture only where somebody mentions me. `/captions on` "
    "starts it again."
)
UNSEEN = (
    "But I can't see what people just post: my operator has to turn on the Message Content intent first. "
    "Until then, mention me in the message with the picture."
)
UNANSWERABLE = "But I can't write here: give me the {permissions} permission first."


class CaptionCommands(commands.Cog):
    """What admins choose for a channel.

    Args:
        client: The bot.
    """

    captions = app_commands.Group(
        name="captions",
        description="Switch captions in this channel on or off",
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        default_permissions=discord.Permissions(manage_guild=True),
    )

    def __init__(self, client: Beholder) -> None:
        self._client = client

    @captions.command(name="on", description="Caption every picture that is posted in this channel or thread")
    async def on(self, interaction: discord.Interaction[Beholder]) -> None:
        """Switch captions on."""
        await self._switch(interaction, on=True)

    @captions.command(name="off", description="Caption no picture here unless somebody mentions me")
    async def off(self, interaction: discord.Interaction[Beholder]) -> None:
        """Switch captions off."""
        await self._switch(interaction, on=False)

    async def _switch(self, interaction: discord.Interaction[Beholder], *, on: bool) -> None:
        refusal = _refusal(interaction)
        if refusal is not None:
            await _say(interaction, refusal, private=True)
            return
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                is_new = await self._choose(interaction, on=on)
        except (QueueUnavailable, TimeoutError):
            await _say(interaction, replies.sentence(QueueUnavailable()), private=True)
            return
        if is_new:
            # Everyone whose pictures are looked at should see it.
            await _say(interaction, self._news(interaction, on=on), private=False)
        else:
            text = ALREADY.format(state="on" if on else "off", place=_place(interaction))
            await _say(interaction, _joined(text, self._hindrance(interaction) if on else None), private=True)

    async def _choose(self, interaction: discord.Interaction[Beholder], *, on: bool) -> bool:
        """Keep the choice; return whether it is another than before.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        channel = interaction.channel
        number = interaction.channel_id or 0
        parent = channel.parent_id if isinstance(channel, discord.Thread) else None
        before = await self._client.preferences.captions_on(number, parent)
        # Kept all the same: a thread that agrees with its channel today has still chosen.
        await self._client.preferences.set_captions(number, on=on)
        return before != on

    def _news(self, interaction: discord.Interaction[Beholder], *, on: bool) -> str:
        if not on:
            return OFF.format(place=_place(interaction))
        return _joined(ON.format(place=_place(interaction)), self._hindrance(interaction))

    def _hindrance(self, interaction: discord.Interaction[Beholder]) -> str | None:
        """Say what keeps the bot from captioning here, where something does."""
        if not self._client.intents.message_content:
            return UNSEEN
        rights, in_thread = interaction.app_permissions, isinstance(interaction.channel, discord.Thread)
        needed = {
            "View Channel": rights.view_channel,
            "Send Messages in Threads" if in_thread else "Send Messages": (
                rights.send_messages_in_threads if in_thread else rights.send_messages
            ),
        }
        missing = [name for name, is_there in needed.items() if not is_there]
        return UNANSWERABLE.format(permissions=" and the ".join(missing)) if missing else None

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Forget what a channel had chosen."""
        with contextlib.suppress(QueueUnavailable):
            await self._client.preferences.forget(channel.id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        """Forget what a thread had chosen."""
        with contextlib.suppress(QueueUnavailable):
            await self._client.preferences.forget(event.thread_id)


def _refusal(interaction: discord.Interaction[Beholder]) -> str | None:
    """Say why somebody may not, where that is so: a server's admins can show the command to anybody."""
    if interaction.guild_id is None or interaction.channel_id is None:
        return NOT_HERE
    rights = interaction.permissions
    return None if rights.administrator or rights.manage_guild else NOT_ALLOWED


def _place(interaction: discord.Interaction[Beholder]) -> str:
    return "this thread" if isinstance(interaction.channel, discord.Thread) else "this channel"


def _joined(text: str, more: str | None) -> str:
    return text if more is None else f"{text} {more}"


async def _say(interaction: discord.Interaction[Beholder], text: str, *, private: bool) -> None:
    await interaction.response.send_message(
        text, ephemeral=private, allowed_mentions=discord.AllowedMentions.none()
    )


async def setup(client: Beholder) -> None:
    """Add the cog."""
    await client.add_cog(CaptionCommands(client))
