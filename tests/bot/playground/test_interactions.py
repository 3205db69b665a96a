"""Interactions of a user with a discord.py application, and each kind of response."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot
from tests.bot.playground.example_application import example_commands
from tests.bot.playground.member_client import Member, member_client
from tests.bot.playground.upload_files import png

EPHEMERAL, LOADING = 1 << 6, 1 << 7


@pytest.fixture
async def ben(place: Place, http: aiohttp.ClientSession, client: Bot) -> AsyncIterator[Member]:
    """Connect Ben's client to a server whose bot has its commands registered."""
    await example_commands(client).sync()
    async with member_client(place, http, "ben") as member:
        yield member


def option(kind: int, name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "value": value} | more


async def answer(member: Member, content: str, event: str = "MESSAGE_CREATE") -> dict[str, Any]:
    found: dict[str, Any] = await member.events.wait(event, lambda each: each["content"] == content)
    return found


async def test_a_command_is_answered_at_once(place: Place, ben: Member, client: Bot) -> None:
    body = await ben.call("now")
    message = await answer(ben, "at once")
    await ben.told("INTERACTION_SUCCESS", body)
    assert (message["type"], message["application_id"]) == (20, str(place.pocket.application_id))
    assert message["interaction"]["name"] == "now"
    assert message["interaction_metadata"]["user"]["username"] == "ben"
    (interaction,) = client.events.all("interaction")
    assert interaction.guild.id == place.pocket.world.guild.id
    assert interaction.app_permissions.attach_files
    assert interaction.user.guild_permissions.send_messages
    assert interaction.filesize_limit == 10 * 1024 * 1024
    assert interaction.context.guild


async def test_an_ephemeral_answer_is_its_invokers_alone(place: Place, ben: Member) -> None:
    await ben.call("now", [option(5, "private", True)])
    message = await answer(ben, "at once")
    assert message["flags"] & EPHEMERAL
    assert [each["id"] for each in await place.ben.get(f"{place.general}/messages")] == [message["id"]]
    assert await place.ada.get(f"{place.general}/messages") == []
    assert await place.ada.refused("GET", f"{place.general}/messages/{message['id']}") == (404, 10008)
    await place.ben.delete(f"{place.general}/messages/{message['id']}")
    assert await place.ben.get(f"{place.general}/messages") == []


async def test_a_deferred_answer_comes_later_with_a_file(place: Place, ben: Member) -> None:
    await ben.call("later", [option(11, "image", 0)], files={"a.png": png(7, 5)})
    thinking = await ben.events.wait("MESSAGE_CREATE")
    assert (thinking["content"], thinking["flags"]) == ("", LOADING)
    done = await answer(ben, "7x5", "MESSAGE_UPDATE")
    assert (done["id"], done["flags"], done["edited_timestamp"]) == (thinking["id"], 0, None)
    assert done["attachments"][0]["filename"] == "same.png"
    assert await place.ada.get(f"{place.general}/messages/{done['id']}")


async def test_ephemerality_is_fixed_at_the_defer(place: Place, ben: Member) -> None:
    await ben.call("later", [option(11, "image", 0), option(5, "private", True)], files={"a.png": png()})
    assert (await answer(ben, "3x2", "MESSAGE_UPDATE"))["flags"] == EPHEMERAL
    assert await place.ada.get(f"{place.general}/messages") == []


async def test_a_deferred_response_is_deleted_and_an_ephemeral_followup_sent(
    place: Place, ben: Member
) -> None:
    await ben.call("wrong")
    message = await answer(ben, "that went wrong")
    assert message["flags"] == EPHEMERAL
    await ben.events.wait("MESSAGE_DELETE")
    assert await place.ada.get(f"{place.general}/messages") == []


