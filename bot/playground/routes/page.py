"""The page at the address itself: static files, and the headers that let nothing else run in it."""

from pathlib import Path

from aiohttp import web

from bot.playground.pocket import Pocket

FOLDER = Path(__file__).parent.parent / "page"
INDEX = "index.html"

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""What is served, and as what; whatever else lies in the folder is not there."""

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
"""What the page may do, besides talking to this server. No text can become HTML or a script in it."""

HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def policy(host: str) -> str:
    """Write the page's Content-Security-Policy.

    Args:
        host: A name of this server; the guard has let no other through.
    """
    # Not every browser takes a WebSocket of the same host for 'self'.
    return "; ".join((*POLICY_RULES, f"connect-src 'self' ws://{host}"))


def files() -> dict[str, Path]:
    """List the page's files by their path below it."""
    return {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.suffix in TYPES}


def add_to(app: web.Application, _: Pocket) -> None:
    """Register the routes."""
    known = files()

    def served(name: str, request: web.Request) -> web.Response:
        path = known.get(name)
        if path is None:
            raise web.HTTPNotFound
        headers = HEADERS | {"Content-Security-Policy": policy(request.host)}
        kind = TYPES[path.suffix]
        return web.Response(body=path.read_bytes(), content_type=kind, charset="utf-8", headers=headers)

    async def index(request: web.Request) -> web.Response:
        return served(INDEX, request)

    async def file(request: web.Request) -> web.Response:
        return served(request.match_info["name"], request)

    app.router.add_get("/", index)
    app.router.add_get("/page/{name:.+}", file)
