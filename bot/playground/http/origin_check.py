"""Who may talk to the pocket Discord at all: programs, and its own page, by its own names.

A page elsewhere could make a browser send requests here (its Origin tells, or Sec-Fetch-Site where a browser
sends none), or point a name of its own at this machine (the Host tells). Both are refused.
"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.playground.pocket import Pocket

ALL_INTERFACES = {"", "0.0.0.0", "::"}  # noqa: S104 - only to tell it apart
"""What a server is told that is to listen on all of its machine's addresses; it names itself 127.0.0.1."""


def origin_check(pocket: Pocket) -> Middleware:
    """Return the middleware that refuses a foreign Host or Origin."""

    @web.middleware
    async def refuse_foreign(request: web.Request, handler: Handler) -> web.StreamResponse:
        host, origin = request.host.lower(), request.headers.get("Origin")
        if host not in pocket.hosts and not (pocket.listens_on_all and _is_address(host)):
            return _refused("Host")
        if origin is not None and not _is_own(origin, pocket.hosts | {host}):
            return _refused("Origin")
        if _is_of_another_page(request):
            return _refused("Sec-Fetch-Site")
        return await handler(request)

    return refuse_foreign


def host_headers(host: str, port: int) -> set[str]:
    """Return the Host headers that mean this server.

    Args:
        host: Where it listens.
        port: And on which port.
    """
    hosts = {host.lower(), "localhost", "127.0.0.1", "[::1]"}
    if host in ALL_INTERFACES:
        own = socket.gethostname().lower()
        hosts |= {own, f"{own}.local"}
    return {f"{each}:{port}" for each in hosts} | (hosts if port == 80 else set())


def _is_address(host: str) -> bool:
    """Tell whether a Host names no name: nobody can point an address of ours at anything else."""
    try:
        ip_address(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
    return True


def _is_of_another_page(request: web.Request) -> bool:
    """Tell what a browser asks for on behalf of another site's page, such as a picture in it."""
    site, mode = request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Mode")
    return site in {"cross-site", "same-site"} and mode != "navigate"


def _is_own(origin: str, hosts: set[str]) -> bool:
    parts = urlsplit(origin)
    return parts.scheme == "http" and parts.netloc.lower() in hosts


def _refused(header: str) -> web.Response:
    return web.json_response({"message": f"403: foreign {header}", "code": 0}, status=403)
