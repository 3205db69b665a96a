"""Who may talk to the pocket Discord at all: programs and pages on this machine, by its own names.

A page elsewhere could make a browser send requests here (its Origin tells), or point a name of its own at
this machine (the Host tells). Both are refused.
"""

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.playground.pocket import Pocket


def guard(pocket: Pocket) -> Middleware:
    """Return the middleware that refuses a foreign Host or Origin."""

    @web.middleware
    async def refuse_foreign(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if request.host.lower() not in pocket.hosts:
            return _refused("Host")
        if origin is not None and not _is_own(origin, pocket.hosts):
            return _refused("Origin")
        return await handler(request)

    return refuse_foreign


def names(host: str, port: int) -> set[str]:
    """Return the Host headers that mean this server."""
    hosts = {host, "localhost", "127.0.0.1", "[::1]"}
    return {f"{each}:{port}" for each in hosts} | (hosts if port == 80 else set())


def _is_own(origin: str, hosts: set[str]) -> bool:
    parts = urlsplit(origin)
    return parts.scheme == "http" and parts.netloc.lower() in hosts


def _refused(header: str) -> web.Response:
    return web.json_response({"message": f"403: foreign {header}", "code": 0}, status=403)
