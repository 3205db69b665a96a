"""The aiohttp application: REST routes under `/api/v10`, the gateway, the CDN, the page."""

from email.utils import formatdate
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
    """Build the application that serves a pocket Discord."""
    app = web.Application(
        middlewares=[origin_check(pocket), _routing_errors], client_max_size=pocket.limits.request_bytes
    )

    async def set_date(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(pocket.world.clock(), usegmt=True)

    app.on_response_prepare.append(set_date)
    for route in sorted(ROUTES, key=_literals_first):
        app.router.add_route(route.method, API + route.template, Endpoint(pocket, route).__call__)
    for path in ("/gateway", "/gateway/"):  # clients append "/?v=10" or "?v=10"
        app.router.add_get(path, _gateway(pocket))
    FileHost(pocket).add_to(app)
    playground.add_to(app, pocket)
    gallery.add_to(app)
    inspector.add_to(app)
    page.add_to(app, pocket)
    return app


def _literals_first(route: Route) -> tuple[bool, ...]:
    """Sort key that puts literal path segments before parameters: `/users/@me` before `/users/{user_id}`."""
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
async def _routing_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer unknown routes, wrong methods and too large bodies with Discord's error objects."""
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
