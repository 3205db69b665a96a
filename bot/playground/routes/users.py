"""User, application and gateway URL routes: a client's first requests."""

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

SESSION_STARTS_PER_DAY = 1000
"""IDENTIFYs of one bot in a day. Source: Discord's reference, "Gateway", "Session start limit object"."""


class CreateDM(Form):
    """Body of a request that opens a DM channel."""

    recipient_id: Snowflake

    @model_validator(mode="before")
    @classmethod
    def _accept_recipients(cls, body: object) -> object:
        """Accept `recipients` with one user, which Discord's own clients send."""
        if isinstance(body, dict) and "recipient_id" not in body:
            match body.get("recipients"):
                case [one]:
                    return {**body, "recipient_id": one}
        return body


@routes.add("GET", "/users/@me")
async def get_current_user(call: Call) -> Json:
    """Get the caller's user."""
    return own_user(call.user)


@routes.add("GET", "/users/{user_id}")
async def get_user(call: Call) -> Json:
    """Get a user."""
    found = call.pocket.world.users.get(call.id("user_id"))
    if found is None:
        raise ApiError(ErrorCode.UNKNOWN_USER)
    return user(found)


@routes.add("GET", "/users/@me/guilds")
async def list_own_guilds(call: Call) -> list[Json]:
    """List the caller's guilds."""
    guilds = call.pocket.world.guilds.values()
    return [own_guild(each, call.user) for each in guilds if call.user.id in each.members]


@routes.add("DELETE", "/users/@me/guilds/{guild_id}")
async def leave_guild(call: Call) -> None:
    """Leave a guild."""
    remove_member(call.pocket, call.guild(), call.user)


@routes.add("POST", "/users/@me/channels")
async def create_dm(call: Call) -> Json:
    """Return the DM channel with a user, creating it the first time."""
    world = call.pocket.world
    other = world.users.get(call.form(CreateDM).recipient_id)
    if other is None:
        raise ApiError(ErrorCode.UNKNOWN_USER)
    if other.id == call.user.id or (other.bot and call.user.bot):
        raise ApiError(ErrorCode.CANNOT_MESSAGE_USER)
    return channel_payload(
        world, world.direct_channel(call.user.id, other.id) or _new_dm(call, other), call.user
    )


def _new_dm(call: Call, other: User) -> Channel:
    world = call.pocket.world
    channel = Channel(id=world.snowflakes.next(), type=ChannelType.DM, recipients=[call.user.id, other.id])
    world.save_channel(channel)
    for each in (call.user, other):
        if not each.bot:
            call.pocket.hub.to_user("CHANNEL_CREATE", each.id, channel_payload(world, channel, each))
    return channel


@routes.add("GET", "/gateway", public=True)
async def get_gateway(call: Call) -> Json:
    """Get the gateway's URL."""
    return {"url": call.pocket.gateway}


@routes.add("GET", "/gateway/bot")
async def get_gateway_bot(call: Call) -> Json:
    """Get the gateway's URL and the session start limit."""
    start = {
        "total": SESSION_STARTS_PER_DAY,
        "remaining": SESSION_STARTS_PER_DAY,
        "reset_after": 0,
        "max_concurrency": 1,
    }
    return {"url": call.pocket.gateway, "shards": 1, "session_start_limit": start}


@routes.add("GET", "/applications/@me")
@routes.add("GET", "/oauth2/applications/@me")
async def get_current_application(call: Call) -> Json:
    """Get the calling bot's application."""
    if not call.user.bot:
        raise ApiError(ErrorCode.BOTS_ONLY)
    return _application(call)


@routes.add("GET", "/applications/{application_id}")
async def get_application(call: Call) -> Json:
    """Get the bot's application by id."""
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
