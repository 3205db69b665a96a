"""What passes between the bot and this Discord, for the page to show: events, requests, and jobs.

Tokens never leave: those of interactions are cut out of payloads and paths, and headers aren't shown at all.
"""

import asyncio
import time
from collections import deque
from typing import Any

from aiohttp import WSMsgType, web

from bot.playground.dispatch.sessions import Connection, Op
from bot.playground.pocket import Pocket
from bot.playground.state.records import Json
from bot.playground.testing.observers import GatewayFrame, Observation, RestExchange

MAX_ENTRIES = 200
"""How many entries a page that comes later still gets."""

SECRETS = frozenset({"token", "interaction_token", "webhook_token", "authorization"})
REDACTED = "…"
MAX_TEXT = 4000
"""Longer texts are cut: what is inspected is the exchange, not a file."""

IGNORED_OPS = {Op.HEARTBEAT, Op.HEARTBEAT_ACK}


class Inspector:
    """Keeps the last of what happened, and tells the pages that look.

    Args:
        pocket: What is looked at.
    """

    def __init__(self, pocket: Pocket) -> None:
        self._pocket = pocket
        self._entries: deque[Json] = deque(maxlen=MAX_ENTRIES)
        self._pages: set[Connection] = set()

    def add_to(self, app: web.Application) -> None:
        """Register the route and begin to watch."""
        self._pocket.observers.append(self._observe)
        app.router.add_get("/playground/inspector", self._connect)

    def add(self, entry: Json) -> None:
        """Keep an entry and show it to the pages that look."""
        shown = {"at": time.time()} | entry
        self._entries.append(shown)
        for page in self._pages:
            page.send(shown)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        """Show a page what was kept, and then what happens, until it goes."""
        socket = web.WebSocketResponse(autoping=True, heartbeat=30)
        await socket.prepare(request)
        page = Connection(socket, request.transport)
        for entry in self._entries:
            page.send(entry)
        self._pages.add(page)
        self._pocket.sockets.add(socket)
        writer = asyncio.create_task(page.write())
        try:
            while (await socket.receive()).type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                pass  # Pages have nothing to say here.
        finally:
            self._pages.discard(page)
            self._pocket.sockets.discard(socket)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    def _observe(self, observation: Observation) -> None:
        entry = (
            self._exchange(observation) if isinstance(observation, RestExchange) else self._frame(observation)
        )
        if entry is not None:
            self.add(entry)

    def _exchange(self, exchange: RestExchange) -> Json | None:
        """Describe a request of the bot's; those with an interaction's token need no other name."""
        if exchange.user_id not in {None, self._pocket.world.bot.id}:
            return None
        return {
            "kind": "rest",
            "name": f"{exchange.method} {redacted_path(exchange.template, exchange.path)}",
            "status": exchange.status,
            "ms": round(exchange.seconds * 1000, 1),
            "files": len(exchange.files),
            "sent": redacted(exchange.request),
            "answer": redacted(exchange.answer),
        }

    def _frame(self, frame: GatewayFrame) -> Json | None:
        """Describe a gateway frame to or from the bot."""
        op = frame.payload.get("op")
        if frame.user_id != self._pocket.world.bot.id or op in IGNORED_OPS:
            return None
        name = frame.payload.get("t") or (Op(op).name if op in set(Op) else f"op {op}")
        return {
            "kind": "gateway",
            "name": name,
            "to_bot": frame.sent,
            "payload": redacted(frame.payload.get("d")),
        }


def redacted_path(template: str, path: str) -> str:
    """Return a request's path without the tokens in it.

    Args:
        template: The route, such as `/webhooks/{webhook_id}/{webhook_token}`.
        path: What was asked for.
    """
    pairs = zip(template.split("/"), path.split("/"), strict=False)
    return "/".join(REDACTED if name.strip("{}") in SECRETS else part for name, part in pairs)


def redacted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON without tokens, long texts cut."""
    if isinstance(value, dict):
        return {key: REDACTED if key.lower() in SECRETS else redacted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [redacted(each) for each in value]
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[:MAX_TEXT] + REDACTED
    return value
