"""A user of the pocket Discord: sends REST requests, and receives gateway events."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

Message = dict[str, Any]
GATEWAY_INTENTS = (1 << 0) | (1 << 9) | (1 << 12) | (1 << 15)


class Member:
    """One user with a gateway connection.

    Args:
        session: What `GET /playground/session` answered.
        index: Which of its users: 0 is the admin.
    """

    def __init__(self, session: Mapping[str, Any], index: int = 0) -> None:
        self.session = session
        self.user = session["users"][index]
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(headers={"Authorization": self.user["token"]})
        self._socket = await self._http.ws_connect(f"{self.session['gateway']}/?v=10&encoding=json")
        hello = await self._socket.receive_json()
        assert hello["op"] == 10, hello
        identify = {"token": self.user["token"], "intents": GATEWAY_INTENTS, "properties": {}}
        await self._socket.send_json({"op": 2, "d": identify})
        interval_s = hello["d"]["heartbeat_interval"] / 1000
        self._tasks = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._send_heartbeats(interval_s)),
        ]
        await self.hear(lambda kind, _: kind == "READY")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()
        await self._http.close()

    async def _listen(self) -> None:
        async for frame in self._socket:
            event = json.loads(frame.data)
            if event["op"] == 0:
                await self.note(event["t"], event["d"])
                async with self._news:
                    self.heard.append((event["t"], event["d"]))
                    self._news.notify_all()

    async def _send_heartbeats(self, interval_s: float) -> None:
        """Keep the connection: a gateway closes one that sends no heartbeats (4009)."""
        while not self._socket.closed:
            await asyncio.sleep(interval_s)
            await self._socket.send_json({"op": 1, "d": None})

    async def note(self, kind: str, data: dict[str, Any]) -> None:
        """Call a function with each event as it arrives."""

    async def hear(
        self, wanted: Callable[[str, dict[str, Any]], bool], *, seconds: float = 180, start: int = 0
    ) -> dict[str, Any]:
        """Wait for the first event at or after index `start` that is wanted."""

        def found() -> list[dict[str, Any]]:
            return [data for kind, data in self.heard[start:] if wanted(kind, data)]

        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(found)
            return found()[0]

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request. An error answer fails the test with the answer's text."""
        async with self._http.request(method, f"{self.session['api']}{path}", **options) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
            return json.loads(text) if text else None

    async def post(
        self,
        channel: str,
        content: str = "",
        files: Sequence[tuple[str, bytes]] = (),
        **fields: Any,
    ) -> Message:
        """Post a message with files."""
        form = aiohttp.FormData()
        payload = {"content": content, **fields}
        form.add_field("payload_json", json.dumps(payload), content_type="application/json")
        for index, (name, data) in enumerate(files):
            form.add_field(f"files[{index}]", data, filename=name, content_type="application/octet-stream")
        message: Message = await self.request("POST", f"/channels/{channel}/messages", data=form)
        return message

    async def reply_to(self, message: Message, *, seconds: float = 180) -> Message:
        """Wait for the bot's reply to a message."""

        def replies(kind: str, data: dict[str, Any]) -> bool:
            about = data.get("message_reference") or {}
            return kind == "MESSAGE_CREATE" and about.get("message_id") == message["id"]

        return await self.hear(replies, seconds=seconds)

    async def direct_channel(self) -> str:
        """Open the DM with the bot."""
        body = {"recipients": [self.session["bot_user_id"]]}
        return str((await self.request("POST", "/users/@me/channels", json=body))["id"])
