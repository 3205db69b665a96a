"""One gateway connection: hello, identify or resume, heartbeats, events as text frames of JSON.

discord.py asks for transport compression and accepts uncompressed text all the same.
Source of opcodes and close codes: Discord's reference, "Opcodes and status codes".
"""

import asyncio
import contextlib
import json
from enum import IntEnum
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from bot.playground.dispatch import intents
from bot.playground.dispatch.sessions import Connection, Op, Session
from bot.playground.payloads.channels import channel
from bot.playground.payloads.guilds import guild_create
from bot.playground.payloads.users import member, own_user
from bot.playground.pocket import Pocket
from bot.playground.state.records import Json, User
from bot.playground.testing.observers import GatewayFrame

MAX_FRAME_BYTES = 4096
"""The largest frame that a client may send. Source: Discord's reference, "Gateway", "Sending events"."""

ACK_DELAY_S = 0.02
"""Delay of a heartbeat's acknowledgement. discord.py notes the time after it has sent a heartbeat, in another
thread: it would count an earlier acknowledgement for the heartbeat before, late by a whole interval."""


class CloseCode(IntEnum):
    """Close codes that the gateway sends."""

    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    INVALID_SEQUENCE = 4007
    SESSION_TIMED_OUT = 4009
    INVALID_SHARD = 4010
    INVALID_VERSION = 4012
    INVALID_INTENTS = 4013
    DISALLOWED_INTENTS = 4014


