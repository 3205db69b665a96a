"""Gateway sessions: events with sequence numbers, stored for replay when a client resumes."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from aiohttp import ClientConnectionResetError, web

from bot.playground.dispatch.intents import Intent
from bot.playground.state.records import Json, User

REPLAY_EVENTS = 2000
"""How many events a session stores for a replay. Discord publishes no number."""

RESUME_SECONDS = 120
"""How long a session can be resumed after its connection closed. Discord publishes no number."""


class Op(IntEnum):
    """The gateway's opcodes. Source: Discord's reference, "Opcodes and status codes"."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE_UPDATE = 3
    VOICE_STATE_UPDATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_GUILD_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Connection:
    """One WebSocket with a queue of outgoing frames, so that senders don't wait. Frames go out in order."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket = socket
        self._transport = transport
        self._outbox: asyncio.Queue[Json] = asyncio.Queue()

    def send(self, payload: Json) -> None:
        """Queue a payload."""
        self._outbox.put_nowait(payload)

    async def write(self) -> None:
        """Send queued payloads until cancelled or disconnected."""
        while True:
            payload = await self._outbox.get()
            try:
                await self.socket.send_str(json.dumps(payload))
            except ClientConnectionResetError:
                return

    def abort(self) -> None:
        """Abort the connection without a close frame."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self, code: int) -> None:
        """Close the connection with a close code."""
        await self.socket.close(code=code)


@dataclass(eq=False)
class Session:
    """One client's gateway session.

    Attributes:
        user: The user whose client it is.
        intents: The intents that it identified with.
        shard: Shard id and number of shards.
        connection: Its connection, None while it is disconnected.
        left_at: When it was disconnected, in seconds of the clock.
    """

    user: User
    intents: int
    shard: tuple[int, int] = (0, 1)
    connection: Connection | None = None
    left_at: float = 0.0
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    sequence: int = 0
    _events: deque[Json] = field(default_factory=lambda: deque(maxlen=REPLAY_EVENTS))

    @property
    def reads_content(self) -> bool:
        """Tell whether it gets the content of others' messages."""
        return not self.user.bot or bool(self.intents & Intent.MESSAGE_CONTENT)

    def has_shard_of(self, guild_id: int | None) -> bool:
        """Tell whether this shard gets a guild's events. DMs, with None for the guild, go to shard 0."""
        number, count = self.shard
        return number == (0 if guild_id is None else (guild_id >> 22) % count)

    def dispatch(self, event: str, data: Json) -> Json:
        """Give an event the next sequence number, store it, send it if connected, and return the payload."""
        self.sequence += 1
        payload: Json = {"op": int(Op.DISPATCH), "t": event, "s": self.sequence, "d": data}
        self._events.append(payload)
        if self.connection is not None:
            self.connection.send(payload)
        return payload

    def events_after(self, sequence: int) -> Iterable[Json] | None:
        """Return the stored events after a sequence number, None where some are no longer stored."""
        oldest = self._events[0]["s"] if self._events else self.sequence + 1
        if sequence > self.sequence or sequence < oldest - 1:
            return None
        return [payload for payload in self._events if payload["s"] > sequence]
