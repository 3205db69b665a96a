"""`GET /playground/scenes`: random pictures of the kind that the tiny models were trained on.

A child process draws them, so that importing numpy and drawing do not block the event loop.
"""

import asyncio
import json
import secrets

from aiohttp import web

from inference.sandbox.child import ChildFailed, ChildLimits, ask_child

PROGRAM = ("-m", "bot.playground.gallery_child")
LIMITS = ChildLimits(seconds=20, memory=1024 * 2**20, answer=8 * 2**20)
"""Limits of the child process. Six scenes take about half a second and 100 MB on an idle machine."""

MAX_SCENES = 12
PIXELS = 384
SEED_LIMIT = 2**32

DRAWING_FAILED = "No scenes could be drawn here. Post a picture of your own instead."


async def draw_scenes(seed: int, count: int, limits: ChildLimits = LIMITS) -> bytes:
    """Draw random scenes in a child process.

    Args:
        seed: Seed of the random numbers. The same seed gives the same scenes.
        count: How many scenes, 1 to `MAX_SCENES`.
        limits: The limits of the child process.

    Returns:
        JSON: `{"scenes": [{"caption": ..., "png": base64}, ...]}`.

    Raises:
        ChildFailed: The child process failed, for example because numpy isn't installed.
    """
    request = {"seed": seed, "count": count, "pixels": PIXELS}
    return await ask_child(PROGRAM, [json.dumps(request).encode()], limits)


def add_to(app: web.Application, limits: ChildLimits = LIMITS) -> None:
    """Register the route. Requests are drawn one at a time.

    Args:
        app: The application.
        limits: The limits of the child process.
    """
    one_at_a_time = asyncio.Lock()

    async def answer(request: web.Request) -> web.Response:
        seed = _number(request, "seed", secrets.randbelow(SEED_LIMIT), SEED_LIMIT - 1)
        count = _number(request, "count", 6, MAX_SCENES, least=1)
        try:
            async with one_at_a_time:
                body = await draw_scenes(seed, count, limits)
        except ChildFailed:
            return web.json_response({"message": DRAWING_FAILED}, status=503)
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return web.Response(body=body, headers=headers)

    app.router.add_get("/playground/scenes", answer)


def _number(request: web.Request, name: str, default: int, most: int, *, least: int = 0) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
        raise web.HTTPBadRequest(text=f"{name} must be a number from {least} to {most}.")
    return int(text)
