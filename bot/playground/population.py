"""More people and servers than a pocket Discord starts with, with the news of them. For tests."""

from bot.playground.payloads import users
from bot.playground.payloads.guilds import guild_create
from bot.playground.pocket import Pocket
from bot.playground.state import permissions, seed
from bot.playground.state.records import Channel, ChannelType, Guild, User


def add_user(pocket: Pocket, name: str, guild: Guild | None = None) -> User:
    """Let someone new join a server, the first one where none is named."""
    guild = guild or pocket.world.guild
    person = seed.new_user(pocket.world, name, name.capitalize())
    seed.add_member(pocket.world, guild, person)
    joined = users.member(pocket.world, guild.members[person.id]) | {"guild_id": str(guild.id)}
    pocket.hub.in_guild("GUILD_MEMBER_ADD", guild, lambda _: joined)
    return person


def add_guild(pocket: Pocket, name: str, owner: User | None = None) -> Guild:
    """Make another server with one channel, let its owner in and invite the bot."""
    world = pocket.world
    owner = owner or next(each for each in world.users.values() if not each.bot)
    guild = seed.new_guild(world, name, owner)
    seed.invite_bot(world, guild, world.bot, permissions.BOT_INVITE)
    add_channel(pocket, guild, seed.GENERAL)
    for member in guild.members.values():
        everyone = list(guild.members.values())
        shown = guild_create(world, guild, world.users[member.user_id], everyone)
        del shown["unavailable"]  # Only a server that was known before says whether it is there again.
        pocket.hub.to_user("GUILD_CREATE", member.user_id, shown, guild.id)
    return guild


def add_channel(pocket: Pocket, guild: Guild, name: str) -> Channel:
    """Add a text channel without telling anyone."""
    channel = Channel(
        id=pocket.world.snowflakes.next(), type=ChannelType.TEXT, name=name, guild_id=guild.id, position=0
    )
    pocket.world.save_channel(channel)
    return channel
