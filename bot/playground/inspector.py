"""The page's inspector: the bot's gateway events and REST requests, and the worker's jobs.

Tokens are redacted from payloads and paths. Headers are not shown.
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
"""How many past entries a page gets when it connects."""

SECRETS = frozenset({"token", "interaction_token", "webhook_token", "authorization"})
REDACTED = "…"
MAX_TEXT = 4000
"""Characters of one string in an entry. Longer strings are cut."""

IGNORED_OPS = {Op.HEARTBEAT, Op.HEARTBEAT_ACK}


class Inspector:
    """Keeps the latest entries, and sends each to the connected pages, in order.

    Args:
        pocket: The pocket Discord that it observes.
    """

    def __init__(self, pocket: Pocket) -> None:
        self._pocket = pocket
        self._entries: deque[Json] = deque(maxlen=MAX_ENTRIES)
        self._pages: set[Connection] = set()

    def add_to(self, app: web.Application) -> None:
        """Register the WebSocket route, and observe the traffic from now on."""
        self._pocket.observers.append(self._observe)
        app.router.add_get("/playground/inspector", self._connect)

    def add(self, entry: Json) -> None:
        """Store an entry and send it to the connected pages."""
        shown = {"at": time.time()} | entry
        self._entries.append(shown)
        for page in self._pages:
            page.send(shown)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        """Send a page the stored entries, then new ones, until it disconnects."""
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
                pass  # Pages send nothing.
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
        """Return the entry of a REST request of the bot, None for another user's.

        Requests without a user are authorized by an interaction token, which only the bot has.
        """
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
        """Return the entry of a gateway frame to or from the bot, None for others."""
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
    """Return a request's path with its tokens redacted.

    Args:
        template: The route, such as `/webhooks/{webhook_id}/{webhook_token}`.
        path: The requested path.
    """
    pairs = zip(template.split("/"), path.split("/"), strict=False)
    return "/".join(REDACTED if name.strip("{}") in SECRETS else part for name, part in pairs)


def redacted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a JSON value with its tokens redacted and long strings cut."""
    if isinstance(value, dict):
        return {key: REDACTED if key.lower() in SECRETS else redacted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [redacted(each) for each in value]
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[:MAX_TEXT] + REDACTED
    return value
