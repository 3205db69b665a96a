"""The gateway: sessions, resume, heartbeats, close codes, intents, shards."""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from bot.playground.server import PocketDiscord
from bot.playground.state.records import User
from bot.playground.testing.observers import GatewayFrame, Observation
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot, running_bot
from tests.bot.playground.event_log import TIMEOUT_S

WITH_CONTENT = 1 | 1 << 9 | 1 << 12 | 1 << 15


class Socket:
    """A raw gateway connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, op: int, data: Any) -> None:
        await self._socket.send_str(json.dumps({"op": op, "d": data}))

    async def receive(self) -> dict[str, Any]:
        frame = await self._socket.receive(timeout=TIMEOUT_S)
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        payload: dict[str, Any] = json.loads(frame.data)
        return payload

    async def until(self, event: str) -> dict[str, Any]:
        while (payload := await self.receive())["t"] != event:
            pass
        return payload

    async def close_code(self) -> int | None:
        while not self._socket.closed:
            await self._socket.receive(timeout=TIMEOUT_S)
        return self._socket.close_code


@asynccontextmanager
async def connected(pocket: PocketDiscord, http: aiohttp.ClientSession) -> AsyncIterator[Socket]:
    async with http.ws_connect(f"{pocket.gateway}?v=10&encoding=json") as raw:
        socket = Socket(raw)
        assert (await socket.receive())["op"] == 10
        yield socket


def identity(user: User, **more: Any) -> dict[str, Any]:
    return {"token": user.token, "intents": 1 << 9 | 1, "properties": {}} | more


def person(pocket: PocketDiscord) -> User:
    return next(each for each in pocket.world.users.values() if not each.bot)


async def test_a_dropped_connection_comes_back_with_what_it_missed(place: Place, client: Bot) -> None:
    place.pocket.drop_gateway()
    await place.ben.post(f"{place.general}/messages", {"content": "while you were away"})
    message = await client.events.wait("message")
    assert message.content == "while you were away"
    await client.events.wait("resumed")
    assert len(client.events.all("connect")) == 1


async def test_a_forgotten_session_begins_anew_and_never_hears_of_what_it_missed(
    place: Place, client: Bot
) -> None:
    place.pocket.forget_sessions()
    await place.ben.post(f"{place.general}/messages", {"content": "unheard"})
    await client.events.wait("connect", lambda _: len(client.events.all("connect")) == 2)
    await place.ben.post(f"{place.general}/messages", {"content": "heard"})
    assert (await client.events.wait("message")).content == "heard"


async def test_an_event_can_come_twice(place: Place, client: Bot) -> None:
    place.pocket.faults.repeat("MESSAGE_CREATE")
    await place.ben.post(f"{place.general}/messages", {"content": "once"})
    await client.events.wait("message", lambda _: len(client.events.all("message")) == 2)
    first, second = client.events.all("message")
    assert first.id == second.id


async def test_a_request_to_reconnect_resumes(place: Place, client: Bot) -> None:
    place.pocket.ask_to_reconnect()
    await client.events.wait("resumed")


async def test_a_heartbeat_is_answered(pocket: PocketDiscord, http: aiohttp.ClientSession) -> None:
    async with connected(pocket, http) as socket:
        await socket.send(1, None)
        assert (await socket.receive())["op"] == 11


async def test_an_answer_to_a_heartbeat_is_never_taken_for_a_late_one(pocket: PocketDiscord) -> None:
    pocket.limits.heartbeat_seconds = 0.3
    acks = asyncio.Queue[float]()

    def watch(seen: Observation) -> None:
        if isinstance(seen, GatewayFrame) and seen.payload["op"] == 11:
            acks.put_nowait(client.latency)

    async with running_bot(pocket) as client:
        pocket.observers.append(watch)
        async with asyncio.timeout(TIMEOUT_S):
            # The client has not read the ack when it is seen here: this is its view of the one before.
            latencies = [await acks.get() for _ in range(6)][2:]
    # One may come late where the machine is busy. Taken for the answer to the heartbeat before, all would.
    assert statistics.median(latencies) < 0.2


async def test_a_connection_without_heartbeats_is_closed(
    pocket: PocketDiscord, http: aiohttp.ClientSession
) -> None:
    pocket.limits.heartbeat_seconds = 0.05
    async with connected(pocket, http) as socket:
        assert await socket.close_code() == 4009


@pytest.mark.parametrize(
    ("op", "data", "code"),
    [
        (2, {"token": "nobody", "intents": 0}, 4004),
        (2, {"intents": -1}, 4013),
        (2, {"shard": [2, 2]}, 4010),
        (3, {}, 4003),
        (2, "not an object", 4002),
        (6, {"token": "nobody"}, 4004),
    ],
)
async def test_an_invalid_frame_closes_the_connection_with_its_code(
    pocket: PocketDiscord, http: aiohttp.ClientSession, op: int, data: Any, code: int
) -> None:
    async with connected(pocket, http) as socket:
        await socket.send(op, identity(pocket.world.bot) | data if isinstance(data, dict) else data)
        assert await socket.close_code() == code


async def test_a_session_that_is_not_known_is_invalid(
    pocket: PocketDiscord, http: aiohttp.ClientSession
) -> None:
    async with connected(pocket, http) as socket:
        await socket.send(6, {"token": pocket.bot_token, "session_id": "none", "seq": 1})
        answer = await socket.receive()
        assert (answer["op"], answer["d"]) == (9, False)


async def test_a_user_connects_with_a_client(place: Place, http: aiohttp.ClientSession) -> None:
    async with connected(place.pocket, http) as socket:
        await socket.send(2, identity(person(place.pocket)))
        ready = await socket.receive()
        assert ready["d"]["user"]["username"] == "ada"
        guild = (await socket.until("GUILD_CREATE"))["d"]
        assert [each["name"] for each in guild["channels"]] == ["pictures", "general"]
        assert len(guild["members"]) == 3
        await place.ben.post(f"{place.general}/messages", {"content": "hi"})
        assert (await socket.until("MESSAGE_CREATE"))["d"]["content"] == "hi"


async def test_only_events_of_the_requested_intents_are_sent(place: Place) -> None:
    async with running_bot(place.pocket, discord.Intents(guilds=True, dm_messages=True)) as client:
        await place.ben.post(f"{place.general}/messages", {"content": "in the server"})
        direct = await place.ben.post(
            "/users/@me/channels", {"recipient_id": str(place.pocket.application_id)}
        )
        await place.ben.post(f"/channels/{direct['id']}/messages", {"content": "in private"})
        assert (await client.events.wait("message")).content == "in private"


async def test_direct_messages_come_to_the_first_shard(place: Place, http: aiohttp.ClientSession) -> None:
    shard = place.pocket.world.guild.id >> 22 & 1
    async with connected(place.pocket, http) as other, connected(place.pocket, http) as own:
        for socket, number in ((other, 1 - shard), (own, shard)):
            await socket.send(2, identity(place.pocket.world.bot, shard=[number, 2], intents=WITH_CONTENT))
            ready = (await socket.receive())["d"]
            assert len(ready["guilds"]) == (number == shard)
        direct = await place.ben.post(
            "/users/@me/channels", {"recipient_id": str(place.pocket.application_id)}
        )
        await place.ben.post(f"/channels/{direct['id']}/messages", {"content": "direct"})
        await place.ben.post(f"{place.general}/messages", {"content": "server"})
        first = own if shard == 0 else other
        assert (await first.until("MESSAGE_CREATE"))["d"]["content"] == "direct"
        assert (await own.until("MESSAGE_CREATE"))["d"]["content"] == "server"


async def test_members_are_sent_when_asked_for(pocket: PocketDiscord) -> None:
    intents = discord.Intents(guilds=True, members=True)
    async with running_bot(pocket, intents) as client:
        await client.wait_until_ready()
        assert {each.name for each in client.guilds[0].members} == {"ada", "ben", "Beholder"}


async def test_the_session_is_ready_when_bot_and_worker_are(
    place: Place, http: aiohttp.ClientSession
) -> None:
    async def session() -> Any:
        async with http.get(f"{place.pocket.url}/playground/session") as answer:
            assert answer.headers["Content-Type"] == "application/json"
            return await answer.json()

    worker = False

    async def worker_ready() -> bool:
        return worker

    place.pocket.pocket.worker_ready = worker_ready
    assert (await session())["ready"] is False
    async with running_bot(place.pocket):
        assert (await session())["ready"] is False
        worker = True
        found = await session()
    assert found["ready"] is True
    assert found["api"].endswith("/api/v10")
    assert [each["name"] for each in found["users"]] == ["ada", "ben"]
    assert found["channel_id"] == place.pictures.removeprefix("/channels/")
