"""People and the bot in tests: a member over plain REST, and a real discord.py client."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord

from bot.playground.discord_py_patch import discord_at
from bot.playground.server import PocketDiscord

PATIENCE = 10
"""Seconds until a test that waits for something gives up."""


@dataclass(frozen=True)
class Answer:
    """What a request came back with."""

    status: int
    body: Any
    headers: Any


class Rest:
    """Requests to a pocket Discord under someone's name."""

    def __init__(self, http: aiohttp.ClientSession, api: str, authorization: str) -> None:
        self._http = http
        self._api = api
        self._authorization = authorization

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        files: dict[str, bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request; with files it goes as multipart."""
        sent = {"Authorization": self._authorization} | (headers or {})
        form = None if files is None else multipart(body, files)
        async with self._http.request(
            method,
            self._api + path,
            headers=sent,
            json=body if form is None else None,
            data=form,
        ) as response:
            text = await response.text()
            answer = json.loads(text) if response.content_type == "application/json" else text
            return Answer(response.status, answer, response.headers)

    async def get(self, path: str) -> Any:
        return await self._fine("GET", path)

    async def post(self, path: str, body: Any = None, *, files: dict[str, bytes] | None = None) -> Any:
        return await self._fine("POST", path, body, files=files)

    async def patch(self, path: str, body: Any = None, *, files: dict[str, bytes] | None = None) -> Any:
        return await self._fine("PATCH", path, body, files=files)

    async def put(self, path: str, body: Any = None) -> Any:
        return await self._fine("PUT", path, body)

    async def delete(self, path: str) -> Any:
        return await self._fine("DELETE", path)

    async def _fine(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self.ask(method, path, body, **more)
        assert answer.status < 300, answer
        return answer.body

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, int]:
        """Send a request that must be refused; return the status and Discord's code."""
        answer = await self.ask(method, path, body, **more)
        assert answer.status >= 400, answer
        return answer.status, answer.body["code"]


def multipart(body: Any, files: dict[str, bytes]) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    if body is not None:
        form.add_field("payload_json", json.dumps(body), content_type="application/json")
    for number, (name, data) in enumerate(files.items()):
        form.add_field(
            f"files[{number}]", io.BytesIO(data), filename=name, content_type="application/octet-stream"
        )
    return form


class Events:
    """What a client has been told, to be waited for by name."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, Any]] = []
        self._news = asyncio.Condition()

    async def add(self, name: str, value: Any) -> None:
        async with self._news:
            self._seen.append((name, value))
            self._news.notify_all()

    def all(self, name: str) -> list[Any]:
        return [value for seen, value in self._seen if seen == name]

    async def wait(self, name: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """Return the first event that fits, waiting for it where it hasn't come."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: any(fits(value) for value in self.all(name)))
        return next(value for value in self.all(name) if fits(value))


class Bot(discord.Client):
    """A discord.py client, unmodified but for writing down what it is told."""

    def __init__(self, intents: discord.Intents, **options: Any) -> None:
        super().__init__(intents=intents, **options)
        self.events = Events()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Identify at once: discord.py would wait five seconds before the second time."""

    async def on_message(self, message: discord.Message) -> None:
        await self.events.add("message", message)

    async def on_message_edit(self, _: discord.Message, after: discord.Message) -> None:
        await self.events.add("message_edit", after)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        await self.events.add("message_delete", event)

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self.events.add("bulk_delete", event)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        await self.events.add("reaction", event)

    async def on_thread_create(self, thread: discord.Thread) -> None:
        await self.events.add("thread", thread)

    async def on_thread_update(self, _: discord.Thread, after: discord.Thread) -> None:
        await self.events.add("thread_update", after)

    async def on_typing(self, channel: Any, user: Any, _: Any) -> None:
        await self.events.add("typing", (channel, user))

    async def on_guild_channel_create(self, channel: Any) -> None:
        await self.events.add("channel", channel)

    async def on_resumed(self) -> None:
        await self.events.add("resumed", None)

    async def on_connect(self) -> None:
        await self.events.add("connect", None)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        await self.events.add("guild", guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self.events.add("joined", guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self.events.add("left", guild)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        await self.events.add("interaction", interaction)


@asynccontextmanager
async def running_bot(
    pocket: PocketDiscord, intents: discord.Intents | None = None, **options: Any
) -> AsyncIterator[Bot]:
    """Run a discord.py client until the block ends."""
    wanted = intents or discord.Intents(
        guilds=True, messages=True, message_content=True, reactions=True, typing=True
    )
    with discord_at(pocket.api, pocket.gateway):
        client = Bot(wanted, **options)
        client._connection.guild_ready_timeout = 0.01
        async with client:
            running = asyncio.create_task(client.start(pocket.bot_token))
            try:
                await client.events.wait("guild")
                yield client
            finally:
                await client.close()
                await asyncio.gather(running, return_exceptions=True)
