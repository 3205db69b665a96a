"""The content of a new pocket Discord: one guild, two channels, two users and the bot."""

import base64
import secrets

from bot.playground.state import permissions
from bot.playground.state.permissions import Permission
from bot.playground.state.records import Application, Channel, ChannelType, Guild, Member, Role, User
from bot.playground.state.world import World

GUILD_NAME = "The pocket Discord"
PICTURES = "pictures"
GENERAL = "general"
TOPICS = {
    PICTURES: "Post a picture and Beholder says what is in it. /captions switches that.",
    GENERAL: "Beholder is quiet here until you mention it or use a command.",
}

USERS = (("ada", "Ada"), ("ben", "Ben"))
"""Username and display name. The first owns the guild, the second is an ordinary member."""

BOT_NAME = "Beholder"

LIMITED_INTENTS = 1 << 13 | 1 << 15 | 1 << 19
"""Application flags: the limited presence, members and message content intents of an unverified application.

Source: Discord's reference, "Application flags".
"""


def seed(world: World) -> None:
    """Create the initial content of a world, unless it has a guild. Idempotent."""
    if world.guilds:
        return
    people = [new_user(world, *names) for names in USERS]
    bot = _bot(world, people[0])
    _guild(world, people, bot)


def new_token(user_id: int) -> str:
    """Return a token of the form of Discord's: the user's id, then random parts."""
    owner = base64.urlsafe_b64encode(str(user_id).encode()).decode().rstrip("=")
    return f"{owner}.{secrets.token_urlsafe(4)}.{secrets.token_urlsafe(27)}"


def new_user(world: World, username: str, shown: str) -> User:
    """Create a user account."""
    user_id = world.snowflakes.next()
    user = User(id=user_id, username=username, global_name=shown, token=new_token(user_id))
    world.save_user(user)
    return user


def _bot(world: World, owner: User) -> User:
    user_id = world.snowflakes.next()
    bot = User(id=user_id, username=BOT_NAME, bot=True, token=new_token(user_id))
    application = Application(
        id=user_id,
        name=BOT_NAME,
        description="Says what is in a picture.",
        flags=LIMITED_INTENTS,
        owner_id=owner.id,
        verify_key=secrets.token_hex(32),
    )
    world.save_user(bot)
    world.save_application(application)
    return bot


def _guild(world: World, people: list[User], bot: User) -> None:
    """Create the guild with its members, the bot and the channels."""
    guild = new_guild(world, GUILD_NAME, people[0])
    add_member(world, guild, *people[1:])
    admin = Role(
        id=world.snowflakes.next(),
        name="admin",
        permissions=Permission.ADMINISTRATOR,
        position=2,
        color=0xE67E22,
    )
    guild.roles[admin.id] = admin
    guild.members[people[0].id].roles.append(admin.id)
    invite_bot(world, guild, bot, permissions.BOT_INVITE)
    for position, name in enumerate((PICTURES, GENERAL)):
        world.save_channel(_channel(world, guild, name, position))


def new_guild(world: World, name: str, owner: User) -> Guild:
    """Create a guild with its owner and without channels."""
    guild = Guild(id=world.snowflakes.next(), name=name, owner_id=owner.id)
    guild.roles[guild.id] = Role(id=guild.id, name="@everyone", permissions=permissions.EVERYONE)
    add_member(world, guild, owner)
    return guild


def add_member(world: World, guild: Guild, *users: User) -> None:
    """Add users to a guild."""
    for user in users:
        guild.members[user.id] = Member(user_id=user.id, joined_at=world.now())
    world.save_guild(guild)


def invite_bot(world: World, guild: Guild, bot: User, bits: int) -> None:
    """Add a bot to a guild, with the managed role that Discord creates for it."""
    role = Role(
        id=world.snowflakes.next(),
        name=bot.username,
        permissions=bits,
        position=1,
        managed=True,
        bot_id=bot.id,
    )
    guild.roles[role.id] = role
    guild.members[bot.id] = Member(user_id=bot.id, joined_at=world.now(), roles=[role.id])
    world.save_guild(guild)


def _channel(world: World, guild: Guild, name: str, position: int) -> Channel:
    return Channel(
        id=world.snowflakes.next(),
        type=ChannelType.TEXT,
        name=name,
        topic=TOPICS.get(name),
        guild_id=guild.id,
        position=position,
    )
