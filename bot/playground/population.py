"""Add users, guilds and channels beyond those of `state.seed`, with their events. For tests."""

from bot.playground.payloads import users
from bot.playground.payloads.guilds import guild_create
from bot.playground.pocket import Pocket
from bot.playground.state import permissions, seed
from bot.playground.state.records import Channel, ChannelType, Guild, User


def add_user(pocket: Pocket, name: str, guild: Guild | None = None) -> User:
    """Create a user who joins a guild, by default the first one. Sends GUILD_MEMBER_ADD."""
    guild = guild or pocket.world.guild
    user = seed.new_user(pocket.world, name, name.capitalize())
    seed.add_member(pocket.world, guild, user)
    joined = users.member(pocket.world, guild.members[user.id]) | {"guild_id": str(guild.id)}
    pocket.hub.in_guild("GUILD_MEMBER_ADD", guild, lambda _: joined)
    return user


def add_guild(pocket: Pocket, name: str, owner: User | None = None) -> Guild:
    """Create a guild with one channel, its owner and the bot. Sends GUILD_CREATE to its members."""
    world = pocket.world
    owner = owner or next(each for each in world.users.values() if not each.bot)
    guild = seed.new_guild(world, name, owner)
    seed.invite_bot(world, guild, world.bot, permissions.BOT_INVITE)
    add_channel(pocket, guild, seed.GENERAL)
    for member in guild.members.values():
        everyone = list(guild.members.values())
        shown = guild_create(world, guild, world.users[member.user_id], everyone)
        del shown["unavailable"]  # Discord sends it for guilds that READY has listed, not for new ones.
        pocket.hub.to_user("GUILD_CREATE", member.user_id, shown, guild.id)
    return guild


def add_channel(pocket: Pocket, guild: Guild, name: str) -> Channel:
    """Create a text channel without sending an event."""
    channel = Channel(
        id=pocket.world.snowflakes.next(), type=ChannelType.TEXT, name=name, guild_id=guild.id, position=0
    )
    pocket.world.save_channel(channel)
    return channel
