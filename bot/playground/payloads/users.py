"""User, member and role objects."""

from datetime import datetime

from bot.playground.state.records import Json, Member, Role, User
from bot.playground.state.world import World


def iso(moment: datetime | None) -> str | None:
    """Return an ISO 8601 timestamp with microseconds and offset, as Discord sends it."""
    return None if moment is None else moment.isoformat(timespec="microseconds")


def user(record: User) -> Json:
    """Return a user object."""
    shown: Json = {
        "id": str(record.id),
        "username": record.username,
        "global_name": record.global_name,
        "discriminator": "0000" if record.bot else "0",
        "avatar": None,
        "banner": None,
        "accent_color": None,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
        "public_flags": record.public_flags,
        "flags": record.public_flags,
    }
    if record.bot:
        shown["bot"] = True
    return shown


def own_user(record: User) -> Json:
    """Return the user object of `GET /users/@me`."""
    return user(record) | {
        "mfa_enabled": False,
        "locale": "en-US",
        "premium_type": 0,
        "email": None,
        "verified": True,
    }


def role(record: Role) -> Json:
    """Return a role object."""
    shown: Json = {
        "id": str(record.id),
        "name": record.name,
        "permissions": str(record.permissions),
        "position": record.position,
        "color": record.color,
        "colors": {"primary_color": record.color, "secondary_color": None, "tertiary_color": None},
        "hoist": record.hoist,
        "managed": record.managed,
        "mentionable": record.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if record.bot_id is not None:
        shown["tags"] = {"bot_id": str(record.bot_id)}
    return shown


def partial_member(record: Member) -> Json:
    """Return a member object without the user, as message events have it."""
    return {
        "avatar": None,
        "banner": None,
        "nick": record.nick,
        "roles": [str(role_id) for role_id in record.roles],
        "joined_at": iso(record.joined_at),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "communication_disabled_until": iso(record.timed_out_until),
    }


def member(world: World, record: Member) -> Json:
    """Return a member object with the user."""
    return partial_member(record) | {"user": user(world.users[record.user_id])}
