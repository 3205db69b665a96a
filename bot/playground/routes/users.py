"""Users, applications and the gateway's address: what a client asks for first."""

from pydantic import model_validator

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.forms.base import Form, Snowflake
from bot.playground.http.routing import Call, Routes
from bot.playground.payloads.channels import channel as channel_payload
from bot.playground.payloads.guilds import own_guild
from bot.playground.payloads.users import own_user, user
from bot.playground.routes.guilds import remove_member
from bot.playground.state.permissions import BOT_INVITE
from bot.playground.state.records import Channel, ChannelType, Json, User

routes = Routes()

IDENTIFIES_A_DAY = 1000
"""Source: ../shared/DISCORD.md, "Threads, permissions, delivery"."""


class DirectChannel(Form):
    """Whom to write to."""

    recipient_id: Snowflake

    @model_validator(mode="before")
    @classmethod
    def _as_people_write_it(cls, body: object) -> object:
        """Take the list that Discord's own clients send, `recipients`, where it names one person."""
        if isinstance(body, dict) and "recipient_id" not in body:
            match body.get("recipients"):
                case [one]:
                    return {**body, "recipient_id": one}
        return body


@routes.add("GET", "/users/@me")
async def me(call: Call) -> Json:
    """Return the one who asks."""
    return own_user(call.user)


@routes.add("GET", "/users/{user_id}")
async def someone(call: Call) -> Json:
    """Return a user."""
    found = call.pocket.world.users.get(call.id("user_id"))
    if found is None:
        raise ApiError(ErrorCode.UNKNOWN_USER)
    return user(found)


@routes.add("GET", "/users/@me/guilds")
async def my_guilds(call: Call) -> list[Json]:
    """Return the servers of the one who asks."""
    guilds = call.pocket.world.guilds.values()
    return [own_guild(each, call.user) for each in guilds if call.user.id in each.members]


@routes.add("DELETE", "/users/@me/guilds/{guild_id}")
async def leave_guild(call: Call) -> None:
    """Leave a server."""
    remove_member(call.pocket, call.guild(), call.user)


@routes.add("POST", "/users/@me/channels")
async def open_direct(call: Call) -> Json:
    """Return the channel for direct messages with someone, opening it the first time."""
    world = call.pocket.world
    other = world.users.get(call.form(DirectChannel).recipient_id)
    if other is None:
        raise ApiError(ErrorCode.UNKNOWN_USER)
    if other.id == call.user.id or (other.bot and call.user.bot):
        raise ApiError(ErrorCode.CANNOT_MESSAGE_USER)
    return channel_payload(
        world, world.direct_channel(call.user.id, other.id) or _opened(call, other), call.user
    )


def _opened(call: Call, other: User) -> Channel:
    world = call.pocket.world
    channel = Channel(id=world.snowflakes.next(), type=ChannelType.DM, recipients=[call.user.id, other.id])
    world.save_channel(channel)
    for each in (call.user, other):
        if not each.bot:
            call.pocket.hub.to_user("CHANNEL_CREATE", each.id, channel_payload(world, channel, each))
    return channel


@routes.add("GET", "/gateway", public=True)
async def gateway(call: Call) -> Json:
    """Return the gateway's address."""
    return {"url": call.pocket.gateway}


@routes.add("GET", "/gateway/bot")
async def gateway_for_bots(call: Call) -> Json:
    """Return the gateway's address and how often a bot may identify."""
    start = {"total": IDENTIFIES_A_DAY, "remaining": IDENTIFIES_A_DAY, "reset_after": 0, "max_concurrency": 1}
    return {"url": call.pocket.gateway, "shards": 1, "session_start_limit": start}


@routes.add("GET", "/applications/@me")
@routes.add("GET", "/oauth2/applications/@me")
async def my_application(call: Call) -> Json:
    """Return the application of the bot that asks."""
    if not call.user.bot:
        raise ApiError(ErrorCode.BOTS_ONLY)
    return _application(call)


@routes.add("GET", "/applications/{application_id}")
async def application(call: Call) -> Json:
    """Return the bot's application by its id."""
    if not call.user.bot:
        raise ApiError(ErrorCode.BOTS_ONLY)
    if call.id("application_id") != call.pocket.world.application.id:
        raise ApiError(ErrorCode.UNKNOWN_APPLICATION)
    return _application(call)


def _application(call: Call) -> Json:
    world = call.pocket.world
    record = world.application
    install = {"scopes": ["applications.commands", "bot"], "permissions": str(BOT_INVITE)}
    return {
        "id": str(record.id),
        "name": record.name,
        "icon": None,
        "description": record.description,
        "type": None,
        "bot": user(world.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "install_params": install,
        "integration_types_config": {"0": {"oauth2_install_params": install}},
        "verify_key": record.verify_key,
        "flags": record.flags,
        "flags_new": str(record.flags),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user(world.users[record.owner_id]),
        "approximate_guild_count": len(world.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
    }
