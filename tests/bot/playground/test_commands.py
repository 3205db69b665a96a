"""Application commands: registration with discord.py, the command index, limits."""

from typing import Any

import discord
import pytest
from discord import app_commands

from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot

ASK: dict[str, Any] = {
    "name": "ask",
    "description": "Ask about a picture",
    "options": [
        {"type": 3, "name": "question", "description": "What to ask", "required": True, "max_length": 200},
        {"type": 11, "name": "image", "description": "The picture"},
    ],
}

LONG = [{"name": "n", "value": "v" * 1000}]


def path(place: Place, *, guild: bool = False) -> str:
    application = f"/applications/{place.pocket.application_id}"
    return application + (place.guild if guild else "") + "/commands"


async def test_discord_py_syncs_a_command_tree(client: Bot) -> None:
    tree = app_commands.CommandTree(client)

    @tree.command(description="Ask about a picture")
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.choices(how=[app_commands.Choice(name="short", value=1)])
    async def ask(
        interaction: discord.Interaction,
        question: app_commands.Range[str, 1, 200],
        how: int = 1,
        image: discord.Attachment | None = None,
    ) -> None: ...

    @tree.context_menu(name="Describe this image")
    async def describe(interaction: discord.Interaction, message: discord.Message) -> None: ...

    group = app_commands.Group(name="captions", description="Captions")

    @group.command(name="on", description="Switch them on")
    async def switch_on(interaction: discord.Interaction) -> None: ...

    tree.add_command(group)
    synced = await tree.sync()
    assert sorted(each.name for each in synced) == ["Describe this image", "ask", "captions"]
    fetched = await tree.fetch_commands()
    found = next(each for each in fetched if each.name == "ask")
    assert found.default_member_permissions == discord.Permissions(manage_guild=True)
    assert [each.name for each in found.options] == ["question", "how", "image"]
    again = await tree.sync()
    assert {each.id for each in again} == {each.id for each in synced}


async def test_a_bulk_overwrite_removes_other_commands(place: Place) -> None:
    first = await place.bot.put(path(place), [ASK, {"name": "other", "description": "x"}])
    second = await place.bot.put(path(place), [ASK | {"description": "changed"}])
    assert [each["id"] for each in second] == [first[0]["id"]]
    assert second[0]["version"] != first[0]["version"]
    assert len(await place.bot.get(path(place))) == 1
    assert await place.bot.put(path(place), []) == []


async def test_a_command_is_created_edited_and_deleted(place: Place) -> None:
    answer = await place.bot.ask("POST", path(place, guild=True), ASK)
    assert answer.status == 201
    assert (await place.bot.ask("POST", path(place, guild=True), ASK)).status == 200
    one = f"{path(place, guild=True)}/{answer.body['id']}"
    assert (await place.bot.patch(one, {"description": "new"}))["options"][0]["name"] == "question"
    assert (await place.bot.get(one))["description"] == "new"
    await place.bot.delete(one)
    assert await place.bot.refused("GET", one) == (404, 10063)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Ask"},
        {"name": "a b"},
        {"name": "x" * 33},
        {"description": ""},
        {"description": "x" * 101},
        {"options": [ASK["options"][1], ASK["options"][0]]},
        {"options": [ASK["options"][1]] * 2},
        {"options": [{"type": 99, "name": "x", "description": "x"}]},
        {"options": [{"type": 3, "name": f"o{n}", "description": "x"} for n in range(26)]},
        {
            "options": [
                {"type": 3, "name": "o", "description": "x", "choices": [{"name": "n", "value": "v"}] * 26}
            ]
        },
        {"options": [{"type": 3, "name": f"o{n}", "description": "x", "choices": LONG} for n in range(9)]},
        {"type": 3},
    ],
)
async def test_a_command_over_a_limit_is_refused(place: Place, wrong: dict[str, Any]) -> None:
    assert await place.bot.refused("POST", path(place), ASK | wrong) == (400, 50035)


async def test_command_names_are_unique(place: Place) -> None:
    assert await place.bot.refused("PUT", path(place), [ASK, ASK]) == (400, 50035)


async def test_the_command_index_has_the_commands_that_a_member_may_use(place: Place) -> None:
    hidden = ASK | {"name": "captions", "default_member_permissions": 1 << 5}
    nobody = ASK | {"name": "secret", "default_member_permissions": 0}
    elsewhere = ASK | {"name": "private", "contexts": [1]}
    await place.bot.put(path(place), [ASK, hidden, nobody, elsewhere])
    await place.bot.put(path(place, guild=True), [ASK | {"name": "local"}])

    async def index(who: Any, where: str) -> list[str]:
        found = await who.get(f"{where}/application-command-index")
        return sorted(each["name"] for each in found["application_commands"])

    assert await index(place.ben, place.guild) == ["ask", "local"]
    assert await index(place.ada, place.guild) == ["ask", "captions", "local", "secret"]
    direct = await place.ben.post("/users/@me/channels", {"recipient_id": str(place.pocket.application_id)})
    assert await index(place.ben, f"/channels/{direct['id']}") == ["ask", "captions", "private", "secret"]


async def test_only_the_application_registers(place: Place) -> None:
    assert await place.ben.refused("PUT", path(place), []) == (403, 20002)
    assert await place.bot.refused("PUT", "/applications/1/commands", []) == (404, 10002)
