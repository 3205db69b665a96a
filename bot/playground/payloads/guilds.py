"""Guild and sticker objects."""

from bot.playground.payloads.channels import channel
from bot.playground.payloads.users import iso, member, role, user
from bot.playground.state import permissions
from bot.playground.state.records import Guild, Json, Member, Sticker, User
from bot.playground.state.world import World

GUILD_STICKER = 2
"""Source: Discord's reference, "Sticker types"."""


def guild(world: World, record: Guild) -> Json:
    """Return a guild object."""
    stickers = [each for each in world.stickers.values() if each.guild_id == record.id]
    return GUILD_DEFAULTS | {
        "id": str(record.id),
        "name": record.name,
        "owner_id": str(record.owner_id),
        "roles": [role(each) for each in record.roles.values()],
        "stickers": [sticker(world, each) for each in stickers],
    }


def guild_create(world: World, record: Guild, viewer: User, members: list[Member]) -> Json:
    """Return the data of GUILD_CREATE, with the channels that the viewer can see."""
    threads = [each for each in world.threads(record) if each.thread and not each.thread.archived]
    channels = world.guild_channels(record)
    return guild(world, record) | {
        "joined_at": iso(record.members[viewer.id].joined_at),
        "large": False,
        "unavailable": False,
        "member_count": len(record.members),
        "members": [member(world, each) for each in members],
        "channels": [channel(world, each, viewer) for each in channels if world.can_see(each, viewer.id)],
        "threads": [channel(world, each, viewer) for each in threads if world.can_see(each, viewer.id)],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def sticker(world: World, record: Sticker) -> Json:
    """Return a guild sticker object."""
    shown: Json = {
        "id": str(record.id),
        "guild_id": str(record.guild_id),
        "name": record.name,
        "description": record.description,
        "tags": record.tags,
        "type": GUILD_STICKER,
        "format_type": record.format_type,
        "available": True,
    }
    return shown | {"user": user(world.users[record.user_id])}


def own_guild(record: Guild, viewer: User) -> Json:
    """Return a partial guild, as `GET /users/@me/guilds` lists it."""
    return {
        "id": str(record.id),
        "name": record.name,
        "icon": None,
        "banner": None,
        "owner": record.owner_id == viewer.id,
        "permissions": str(permissions.in_guild(record, viewer.id)),
        "features": [],
        "approximate_member_count": len(record.members),
        "approximate_presence_count": len(record.members),
    }


GUILD_DEFAULTS: Json = {
    "icon": None,
    "description": None,
    "home_header": None,
    "splash": None,
    "discovery_splash": None,
    "features": [],
    "banner": None,
    "application_id": None,
    "region": "us-west",
    "afk_channel_id": None,
    "afk_timeout": 300,
    "system_channel_id": None,
    "system_channel_flags": 0,
    "widget_enabled": False,
    "widget_channel_id": None,
    "verification_level": 0,
    "default_message_notifications": 0,
    "mfa_level": 0,
    "explicit_content_filter": 0,
    "max_presences": None,
    "max_members": 500000,
    "max_stage_video_channel_users": 50,
    "max_video_channel_users": 25,
    "vanity_url_code": None,
    "premium_tier": 0,
    "premium_subscription_count": 0,
    "preferred_locale": "en-US",
    "rules_channel_id": None,
    "safety_alerts_channel_id": None,
    "public_updates_channel_id": None,
    "premium_progress_bar_enabled": False,
    "nsfw": False,
    "nsfw_level": 0,
    "emojis": [],
    "stickers": [],
    "incidents_data": None,
}
"""Fields of a guild object that are the same for all guilds here."""
