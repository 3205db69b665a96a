"""`/help`: what the bot can do, with commands that can be clicked."""

import re

import pytest

from bot.playground.testing.faults import Fault, FaultKind
from tests.bot.command_calls import CommandCaller
from tests.bot.harness import Harness


async def help_message(harness: Harness, channel: str) -> str:
    """Call `/help`; return its ephemeral response."""
    caller = CommandCaller(harness.ada)
    start = len(harness.ada.heard)
    await caller.call(channel, "help")
    return str((await caller.refusal(start=start))["content"])


async def registered_ids(harness: Harness) -> dict[str, str]:
    """Return the ids of the slash commands as members' clients see them."""
    path = f"/guilds/{harness.session['guild_id']}/application-command-index"
    index = await harness.ada.request("GET", path)
    return {each["name"]: each["id"] for each in index["application_commands"] if each["type"] == 1}


async def test_help_shows_every_command_to_be_clicked_after_each_start(harness: Harness) -> None:
    commands = {name for name, *_ in await _first_start(harness)}
    assert "help" in commands, "there is no /help"
    for place in (harness.general, await harness.ada.direct_channel()):
        async with harness.bot():
            text = await help_message(harness, place)
            ids = await registered_ids(harness)
        mentioned = re.findall(r"</([a-z]+)( [a-z]+)?:(\d+)>", text)
        assert {(name, number) for name, _, number in mentioned} == set(ids.items())


async def _first_start(harness: Harness) -> list[tuple[str, str]]:
    async with harness.bot():
        return list((await registered_ids(harness)).items())


@pytest.mark.parametrize("method", ["PUT", "GET"])
async def test_commands_are_named_where_their_ids_are_not_known(harness: Harness, method: str) -> None:
    async with harness.bot():
        pass
    if method == "PUT":
        async with harness.bot(extensions=("bot.cogs.error_handler", "bot.cogs.help", "bot.cogs.gateway")):
            pass
    fault = Fault(
        FaultKind.STATUS, method=method, template="/applications/{application_id}/commands", status=501
    )
    harness.pocket.faults.add(fault)
    async with harness.bot():
        text = await help_message(harness, harness.general)
    assert "`/ask`" in text
    assert "</" not in text
