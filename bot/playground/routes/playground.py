"""`GET /playground/session`: URLs, ids and tokens for programs, and whether bot and worker are ready."""

import json

from aiohttp import web

from bot.playground.pocket import Pocket
from bot.playground.state.records import Json
from bot.playground.state.seed import PICTURES


async def session(pocket: Pocket) -> Json:
    """Return the session as JSON: readiness, URLs, ids, and the users with their tokens."""
    world = pocket.world
    guild = world.guild
    pictures = next((each for each in world.guild_channels(guild) if each.name == PICTURES), None)
    people = [each for each in world.users.values() if not each.bot]
    return {
        "ready": await pocket.is_ready(),
        "models": pocket.models,
        "api": pocket.api,
        "gateway": pocket.gateway,
        "application_id": str(world.application.id),
        "bot_user_id": str(world.bot.id),
        "guild_id": str(guild.id),
        "channel_id": str(pictures.id) if pictures else None,
        "users": [{"id": str(each.id), "name": each.username, "token": each.token} for each in people],
    }


def add_to(app: web.Application, pocket: Pocket) -> None:
    """Register the route."""

    async def answer(_: web.Request) -> web.Response:
        body = json.dumps(await session(pocket)).encode()
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return web.Response(body=body, headers=headers)

    app.router.add_get("/playground/session", answer)
