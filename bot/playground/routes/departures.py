"""Leaving a server, by oneself or put out of it."""

from bot.playground.payloads import people
from bot.playground.pocket import Pocket
from bot.playground.state.objects import Guild, User


def remove(pocket: Pocket, guild: Guild, user: User) -> None:
    """Let a member go, and tell those who stay and the one who went."""
    news = {"guild_id": str(guild.id), "user": people.user(user)}
    pocket.hub.in_guild("GUILD_MEMBER_REMOVE", guild, lambda _: news)
    del guild.members[user.id]
    pocket.world.save_guild(guild)
    pocket.hub.to_user("GUILD_DELETE", user.id, {"id": str(guild.id)}, guild.id)
