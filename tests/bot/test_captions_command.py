"""`/captions on|off`, called as Discord's clients call it."""

from typing import Any

import aiohttp
import pytest

from bot import replies
from bot.cogs import preferences
from inference.errors import QueueUnavailable
from tests.bot.stage import Stage, picture
from tests.e2e.member import Member, Message

EPHEMERAL = 1 << 6
CIRCLE = [("a.png", picture("a red circle"))]
ADMINS_ONLY = 1 << 5


async def the_command(stage: Stage, name: str = "captions") -> dict[str, Any]:
    """Find a command as clients do."""
    path = f"/guilds/{stage.session['guild_id']}/application-command-index"
    index = await stage.ada.request("GET", path)
    return next(each for each in index["application_commands"] if each["name"] == name)


async def switch(stage: Stage, state: str, channel: str, member: Member | None = None) -> Message:
    """Call the command; return its answer as the caller hears it."""
    caller = member or stage.ada
    command = await the_command(stage)
    option = {"type": 1, "name": state, "options": []}
    data = {"id": command["id"], "version": command["version"], "name": "captions", "type": 1}
    body = {
        "type": 2,
        "application_id": str(stage.session["application_id"]),
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


async def is_captioned(stage: Stage, channel: str) -> bool:
    """Post a picture, and then one with a mention: messages of a channel are taken in their order."""
    silent = await stage.ada.post(channel, files=CIRCLE)
    asked = await stage.ada.post(channel, stage.me, files=CIRCLE)
    await stage.ada.reply_to(asked)
    await stage.all_closed()
    return bool(await stage.replies(channel, silent))


async def test_an_admin_switches_captions_on_and_off(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        assert not await is_captioned(stage, stage.general)
        said = await switch(stage, "on", stage.general)
        assert said["content"] == preferences.ON.format(place="this channel")
        assert not said["flags"] & EPHEMERAL
        assert await is_captioned(stage, stage.general)
        said = await switch(stage, "off", stage.general)
        assert said["content"] == preferences.OFF.format(place="this channel")
        assert not await is_captioned(stage, stage.general)


async def test_what_is_set_from_outside_can_be_switched_off(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        assert await is_captioned(stage, stage.pictures)
        await switch(stage, "off", stage.pictures)
        assert not await is_captioned(stage, stage.pictures)


async def test_the_choice_survives_a_restart(stage: Stage) -> None:
    async with stage.bot():
        await switch(stage, "on", stage.general)
        await switch(stage, "off", stage.pictures)
    async with stage.worker(), stage.bot():
        assert await is_captioned(stage, stage.general)
        assert not await is_captioned(stage, stage.pictures)


async def test_a_member_is_not_shown_the_command_and_is_refused_where_an_admin_shows_it(stage: Stage) -> None:
    async with Member(stage.session, 1) as ben, stage.worker(), stage.bot():
        path = f"/guilds/{stage.session['guild_id']}/application-command-index"
        assert "captions" not in [
            each["name"] for each in (await ben.request("GET", path))["application_commands"]
        ]
        said = await switch(stage, "on", stage.general, ben)
        assert said["content"] == preferences.NOT_ALLOWED
        assert said["flags"] & EPHEMERAL
        assert not await is_captioned(stage, stage.general)


async def test_it_is_offered_in_servers_alone_to_those_who_manage_them(stage: Stage) -> None:
    async with stage.bot():
        command = await the_command(stage)
        assert command["contexts"] == [0]
        assert int(command["default_member_permissions"]) == ADMINS_ONLY
        channel = await stage.ada.direct_channel()
        index = await stage.ada.request("GET", f"/channels/{channel}/application-command-index")
        assert "captions" not in [each["name"] for each in index["application_commands"]]


async def test_a_direct_message_has_no_switch(stage: Stage) -> None:
    async with stage.bot():
        command = await the_command(stage)
        everywhere = {key: command[key] for key in ("name", "description", "type", "options")}
        path = f"{stage.pocket.api}/applications/{stage.session['application_id']}/commands"
        headers = {"Authorization": f"Bot {stage.pocket.bot_token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.put(path, json=[{**everywhere, "contexts": [0, 1]}]) as answer,
        ):
            assert answer.status == 200
        said = await switch(stage, "on", await stage.ada.direct_channel())
        assert said["content"] == preferences.NOT_HERE


async def test_saying_it_twice_tells_the_caller_alone(stage: Stage) -> None:
    async with stage.bot():
        said = await switch(stage, "on", stage.pictures)
        assert said["content"] == preferences.ALREADY.format(state="on", place="this channel")
        assert said["flags"] & EPHEMERAL


async def test_a_thread_chooses_for_itself(stage: Stage) -> None:
    async with stage.worker(), stage.bot():
        body = {"name": "a thread", "type": 11}
        thread = (await stage.ada.request("POST", f"/channels/{stage.pictures}/threads", json=body))["id"]
        said = await switch(stage, "off", thread)
        assert said["content"] == preferences.OFF.format(place="this thread")
        assert not await is_captioned(stage, thread)
        assert await is_captioned(stage, stage.pictures)


async def test_it_says_what_keeps_it_from_captioning(stage: Stage) -> None:
    path = f"/channels/{stage.general}/permissions/{stage.session['bot_user_id']}"
    await stage.ada.request("PUT", path, json={"type": 1, "allow": "0", "deny": str(1 << 11)})
    async with stage.bot():
        said = await switch(stage, "on", stage.general)
        assert said["content"].endswith(preferences.UNANSWERABLE.format(permissions="Send Messages"))
    stage.pocket.grant_message_content(granted=False)
    async with stage.bot():
        assert (await switch(stage, "on", stage.general))["content"].endswith(preferences.UNSEEN)


async def test_a_redis_that_is_away_is_said(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise QueueUnavailable

    async with stage.bot():
        monkeypatch.setattr("handlers.storage.channel_settings.ChannelSettings.set_captions", away)
        said = await switch(stage, "on", stage.general)
        assert said["content"] == replies.sentence(QueueUnavailable())
        assert said["flags"] & EPHEMERAL


async def test_a_channel_that_goes_takes_its_choice_along(stage: Stage) -> None:
    async with stage.bot():
        await switch(stage, "on", stage.general)
        await stage.chosen(1)
        await stage.ada.request("DELETE", f"/channels/{stage.general}")
        await stage.chosen(0)