async def test_follow_ups_are_sent_changed_and_deleted(place: Place, ben: Member) -> None:
    body = await ben.call("more")
    await ben.told("INTERACTION_SUCCESS", body)
    await ben.events.wait("MESSAGE_DELETE")
    second, first = await place.ada.get(f"{place.general}/messages")
    assert (first["content"], second["content"]) == ("first", "second, changed")
    assert second["attachments"][0]["filename"] == "x.txt"
    assert second["message_reference"]["message_id"] == first["id"]


async def test_a_layout_is_answered_with(place: Place, ben: Member) -> None:
    await ben.call("layout")
    message = await ben.events.wait("MESSAGE_CREATE")
    assert message["components"][0]["components"][0]["content"] == "hello"
    assert place.pocket.world.message(int(message["channel_id"]), int(message["id"]))


async def test_a_button_changes_its_message(place: Place, ben: Member) -> None:
    await ben.call("show")
    message = await answer(ben, "choose")
    body = await ben.use(message, "again")
    changed = await answer(ben, "pressed", "MESSAGE_UPDATE")
    assert (changed["id"], changed["components"]) == (message["id"], [])
    await ben.told("INTERACTION_SUCCESS", body)
    assert await place.ben.refused("POST", "/interactions", body) == (400, 50035)


async def test_a_select_gives_what_was_chosen(ben: Member) -> None:
    await ben.call("show")
    message = await answer(ben, "choose")
    await ben.use(message, "pick", 3, values=["red", "green"])
    assert (await answer(ben, "red and green"))["flags"] == EPHEMERAL


async def test_users_are_chosen(ben: Member) -> None:
    await ben.call("show")
    message = await answer(ben, "choose")
    await ben.use(message, "who", 5, values=[str(ben.user.id)])
    assert (await answer(ben, "ben"))["interaction_metadata"]["interacted_message_id"] == message["id"]


@pytest.mark.parametrize(
    ("custom_id", "kind", "more"),
    [
        ("none", 2, {}),
        ("off", 2, {}),
        ("again", 3, {}),
        ("pick", 3, {"values": ["black"]}),
        ("pick", 3, {"values": []}),
        ("pick", 3, {"values": ["red", "blue", "green"]}),
    ],
)
async def test_components_are_validated(
    place: Place, ben: Member, custom_id: str, kind: int, more: dict[str, Any]
) -> None:
    await ben.call("show")
    message = await answer(ben, "choose")
    data = {"component_type": kind, "custom_id": custom_id} | more
    body = ben._interaction(3, message["channel_id"], data, message_id=message["id"])
    assert await place.ben.refused("POST", "/interactions", body) == (400, 50035)


async def test_a_modal_is_opened_filled_in_and_submitted(ben: Member) -> None:
    await ben.call("show")
    message = await answer(ben, "choose")
    body = await ben.use(message, "tell")
    modal = await ben.told("INTERACTION_MODAL_CREATE", body)
    assert modal["title"] == "Tell me"
    filled = [
        {"type": 18, "component": {"type": 4, "custom_id": "text", "value": "a cat"}},
        {"type": 18, "component": {"type": 19, "custom_id": "files", "values": ["0"]}},
    ]
    await ben.submit(modal, filled, {"a.txt": b"abcde"})
    told = await answer(ben, "a cat [5]")
    source = told["interaction_metadata"]["triggering_interaction_metadata"]
    assert source["interacted_message_id"] == message["id"]


async def test_a_modals_fields_are_checked(place: Place, ben: Member) -> None:
    await ben.call("show")
    modal = await ben.told("INTERACTION_MODAL_CREATE", await ben.use(await answer(ben, "choose"), "tell"))
    for value in ("", "x" * 21):
        data = {"id": modal["id"], "custom_id": modal["custom_id"]}
        data |= {"components": [{"type": 18, "component": {"type": 4, "custom_id": "text", "value": value}}]}
        body = ben._interaction(5, modal["channel_id"], data)
        assert await place.ben.refused("POST", "/interactions", body) == (400, 50035)
    body = ben._interaction(5, modal["channel_id"], {"custom_id": "never opened", "components": []})
    assert await place.ben.refused("POST", "/interactions", body) == (404, 10062)


