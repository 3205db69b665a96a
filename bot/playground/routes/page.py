"""Serve the page: static files, with a Content-Security-Policy that allows its own scripts only."""

from pathlib import Path

from aiohttp import web

from bot.playground.pocket import Pocket

FOLDER = Path(__file__).parent.parent / "page"
INDEX = "index.html"

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Content type by suffix. Files with other suffixes are not served."""

POLICY_RULES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
"""The policy without `connect-src`. Trusted types without a policy keep text from becoming HTML or script."""

HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def policy(host: str) -> str:
    """Return the page's Content-Security-Policy.

    Args:
        host: The request's Host header, which the origin check has accepted.
    """
    # 'self' doesn't include WebSockets of the same host in all browsers.
    return "; ".join((*POLICY_RULES, f"connect-src 'self' ws://{host}"))


def files() -> dict[str, Path]:
    """Return the page's files by their path relative to `FOLDER`."""
    return {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.suffix in TYPES}


def add_to(app: web.Application, _: Pocket) -> None:
    """Register the routes."""
    known = files()

    def respond(name: str, request: web.Request) -> web.Response:
        path = known.get(name)
        if path is None:
            raise web.HTTPNotFound
        headers = HEADERS | {"Content-Security-Policy": policy(request.host)}
        kind = TYPES[path.suffix]
        return web.Response(body=path.read_bytes(), content_type=kind, charset="utf-8", headers=headers)

    async def index(request: web.Request) -> web.Response:
        return respond(INDEX, request)

    async def file(request: web.Request) -> web.Response:
        return respond(request.match_info["name"], request)

    app.router.add_get("/", index)
    app.router.add_get("/page/{name:.+}", file)
