"""Commands called as Discord's clients call them, and what came of them."""

import asyncio
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
    """Calls commands in a member's name.

    Args:
        member: Who.
        guild: Whose commands are looked up.
    """

    def __init__(self, member: Member) -> None:
        self.member = member
        self._nonce = 0

    async def command(self, name: str, kind: int = CHAT) -> dict[str, Any]:
        """Return a command from the index, as clients look it up."""
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
        """Call a command; return the nonce by which its events are told."""
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
        """Wait for the message that says that the bot thinks."""
        return await self.member.hear(
            lambda kind, data: (
                kind == "MESSAGE_CREATE" and data["channel_id"] == channel and bool(data["flags"] & LOADING)
            ),
            start=start,
        )

    async def outcome(self, placeholder: Message, *, unlike: str = "") -> Message:
        """Wait for what a placeholder becomes."""
        return await self.member.hear(
            lambda kind, data: (
                kind == "MESSAGE_UPDATE"
                and data["id"] == placeholder["id"]
                and data["content"] not in {"", unlike}
            )
        )

    async def refusal(self, *, start: int = 0) -> Message:
        """Wait for an ephemeral message with words in it."""
        return await self.member.hear(
            lambda kind, data: (
                kind == "MESSAGE_CREATE" and bool(data["flags"] & EPHEMERAL) and data["content"] != ""
            ),
            start=start,
        )

    async def gone(self, placeholder: Message) -> None:
        """Wait until a placeholder is deleted."""
        await self.member.hear(
            lambda kind, data: kind == "MESSAGE_DELETE" and data["id"] == placeholder["id"]
        )

    async def messages(self, channel: str) -> list[Message]:
        """Return what stands in a channel, for this member."""
        found: list[Message] = await self.member.request("GET", f"/channels/{channel}/messages")
        return found


async def settled() -> None:
    """Let what is ready to run, run."""
    for _ in range(10):
        await asyncio.sleep(0)
