"""`/captions on|off`: switch captions of posted pictures in a channel or thread."""

import asyncio

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Beholder
from bot.formatting.errors import error_sentence
from handlers.storage.channel_settings import ChannelSettings
from inference.errors import QueueUnavailable

REDIS_TIMEOUT_S = 2.0
"""Seconds for Redis: Discord waits three for a response."""

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
    """The cog of `/captions`.

    Args:
        client: The bot.
        channels: Which channels have captions on.
    """

    captions = app_commands.Group(
        name="captions",
        description="Switch captions in this channel on or off",
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        default_permissions=discord.Permissions(manage_guild=True),
    )

    def __init__(self, client: Beholder, channels: ChannelSettings) -> None:
        self._client = client
        self._channels = channels

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
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                has_changed = await self._store(interaction, on=on)
        except (QueueUnavailable, TimeoutError):
            await _say(interaction, error_sentence(QueueUnavailable()), private=True)
            return
        if has_changed:
            # Public: members whose pictures are captioned should know.
            await _say(interaction, self._announcement(interaction, on=on), private=False)
        else:
            text = ALREADY.format(state="on" if on else "off", place=_place(interaction))
            await _say(interaction, _joined(text, self._obstacle(interaction) if on else None), private=True)

    async def _store(self, interaction: discord.Interaction[Beholder], *, on: bool) -> bool:
        """Store the setting, and return whether it has changed. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        channel = interaction.channel
        channel_id = interaction.channel_id or 0
        parent = channel.parent_id if isinstance(channel, discord.Thread) else None
        before = await self._channels.captions_on(channel_id, parent)
        # Stored even if it is the same: from now on the thread has a setting of its own.
        await self._channels.set_captions(channel_id, on=on)
        return before != on

    def _announcement(self, interaction: discord.Interaction[Beholder], *, on: bool) -> str:
        if not on:
            return OFF.format(place=_place(interaction))
        return _joined(ON.format(place=_place(interaction)), self._obstacle(interaction))

    def _obstacle(self, interaction: discord.Interaction[Beholder]) -> str | None:
        """Return a sentence about what keeps the bot from captioning here; None if nothing does."""
        if not self._client.intents.message_content:
            return UNSEEN
        rights, in_thread = interaction.app_permissions, isinstance(interaction.channel, discord.Thread)
        needed = {
            "View Channel": rights.view_channel,
            "Send Messages in Threads" if in_thread else "Send Messages": (
                rights.send_messages_in_threads if in_thread else rights.send_messages
            ),
        }
        missing = [name for name, granted in needed.items() if not granted]
        return UNANSWERABLE.format(permissions=" and the ".join(missing)) if missing else None


def _refusal(interaction: discord.Interaction[Beholder]) -> str | None:
    """Return why a member may not use the command: a server's admins can allow it to any role."""
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