class CloseConnection(Exception):
    """Raised to close the connection with a close code."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code.name)
        self.code = code


class GatewayConnection:
    """One client's connection, from hello until it closes.

    Its session outlives it, so that the client can resume, unless the client closes with 1000 or 1001.
    """

    def __init__(
        self, pocket: Pocket, socket: web.WebSocketResponse, transport: asyncio.Transport | None
    ) -> None:
        self._pocket = pocket
        self._socket = socket
        self._connection = Connection(socket, transport)
        self._session: Session | None = None

    async def run(self, version: str) -> None:
        """Serve the connection until it closes.

        Args:
            version: The API version that the client asked for.
        """
        writer = asyncio.create_task(self._connection.write())
        try:
            _check_version(version)
            self._send(Op.HELLO, {"heartbeat_interval": int(self._pocket.limits.heartbeat_seconds * 1000)})
            await self._listen()
        except CloseConnection as closed:
            await self._connection.close(closed.code)
        finally:
            self._detach_session()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer

    async def _listen(self) -> None:
        """Read frames until the client closes. Without a heartbeat in time, close with 4009."""
        timeout_s = self._pocket.limits.heartbeat_seconds * 1.5
        while True:
            try:
                frame = await self._socket.receive(timeout=timeout_s)
            except TimeoutError:
                raise CloseConnection(CloseCode.SESSION_TIMED_OUT) from None
            if frame.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
                return
            self._handle(_decoded(frame))

    def _detach_session(self) -> None:
        """Keep the session for a resume, or end it where the client closed normally."""
        session = self._session
        if session is None or session.connection is not self._connection:
            return
        session.connection = None
        session.left_at = self._pocket.world.clock()
        if self._socket.close_code in {1000, 1001}:
            self._pocket.hub.remove(session)

    def _send(self, op: Op, data: object = None) -> None:
        payload = {"op": int(op), "d": data, "s": None, "t": None}
        self._connection.send(payload)
        self._observe(payload, sent=True)

    def _observe(self, payload: Json, *, sent: bool) -> None:
        """Report a frame to the observers, with its token redacted."""
        data = payload.get("d")
        if isinstance(data, dict) and "token" in data:
            payload = payload | {"d": data | {"token": "…"}}
        user_id = self._session.user.id if self._session else None
        self._pocket.observers.notify(GatewayFrame(user_id, sent=sent, payload=payload))

    def _handle(self, payload: Json) -> None:
        self._observe(payload, sent=False)
        op, data = payload.get("op"), payload.get("d")
        if op == Op.HEARTBEAT:
            asyncio.get_running_loop().call_later(ACK_DELAY_S, self._send, Op.HEARTBEAT_ACK)
        elif op == Op.IDENTIFY:
            self._identify(_require_object(data))
        elif op == Op.RESUME:
            self._resume(_require_object(data))
        elif self._session is None:
            raise CloseConnection(CloseCode.NOT_AUTHENTICATED)
        elif op == Op.REQUEST_GUILD_MEMBERS:
            self._send_members(self._session, _require_object(data))
        elif op not in {Op.PRESENCE_UPDATE, Op.VOICE_STATE_UPDATE}:
            raise CloseConnection(CloseCode.UNKNOWN_OPCODE)

    def _user(self, data: Json) -> User:
        token = str(data.get("token", "")).removeprefix("Bot ")
        user = next((each for each in self._pocket.world.users.values() if each.token == token), None)
        if user is None:
            raise CloseConnection(CloseCode.AUTHENTICATION_FAILED)
        return user

    def _identify(self, data: Json) -> None:
        if self._session is not None:
            raise CloseConnection(CloseCode.ALREADY_AUTHENTICATED)
        user = self._user(data)
        session = Session(user, self._intents(user, data), _shard(data), self._connection)
        self._session = session
        self._pocket.hub.send(session, "READY", self._ready(session))
        world = self._pocket.world
        for guild in world.guilds.values():
            if (
                user.id in guild.members
                and session.has_shard_of(guild.id)
                and session.intents & intents.Intent.GUILDS
            ):
                all_members = session.intents & intents.Intent.GUILD_MEMBERS
                seen = list(guild.members.values()) if all_members else [guild.members[user.id]]
                self._pocket.hub.send(session, "GUILD_CREATE", guild_create(world, guild, user, seen))
        self._pocket.hub.add(session)

    def _intents(self, user: User, data: Json) -> int:
        """Return the session's intents: a bot's as requested, if allowed; all of them for users."""
        if not user.bot:
            return intents.ALL_INTENTS
        asked = data.get("intents")
        if not isinstance(asked, int) or asked < 0 or asked > intents.ALL_INTENTS:
            raise CloseConnection(CloseCode.INVALID_INTENTS)
        if intents.has_disallowed(asked, self._pocket.world.application.flags):
            raise CloseConnection(CloseCode.DISALLOWED_INTENTS)
        return asked

    def _ready(self, session: Session) -> Json:
        world, user = self._pocket.world, session.user
        guilds = [guild for guild in world.guilds.values() if user.id in guild.members]
        ready: Json = {
            "v": 10,
            "user": own_user(user),
            "guilds": [
                {"id": str(guild.id), "unavailable": True}
                for guild in guilds
                if session.has_shard_of(guild.id)
            ],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self._pocket.gateway,
            "private_channels": [],
            "relationships": [],
            "shard": list(session.shard),
        }
        if user.bot:
            ready["application"] = {"id": str(world.application.id), "flags": world.application.flags}
        else:
            direct = [each for each in world.channels.values() if user.id in each.recipients]
            ready["private_channels"] = [channel(world, each, user) for each in direct]
        return ready

    def _resume(self, data: Json) -> None:
        """Replay the events that the client missed, or send INVALID_SESSION."""
        user = self._user(data)
        session = self._pocket.hub.find(str(data.get("session_id")))
        sequence = data.get("seq")
        if session is None or session.user.id != user.id:
            self._send(Op.INVALID_SESSION, data=False)
            return
        replay = session.events_after(sequence) if isinstance(sequence, int) else None
        if replay is None:
            raise CloseConnection(CloseCode.INVALID_SEQUENCE)
        self._session = session
        session.connection = self._connection
        for payload in replay:
            self._connection.send(payload)
            self._observe(payload, sent=True)
        self._pocket.hub.send(session, "RESUMED", {"_trace": []})

    def _send_members(self, session: Session, data: Json) -> None:
        """Answer a request for guild members in one chunk."""
        world = self._pocket.world
        guild = world.guilds.get(int(data.get("guild_id", 0)))
        if guild is None or session.user.id not in guild.members:
            return
        wanted = {int(each) for each in _as_list(data.get("user_ids"))}
        prefix = str(data.get("query") or "").lower()
        found = [
            member(world, each)
            for each in guild.members.values()
            if (
                each.user_id in wanted
                if wanted
                else world.users[each.user_id].username.lower().startswith(prefix)
            )
        ]
        missing = [str(each) for each in wanted if each not in guild.members]
        chunk: Json = {"guild_id": str(guild.id), "members": found, "chunk_index": 0, "chunk_count": 1}
        chunk |= {"not_found": missing} if missing else {}
        chunk |= {"nonce": data["nonce"]} if data.get("nonce") else {}
        self._pocket.hub.send(session, "GUILD_MEMBERS_CHUNK", chunk)


def _check_version(version: str) -> None:
    if version not in {"9", "10"}:
        raise CloseConnection(CloseCode.INVALID_VERSION)


def _decoded(frame: WSMessage) -> Json:
    if frame.type is not WSMsgType.TEXT or len(frame.data) > MAX_FRAME_BYTES:
        raise CloseConnection(CloseCode.DECODE_ERROR)
    try:
        payload = json.loads(frame.data)
    except ValueError:
        raise CloseConnection(CloseCode.DECODE_ERROR) from None
    return _require_object(payload)


def _require_object(data: object) -> Json:
    if not isinstance(data, dict):
        raise CloseConnection(CloseCode.DECODE_ERROR)
    return data


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _shard(data: Json) -> tuple[int, int]:
    match data.get("shard", [0, 1]):
        case [int(number), int(count)] if 0 <= number < count:
            return number, count
    raise CloseConnection(CloseCode.INVALID_SHARD)
