"""Call commands as Discord's clients do, and wait for the bot's messages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from tests.e2e.member import Member, Message

CHAT, MESSAGE_MENU = 1, 3
TEXT, SWITCH, FILE = 3, 5, 11
EPHEMERAL, LOADING = 1 << 6, 1 << 7


def option(kind: int, name: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "value": value}


class CommandCaller:
    """Calls commands as a member.

    Args:
        member: The member's client.
    """

    def __init__(self, member: Member) -> None:
        self.member = member
        self._nonce = 0

    async def command(self, name: str, kind: int = CHAT) -> dict[str, Any]:
        """Return a command from the guild's command index."""
        path = f"/guilds/{self.member.session['guild_id']}/application-command-index"
        index = await self.member.request("GET", path)
        return next(
            each for each in index["application_commands"] if (each["name"], each["type"]) == (name, kind)
        )

    async def call(
        self,
        channel: str,
        name: str,
        *options: dict[str, Any],
        files: Sequence[tuple[str, bytes]] = (),
        target: Mapping[str, Any] | None = None,
    ) -> str:
        """Call a command; return the nonce of its events."""
        self._nonce += 1
        kind = CHAT if target is None else MESSAGE_MENU
        command = await self.command(name, kind)
        data: dict[str, Any] = {
            "id": command["id"],
            "version": command["version"],
            "name": name,
            "type": kind,
            "options": list(options),
            "attachments": [{"id": str(number), "filename": each} for number, (each, _) in enumerate(files)],
        }
        if target is not None:
            data["target_id"] = target["id"]
        nonce = f"{self.member.user['id']}{self._nonce}"
        body = {
            "type": 2,
            "application_id": self.member.session["application_id"],
            "channel_id": channel,
            "session_id": "1",
            "nonce": nonce,
            "data": data,
        }
        form = aiohttp.FormData()
        form.add_field("payload_json", json.dumps(body), content_type="application/json")
        for number, (each, raw) in enumerate(files):
            form.add_field(f"files[{number}]", raw, filename=each, content_type="application/octet-stream")
        await self.member.request("POST", "/interactions", data=form)
        return nonce

    async def placeholder(self, channel: str, *, start: int = 0) -> Message:
        """Wait for the placeholder of a deferred response."""
        return await self.member.hear(
            lambda kind, data: (
                kind == "MESSAGE_CREATE" and data["channel_id"] == channel and bool(data["flags"] & LOADING)
            ),
            start=start,
        )

    async def outcome(self, placeholder: Message, *, unlike: str = "") -> Message:
        """Wait until a placeholder has content other than `unlike`; return the message."""
        return await self.member.hear(
            lambda kind, data: (
                kind == "MESSAGE_UPDATE"
                and data["id"] == placeholder["id"]
                and data["content"] not in {"", unlike}
            )
        )

    async def refusal(self, *, start: int = 0) -> Message:
        """Wait for an ephemeral message with content."""
        return await self.member.hear(
            lambda kind, data: (
                kind == "MESSAGE_CREATE" and bool(data["flags"] & EPHEMERAL) and data["content"] != ""
            ),
            start=start,
        )

    async def wait_deleted(self, placeholder: Message) -> None:
        """Wait until a placeholder is deleted."""
        await self.member.hear(
            lambda kind, data: kind == "MESSAGE_DELETE" and data["id"] == placeholder["id"]
        )

    async def messages(self, channel: str) -> list[Message]:
        """Return the messages of a channel that this member sees."""
        found: list[Message] = await self.member.request("GET", f"/channels/{channel}/messages")
        return found
