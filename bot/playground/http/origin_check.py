"""Middleware against cross-site requests and DNS rebinding: checks Host, Origin and Sec-Fetch-Site.

A page of another site could make a browser send requests here (seen from Origin, or from Sec-Fetch-Site where
there is no Origin), or resolve a name of its own to this machine (seen from Host). Both get a 403.
"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.playground.pocket import Pocket

ALL_INTERFACES = {"", "0.0.0.0", "::"}  # noqa: S104 - compared only
"""Bind addresses that mean all interfaces. The server's own URLs have 127.0.0.1 then."""


def origin_check(pocket: Pocket) -> Middleware:
    """Build the middleware that answers a foreign Host or Origin with 403."""

    @web.middleware
    async def refuse_foreign(request: web.Request, handler: Handler) -> web.StreamResponse:
        host, origin = request.host.lower(), request.headers.get("Origin")
        if host not in pocket.hosts and not (pocket.listens_on_all and _is_address(host)):
            return _refused("Host")
        if origin is not None and not _is_own(origin, pocket.hosts | {host}):
            return _refused("Origin")
        if _is_cross_site(request):
            return _refused("Sec-Fetch-Site")
        return await handler(request)

    return refuse_foreign


def host_headers(host: str, port: int) -> set[str]:
    """Return the Host headers to accept.

    Args:
        host: The bind address.
        port: The port.
    """
    hosts = {host.lower(), "localhost", "127.0.0.1", "[::1]"}
    if host in ALL_INTERFACES:
        own = socket.gethostname().lower()
        hosts |= {own, f"{own}.local"}
    return {f"{each}:{port}" for each in hosts} | (hosts if port == 80 else set())


def _is_address(host: str) -> bool:
    """Tell whether a Host header is an IP address, to which no one can rebind a name."""
    try:
        ip_address(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
    return True


def _is_cross_site(request: web.Request) -> bool:
    """Tell whether a browser sends a request for another site's page, such as an image in it."""
    site, mode = request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Mode")
    return site in {"cross-site", "same-site"} and mode != "navigate"


def _is_own(origin: str, hosts: set[str]) -> bool:
    parts = urlsplit(origin)
    return parts.scheme == "http" and parts.netloc.lower() in hosts


def _refused(header: str) -> web.Response:
    return web.json_response({"message": f"403: foreign {header}", "code": 0}, status=403)