async def test_choices_are_offered_while_someone_types(ben: Member) -> None:
    body = await ben.call("complete", [option(3, "color", "gr", focused=True)], type_=4)
    offered = await ben.told("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", body)
    assert offered["choices"] == [{"name": "green", "value": "green"}]


async def test_every_kind_of_option_arrives(place: Place, ben: Member) -> None:
    role = next(each.id for each in place.pocket.world.guild.roles.values() if each.name == "admin")
    values = [
        option(4, "whole", 3),
        option(10, "number", 2.5),
        option(6, "who", str(ben.user.id)),
        option(8, "role", str(role)),
        option(7, "where", place.general.removeprefix("/channels/")),
    ]
    await ben.call("take", values)
    await answer(ben, "3 2.5 ben admin general")


@pytest.mark.parametrize(
    "values",
    [
        [],
        [option(4, "whole", 6)],
        [option(4, "whole", "3")],
        [option(4, "whole", True)],
        [option(3, "whole", "x")],
        [option(4, "unknown", 1)],
        [option(6, "who", "1")],
        [option(7, "where", "1")],
    ],
)
async def test_invalid_option_values_are_refused(
    place: Place, ben: Member, values: list[dict[str, Any]]
) -> None:
    given = {"whole": option(4, "whole", 3), "number": option(10, "number", 1)}
    given |= {
        "who": option(6, "who", str(ben.user.id)),
        "role": option(8, "role", str(place.pocket.world.guild.id)),
    }
    given |= {"where": option(7, "where", place.general.removeprefix("/channels/"))}
    all_values = [] if not values else list((given | {each["name"]: each for each in values}).values())
    command = await ben.command("take")
    data = {"id": command["id"], "options": all_values}
    body = ben._interaction(2, place.general, data)
    assert await place.ben.refused("POST", "/interactions", body) == (400, 50035)


async def test_an_outdated_command_is_refused(place: Place, ben: Member) -> None:
    command = await ben.command("now")
    body = ben._interaction(2, place.general, {"id": command["id"], "version": "1"})
    assert await place.ben.refused("POST", "/interactions", body) == (400, 50035)
    body = ben._interaction(2, place.general, {"id": "1"})
    assert await place.ben.refused("POST", "/interactions", body) == (404, 10063)


async def test_a_message_menu_shows_the_message_even_without_the_intent(place: Place, ben: Member) -> None:
    place.pocket.grant_message_content(False)
    target = await place.ada.post(f"{place.general}/messages", {"content": "look"}, files={"a.png": png()})
    await ben.call("Describe", kind=3, target_id=target["id"])
    message = await answer(ben, "look 1")
    assert message["interaction_metadata"]["target_message_id"] == target["id"]
    assert message["type"] == 23


async def test_a_user_menu_names_a_user(ben: Member) -> None:
    await ben.call("Greet", kind=2, target_id=str(ben.user.id))
    assert (await answer(ben, "hello ben"))["interaction_metadata"]["target_user"]["username"] == "ben"


async def test_it_works_in_direct_messages(place: Place, ben: Member, client: Bot) -> None:
    direct = await place.ben.post("/users/@me/channels", {"recipient_id": str(place.pocket.application_id)})
    await ben.call("now", channel=f"/channels/{direct['id']}")
    await answer(ben, "at once")
    (interaction,) = client.events.all("interaction")
    assert (interaction.guild, interaction.context.dm_channel) == (None, True)


async def test_an_unanswered_interaction_fails_after_the_deadline(place: Place, ben: Member) -> None:
    place.pocket.limits.acknowledge_seconds = 0.05
    body = await ben.call("forever")
    assert (await ben.told("INTERACTION_FAILURE", body))["reason_code"] == 2
