"""The inspector: entries of the bot's traffic, without tokens."""

import json
from typing import Any

import aiohttp
import pytest

from bot.playground import inspector
from bot.playground.server import PocketDiscord
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot
from tests.bot.playground.example_application import example_commands
from tests.bot.playground.member_client import member_client


async def entries(http: aiohttp.ClientSession, pocket: PocketDiscord, last: str) -> list[dict[str, Any]]:
    """Read what the inspector shows, up to an entry with a name."""
    seen: list[dict[str, Any]] = []
    async with http.ws_connect(f"{pocket.url}/playground/inspector") as socket:
        while not seen or not seen[-1]["name"].startswith(last):
            seen.append(json.loads(await socket.receive_str(timeout=60)))
    return seen


async def test_events_and_requests_of_the_bot_are_shown_and_those_of_others_are_not(
    place: Place, client: Bot, http: aiohttp.ClientSession
) -> None:
    await place.ada.post(f"{place.general}/messages", {"content": "hello"})
    message = await client.events.wait("message")
    await message.reply("hello to you")
    seen = await entries(http, place.pocket, f"POST {place.general}/messages")
    names = [each["name"] for each in seen]
    assert names.index("READY") < names.index("GUILD_CREATE") < names.index("MESSAGE_CREATE")
    assert names[-1] == f"POST {place.general}/messages"
    assert seen[-1]["sent"]["content"] == "hello to you"
    assert seen[-1]["status"] == 200
    assert sum(name == f"POST {place.general}/messages" for name in names) == 1


async def test_a_connected_inspector_gets_new_entries(
    place: Place, client: Bot, http: aiohttp.ClientSession
) -> None:
    await entries(http, place.pocket, "GUILD_CREATE")
    async with http.ws_connect(f"{place.pocket.url}/playground/inspector") as socket:
        while json.loads(await socket.receive_str(timeout=60))["name"] != "GUILD_CREATE":
            pass
        await place.ada.post(f"{place.general}/messages", {"content": "now"})
        entry = json.loads(await socket.receive_str(timeout=60))
    assert (entry["name"], entry["payload"]["content"]) == ("MESSAGE_CREATE", "now")
    assert client.user is not None


async def test_no_token_is_shown(place: Place, client: Bot, http: aiohttp.ClientSession) -> None:
    await example_commands(client).sync()
    async with member_client(place, http, "ben") as ben:
        body = await ben.call("now")
        await ben.told("INTERACTION_SUCCESS", body)
        seen = await entries(http, place.pocket, "POST /interactions/")
    shown = json.dumps(seen)
    tokens = [each.token for each in place.pocket.world.users.values()]
    tokens += [each.token for each in place.pocket.world.interactions.values()]
    assert len(tokens) >= 4
    assert not [token for token in tokens if token in shown]
    assert "INTERACTION_CREATE" in [each["name"] for each in seen]
    assert f"/{inspector.REDACTED}/callback" in seen[-1]["name"]


@pytest.mark.parametrize(
    ("template", "path", "shown"),
    [
        ("/webhooks/{webhook_id}/{webhook_token}", "/webhooks/12/secret", "/webhooks/12/…"),
        ("/channels/{channel_id}", "/channels/12", "/channels/12"),
    ],
)
def test_a_path_is_shown_without_its_token(template: str, path: str, shown: str) -> None:
    assert inspector.redacted_path(template, path) == shown


def test_redaction_leaves_the_payload_unchanged() -> None:
    payload = {"token": "secret", "below": [{"Authorization": "secret", "text": "x" * 5000}]}
    shown = inspector.redacted(payload)
    assert "secret" not in json.dumps(shown)
    assert len(shown["below"][0]["text"]) < 5000
    assert payload["token"] == "secret"  # noqa: S105
