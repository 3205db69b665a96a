"""A user's client: calls commands, uses components and submits modals as Discord's clients do."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bot.playground.state.records import User
from tests.bot.playground.conftest import Place
from tests.bot.playground.event_log import EventLog
from tests.bot.playground.rest_client import Rest


class Member:
    """A user with a gateway connection.

    Attributes:
        rest: The user's REST client.
        events: The events that the user got.
    """

    def __init__(self, place: Place, rest: Rest, user: User) -> None:
        self.rest = rest
        self.events = EventLog()
        self.user = user
        self._place = place
        self._nonce = 0

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            payload = json.loads(frame.data)
            if payload["op"] == 0:
                await self.events.add(payload["t"], payload["d"])

    def _interaction(self, kind: int, channel: str, data: Any, **more: Any) -> dict[str, Any]:
        self._nonce += 1
        body = {
            "type": kind,
            "application_id": str(self._place.pocket.application_id),
            "channel_id": channel.removeprefix("/channels/"),
            "session_id": "1",
            "nonce": str(self._nonce),
            "data": data,
        }
        return body | more

    async def command(self, name: str, *, kind: int = 1) -> dict[str, Any]:
        """Return a command from the guild's command index."""
        index = await self.rest.get(f"{self._place.guild}/application-command-index")
        return next(
            each for each in index["application_commands"] if (each["name"], each["type"]) == (name, kind)
        )

    async def call(
        self,
        name: str,
        options: list[dict[str, Any]] | None = None,
        *,
        channel: str = "",
        files: dict[str, bytes] | None = None,
        kind: int = 1,
        type_: int = 2,
        **more: Any,
    ) -> dict[str, Any]:
        """Call a command and return the request, whose nonce identifies its events."""
        command = await self.command(name, kind=kind)
        data = {
            "id": command["id"],
            "version": command["version"],
            "name": name,
            "type": kind,
            "options": options or [],
            "attachments": [{"id": str(n), "filename": each} for n, each in enumerate(files or {})],
        }
        body = self._interaction(type_, channel or self._place.general, data | more)
        await self.rest.post("/interactions", body, files=files)
        return body

    async def use(
        self, message: dict[str, Any], custom_id: str, kind: int = 2, **more: Any
    ) -> dict[str, Any]:
        """Use a button or a select."""
        data = {"component_type": kind, "custom_id": custom_id} | more
        body = self._interaction(3, message["channel_id"], data, message_id=message["id"], message_flags=0)
        await self.rest.post("/interactions", body)
        return body

    async def submit(
        self, modal: dict[str, Any], components: list[dict[str, Any]], files: dict[str, bytes] | None = None
    ) -> dict[str, Any]:
        """Submit a modal."""
        data = {
            "id": modal["id"],
            "custom_id": modal["custom_id"],
            "components": components,
            "attachments": [{"id": str(n), "filename": each} for n, each in enumerate(files or {})],
        }
        body = self._interaction(5, modal["channel_id"], data)
        await self.rest.post("/interactions", body, files=files)
        return body

    async def told(self, event: str, body: dict[str, Any]) -> Any:
        """Return an event about an interaction, waiting for it."""
        return await self.events.wait(event, lambda each: each.get("nonce") == body["nonce"])


@asynccontextmanager
async def member_client(place: Place, http: aiohttp.ClientSession, name: str) -> AsyncIterator[Member]:
    """Connect a member's client until the block ends."""
    user = next(each for each in place.pocket.world.users.values() if each.username == name)
    member = Member(place, {"ada": place.ada, "ben": place.ben}[name], user)
    async with http.ws_connect(place.pocket.gateway) as socket:
        listening = asyncio.create_task(member.listen(socket))
        await socket.send_str(json.dumps({"op": 2, "d": {"token": user.token, "properties": {}}}))
        await member.events.wait("READY")
        try:
            yield member
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
