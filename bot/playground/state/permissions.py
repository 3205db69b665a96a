"""Discord's permission bits, and a member's permissions in a guild and in a channel.

Source of the bits and of the order of computation: Discord's reference, "Permissions".
"""

from datetime import UTC, datetime
from enum import IntFlag

from bot.playground.state.records import Channel, Guild


class Permission(IntFlag):
    """The permissions that the pocket Discord checks, with Discord's bits."""

    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    MANAGE_GUILD_EXPRESSIONS = 1 << 30
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    USE_EXTERNAL_STICKERS = 1 << 37
    SEND_MESSAGES_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40
    SEND_POLLS = 1 << 49
    USE_EXTERNAL_APPS = 1 << 50


ALL = (1 << 53) - 1
"""All bits that Discord uses, and some that it may use later."""

BOT_INVITE = 309237763072
"""The permissions in the invite link of the README, which lists them."""

EVERYONE = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.CHANGE_NICKNAME
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.CREATE_PRIVATE_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
    | Permission.USE_EXTERNAL_STICKERS
    | Permission.SEND_POLLS
    | Permission.USE_EXTERNAL_APPS
)
"""The permissions of @everyone in a new guild."""

DIRECT = EVERYONE & ~(
    Permission.CREATE_PUBLIC_THREADS
    | Permission.CREATE_PRIVATE_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
    | Permission.CHANGE_NICKNAME
)
"""The permissions of both users in a DM."""

WRITING = (
    Permission.MENTION_EVERYONE
    | Permission.SEND_TTS_MESSAGES
    | Permission.ATTACH_FILES
    | Permission.EMBED_LINKS
)
"""Permissions without effect for members who can't send messages."""

TIMED_OUT = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY
"""The permissions left to a member in a timeout."""


def in_guild(guild: Guild, user_id: int) -> int:
    """Return a member's permissions before channel overwrites, 0 for a user who is no member."""
    member = guild.members.get(user_id)
    if member is None:
        return 0
    if guild.owner_id == user_id:
        return ALL
    bits = guild.roles[guild.id].permissions
    for role_id in member.roles:
        bits |= guild.roles[role_id].permissions
    if bits & Permission.ADMINISTRATOR:
        return ALL
    return bits & TIMED_OUT if _timed_out(guild, user_id) else bits


def in_channel(guild: Guild, channel: Channel, user_id: int) -> int:
    """Return a member's permissions in a channel. For a thread pass its parent."""
    bits = in_guild(guild, user_id)
    if bits == ALL or not bits:
        return bits
    bits = _overwritten(bits, guild, channel, user_id)
    if not bits & Permission.VIEW_CHANNEL:
        return 0
    if _timed_out(guild, user_id):
        return bits & TIMED_OUT
    if not bits & Permission.SEND_MESSAGES and not bits & Permission.SEND_MESSAGES_IN_THREADS:
        bits &= ~WRITING
    return bits


def _timed_out(guild: Guild, user_id: int) -> bool:
    """Tell whether a member is in a timeout now."""
    until = guild.members[user_id].timed_out_until
    return until is not None and until > datetime.now(UTC)


def _overwritten(bits: int, guild: Guild, channel: Channel, user_id: int) -> int:
    """Apply a channel's overwrites: @everyone's, then all roles' together, then the member's."""
    by_id = {overwrite.id: overwrite for overwrite in channel.overwrites}
    everyone = by_id.get(guild.id)
    if everyone:
        bits = bits & ~everyone.deny | everyone.allow
    roles = [by_id[role] for role in guild.members[user_id].roles if role in by_id]
    for overwrite in roles:
        bits &= ~overwrite.deny
    for overwrite in roles:
        bits |= overwrite.allow
    own = by_id.get(user_id)
    return bits & ~own.deny | own.allow if own else bits
