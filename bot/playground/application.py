"""The HTTP application: Discord's routes under `/api/v10`, the gateway, the file hosts."""

from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.playground import gallery, gateway
from bot.playground.errors import ApiError, ErrorCode
from bot.playground.http.cdn import FileHost
from bot.playground.http.origin_check import origin_check
from bot.playground.http.routing import Endpoint, Reply, Route, respond
from bot.playground.inspector import Inspector
from bot.playground.pocket import Pocket
from bot.playground.routes import (
    channels,
    commands,
    guilds,
    interactions,
    messages,
    page,
    playground,
    reactions,
    stickers,
    threads,
    users,
    webhooks,
)

API = "/api/v10"

ROUTES: list[Route] = [
    *users.routes,
    *guilds.routes,
    *channels.routes,
    *messages.routes,
    *reactions.routes,
    *threads.routes,
    *commands.routes,
    *interactions.routes,
    *webhooks.routes,
    *stickers.routes,
]


def application(pocket: Pocket, inspector: Inspector) -> web.Application:
    """Return the application that serves a pocket Discord."""
    app = web.Application(
        middlewares=[origin_check(pocket), _in_discords_form], client_max_size=pocket.limits.request_bytes
    )
    for route in sorted(ROUTES, key=_fixed_parts_first):
        app.router.add_route(route.method, API + route.template, Endpoint(pocket, route).__call__)
    for path in ("/gateway", "/gateway/"):  # clients put "/?v=10" behind the address, or "?v=10"
        app.router.add_get(path, _gateway(pocket))
    FileHost(pocket).add_to(app)
    playground.add_to(app, pocket)
    gallery.add_to(app, pocket)
    inspector.add_to(app)
    page.add_to(app, pocket)
    return app


def _fixed_parts_first(route: Route) -> tuple[bool, ...]:
    """Order routes so that `/users/@me` comes before `/users/{user_id}`."""
    return tuple(part.startswith("{") for part in route.template.split("/"))


def _gateway(pocket: Pocket) -> Handler:
    async def connect(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        pocket.sockets.add(socket)
        try:
            await gateway.GatewayConnection(pocket, socket, request.transport).run(
                request.query.get("v", "10")
            )
        finally:
            pocket.sockets.discard(socket)
        return socket

    return connect


@web.middleware
async def _in_discords_form(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer unknown routes and methods as Discord does."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed:
        return _plain(ErrorCode.METHOD_NOT_ALLOWED)
    except web.HTTPNotFound:
        return _plain(ErrorCode.NOT_FOUND)
    except web.HTTPRequestEntityTooLarge:
        return _plain(ErrorCode.TOO_LARGE)


def _plain(refusal: ErrorCode, headers: dict[str, Any] | None = None) -> web.Response:
    error = ApiError(refusal)
    return respond(Reply(error.status, error.body), headers or {})
