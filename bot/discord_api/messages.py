"""Channels to send to, by id."""

import discord


def messageable(client: discord.Client, channel_id: int, guild_id: int | None) -> discord.abc.Messageable:
    """Return a channel to read from and send to. One that is not cached serves as well.

    Args:
        client: The Discord client.
        channel_id: The channel, thread or DM.
        guild_id: Its server; None for a DM.
    """
    channel = client.get_channel(channel_id)
    if isinstance(channel, discord.abc.Messageable):
        return channel
    kind = discord.ChannelType.private if guild_id is None else None
    return client.get_partial_messageable(channel_id, guild_id=guild_id, type=kind)
