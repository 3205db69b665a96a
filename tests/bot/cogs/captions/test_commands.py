"""`/captions on|off`."""

from typing import Any

import aiohttp
import pytest

from bot.cogs.captions import commands
from bot.formatting.errors import error_sentence
from inference.errors import QueueUnavailable
from tests.bot.harness import Harness, picture
from tests.e2e.member import Member, Message

EPHEMERAL = 1 << 6
CIRCLE = [("a.png", picture("a red circle"))]
ADMINS_ONLY = 1 << 5


async def find_command(harness: Harness, name: str = "captions") -> dict[str, Any]:
    """Return a command from the guild's command index."""
    path = f"/guilds/{harness.session['guild_id']}/application-command-index"
    index = await harness.ada.request("GET", path)
    return next(each for each in index["application_commands"] if each["name"] == name)


async def switch(harness: Harness, state: str, channel: str, member: Member | None = None) -> Message:
    """Call the command; return the response."""
    caller = member or harness.ada
    command = await find_command(harness)
    option = {"type": 1, "name": state, "options": []}
    data = {"id": command["id"], "version": command["version"], "name": "captions", "type": 1}
    body = {
        "type": 2,
        "application_id": str(harness.session["application_id"]),
        "channel_id": channel,
        "session_id": "1",
        "nonce": str(len(caller.heard)),
        "data": {**data, "options": [option], "attachments": []},
    }
    start = len(caller.heard)
    await caller.request("POST", "/interactions", json=body)
    return await caller.hear(
        lambda kind, found: kind == "MESSAGE_CREATE" and found["type"] == 20, start=start
    )


async def is_captioned(harness: Harness, channel: str) -> bool:
    """Return whether a posted picture is captioned: a second one, with a mention, is answered after it."""
    unasked = await harness.ada.post(channel, files=CIRCLE)
    mentioned = await harness.ada.post(channel, harness.mention, files=CIRCLE)
    await harness.ada.reply_to(mentioned)
    await harness.all_closed()
    return bool(await harness.replies(channel, unasked))


async def test_an_admin_switches_captions_on_and_off(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        assert not await is_captioned(harness, harness.general)
        response = await switch(harness, "on", harness.general)
        assert response["content"] == commands.ON.format(place="this channel")
        assert not response["flags"] & EPHEMERAL
        assert await is_captioned(harness, harness.general)
        response = await switch(harness, "off", harness.general)
        assert response["content"] == commands.OFF.format(place="this channel")
        assert not await is_captioned(harness, harness.general)


async def test_captions_that_are_on_by_a_setting_can_be_switched_off(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        assert await is_captioned(harness, harness.pictures)
        await switch(harness, "off", harness.pictures)
        assert not await is_captioned(harness, harness.pictures)


async def test_the_setting_survives_a_restart(harness: Harness) -> None:
    async with harness.bot():
        await switch(harness, "on", harness.general)
        await switch(harness, "off", harness.pictures)
    async with harness.worker(), harness.bot():
        assert await is_captioned(harness, harness.general)
        assert not await is_captioned(harness, harness.pictures)


async def test_the_command_is_hidden_from_members_and_refuses_them(
    harness: Harness,
) -> None:
    async with Member(harness.session, 1) as ben, harness.worker(), harness.bot():
        path = f"/guilds/{harness.session['guild_id']}/application-command-index"
        assert "captions" not in [
            each["name"] for each in (await ben.request("GET", path))["application_commands"]
        ]
        response = await switch(harness, "on", harness.general, ben)
        assert response["content"] == commands.NOT_ALLOWED
        assert response["flags"] & EPHEMERAL
        assert not await is_captioned(harness, harness.general)


async def test_the_command_needs_manage_server_and_is_not_in_direct_messages(harness: Harness) -> None:
    async with harness.bot():
        command = await find_command(harness)
        assert command["contexts"] == [0]
        assert int(command["default_member_permissions"]) == ADMINS_ONLY
        channel = await harness.ada.direct_channel()
        index = await harness.ada.request("GET", f"/channels/{channel}/application-command-index")
        assert "captions" not in [each["name"] for each in index["application_commands"]]


async def test_the_command_is_refused_in_a_direct_message(harness: Harness) -> None:
    async with harness.bot():
        command = await find_command(harness)
        everywhere = {key: command[key] for key in ("name", "description", "type", "options")}
        path = f"{harness.pocket.api}/applications/{harness.session['application_id']}/commands"
        headers = {"Authorization": f"Bot {harness.pocket.bot_token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.put(path, json=[{**everywhere, "contexts": [0, 1]}]) as answer,
        ):
            assert answer.status == 200
        response = await switch(harness, "on", await harness.ada.direct_channel())
        assert response["content"] == commands.NOT_HERE


async def test_an_unchanged_setting_is_an_ephemeral_response(harness: Harness) -> None:
    async with harness.bot():
        response = await switch(harness, "on", harness.pictures)
        assert response["content"] == commands.ALREADY.format(state="on", place="this channel")
        assert response["flags"] & EPHEMERAL


async def test_a_thread_has_a_setting_of_its_own(harness: Harness) -> None:
    async with harness.worker(), harness.bot():
        body = {"name": "a thread", "type": 11}
        thread = (await harness.ada.request("POST", f"/channels/{harness.pictures}/threads", json=body))["id"]
        response = await switch(harness, "off", thread)
        assert response["content"] == commands.OFF.format(place="this thread")
        assert not await is_captioned(harness, thread)
        assert await is_captioned(harness, harness.pictures)


async def test_the_response_names_what_keeps_the_bot_from_captioning(harness: Harness) -> None:
    path = f"/channels/{harness.general}/permissions/{harness.session['bot_user_id']}"
    await harness.ada.request("PUT", path, json={"type": 1, "allow": "0", "deny": str(1 << 11)})
    async with harness.bot():
        response = await switch(harness, "on", harness.general)
        assert response["content"].endswith(commands.UNANSWERABLE.format(permissions="Send Messages"))
    harness.pocket.grant_message_content(granted=False)
    async with harness.bot():
        assert (await switch(harness, "on", harness.general))["content"].endswith(commands.UNSEEN)


async def test_an_unreachable_redis_is_an_ephemeral_response(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise QueueUnavailable

    async with harness.bot():
        monkeypatch.setattr("handlers.storage.channel_settings.ChannelSettings.set_captions", away)
        response = await switch(harness, "on", harness.general)
        assert response["content"] == error_sentence(QueueUnavailable())
        assert response["flags"] & EPHEMERAL


async def test_deleting_a_channel_deletes_its_setting(harness: Harness) -> None:
    async with harness.bot():
        await switch(harness, "on", harness.general)
        await harness.wait_for_settings(1)
        await harness.ada.request("DELETE", f"/channels/{harness.general}")
        await harness.wait_for_settings(0)
