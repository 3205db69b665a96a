"""Interaction callbacks and webhooks over plain REST: deadlines, tokens, response types."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.playground.server import PocketDiscord
from bot.playground.testing.observers import GatewayFrame, Observation
from tests.bot.playground.conftest import Place, place_of, was_accepted
from tests.bot.playground.discord_py_client import running_bot
from tests.openapi import DESCRIPTION, Judge

EPHEMERAL, LOADING = 1 << 6, 1 << 7


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A pocket Discord with a clock that the test sets, whose bot responds over plain REST."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.place = place
        self.clock = clock
        self._last: dict[str, Any] = {}
        place.pocket.observers.append(self._remember)

    def _remember(self, observation: Observation) -> None:
        if isinstance(observation, GatewayFrame) and observation.payload.get("t") == "INTERACTION_CREATE":
            data = observation.payload["d"]
            self._last = data if "token" in data else self._last

    async def interact(self, kind: int = 2, **more: Any) -> dict[str, Any]:
        """Let Ben call the command; return what the bot is told."""
        (command,) = await self.place.bot.get(f"/applications/{self.place.pocket.application_id}/commands")
        body = {
            "type": kind,
            "application_id": str(self.place.pocket.application_id),
            "channel_id": self.place.general.removeprefix("/channels/"),
            "data": {
                "id": command["id"],
                "options": [{"type": 3, "name": "q", "value": "x", "focused": kind == 4}],
            },
        }
        await self.place.ben.post("/interactions", body | more)
        return self._last

    async def press(self, message: dict[str, Any]) -> dict[str, Any]:
        """Let Ben press the button of a message."""
        data = {"component_type": 2, "custom_id": "b"}
        return await self.interact(3, data=data, message_id=message["id"])

    async def respond(self, interaction: dict[str, Any], kind: int, data: Any = None, **more: Any) -> Any:
        path = f"/interactions/{interaction['id']}/{interaction['token']}/callback?with_response=1"
        return await self.place.bot.ask(
            "POST", path, {"type": kind} | ({"data": data} if data else {}), **more
        )

    def webhook(self, interaction: dict[str, Any]) -> str:
        return f"/webhooks/{self.place.pocket.application_id}/{interaction['token']}"


@pytest.fixture
async def bench(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[Bench]:
    clock = Clock()
    async with PocketDiscord(tmp_path, port=0, clock=clock) as pocket, running_bot(pocket):
        place = place_of(pocket, http)
        pocket.rates.enabled = False
        judge = Judge(requests=was_accepted) if DESCRIPTION.is_file() else None
        if judge is not None:
            pocket.observers.append(judge)
        command = {
            "name": "do",
            "description": "x",
            "options": [{"type": 3, "name": "q", "description": "x", "autocomplete": True}],
        }
        await place.bot.put(f"/applications/{pocket.application_id}/commands", [command])
        yield Bench(place, clock)
        if judge is not None:
            assert judge.verdict() == ""


BUTTON: dict[str, Any] = {
    "components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "b", "custom_id": "b"}]}]
}
MODAL: dict[str, Any] = {
    "custom_id": "m",
    "title": "t",
    "components": [{"type": 18, "label": "l", "component": {"type": 4, "custom_id": "t", "style": 1}}],
}


async def test_the_callback_response_has_the_created_message(bench: Bench) -> None:
    interaction = await bench.interact()
    answer = await bench.respond(interaction, 4, {"content": "x", "flags": EPHEMERAL})
    assert answer.status == 200
    about = answer.body["interaction"]
    assert (about["response_message_loading"], about["response_message_ephemeral"]) == (False, True)
    assert answer.body["resource"]["message"]["content"] == "x"


async def test_without_with_response_there_is_no_body(bench: Bench) -> None:
    interaction = await bench.interact()
    path = f"/interactions/{interaction['id']}/{interaction['token']}/callback"
    answer = await bench.place.bot.ask("POST", path, {"type": 5})
    assert (answer.status, answer.body) == (204, "")


async def test_a_second_initial_response_is_refused(bench: Bench) -> None:
    interaction = await bench.interact()
    assert (await bench.respond(interaction, 5)).status == 200
    second = await bench.respond(interaction, 4, {"content": "x"})
    assert (second.status, second.body["code"]) == (400, 40060)


async def test_after_three_seconds_an_initial_response_is_refused(bench: Bench) -> None:
    interaction = await bench.interact()
    bench.clock.now += 3.1
    late = await bench.respond(interaction, 5)
    assert (late.status, late.body["code"]) == (404, 10062)


async def test_a_wrong_token_knows_no_interaction(bench: Bench) -> None:
    interaction = await bench.interact()
    wrong = await bench.respond(interaction | {"token": "wrong"}, 5)
    assert (wrong.status, wrong.body["code"]) == (404, 10062)
    refused = await bench.place.bot.refused(
        "POST", f"/webhooks/{bench.place.pocket.application_id}/wrong", {}
    )
    assert refused == (404, 10015)


async def test_the_token_works_for_fifteen_minutes_once_answered(bench: Bench) -> None:
    interaction = await bench.interact()
    hook = bench.webhook(interaction)
    assert await bench.place.bot.refused("POST", hook, {"content": "x"}) == (404, 10015)
    await bench.respond(interaction, 4, {"content": "x"})
    bench.clock.now += 899
    await bench.place.bot.post(hook, {"content": "still"})
    bench.clock.now += 2
    assert await bench.place.bot.refused("POST", hook, {"content": "no more"}) == (401, 50027)
    assert await bench.place.bot.refused("PATCH", f"{hook}/messages/@original", {"content": "y"}) == (
        401,
        50027,
    )


@pytest.mark.parametrize(("kind", "callback"), [(2, 6), (2, 7), (2, 8), (2, 1), (4, 4), (4, 5), (4, 9)])
async def test_a_response_must_have_a_type_that_the_interaction_allows(
    bench: Bench, kind: int, callback: int
) -> None:
    interaction = await bench.interact(kind)
    answer = await bench.respond(interaction, callback)
    assert (answer.status, answer.body["code"]) == (400, 50035)


async def test_no_modal_follows_a_modal(bench: Bench) -> None:
    interaction = await bench.interact()
    assert (await bench.respond(interaction, 9, MODAL)).status == 200
    entered = [{"type": 18, "component": {"type": 4, "custom_id": "t", "value": "x"}}]
    submitted = await bench.interact(
        5, data={"id": interaction["id"], "custom_id": "m", "components": entered}
    )
    assert submitted["data"]["components"][0]["component"]["value"] == "x"
    assert (await bench.respond(submitted, 9, MODAL)).status == 400
    assert (await bench.respond(submitted, 6)).status == 400
    assert (await bench.respond(submitted, 4, {"content": "thanks"})).status == 200


async def test_a_response_that_is_wrong_can_be_given_again(bench: Bench) -> None:
    interaction = await bench.interact()
    assert (await bench.respond(interaction, 4, {"content": "x" * 2001})).status == 400
    assert (await bench.respond(interaction, 4, {"content": "x"})).status == 200


async def test_a_follow_up_right_after_a_defer_becomes_the_response(bench: Bench) -> None:
    interaction = await bench.interact()
    deferred = await bench.respond(interaction, 5, {"flags": EPHEMERAL})
    assert deferred.body["interaction"]["response_message_loading"] is True
    first = await bench.place.bot.post(bench.webhook(interaction), {"content": "first"})
    assert first["id"] == deferred.body["interaction"]["response_message_id"]
    assert first["flags"] == EPHEMERAL
    second = await bench.place.bot.post(bench.webhook(interaction), {"content": "second"})
    assert (second["id"] != first["id"], second["flags"]) == (True, 0)


async def test_the_original_is_read_changed_and_deleted(bench: Bench) -> None:
    interaction = await bench.interact()
    await bench.respond(interaction, 4, {"content": "x"})
    original = f"{bench.webhook(interaction)}/messages/@original"
    assert (await bench.place.bot.get(original))["content"] == "x"
    edited = await bench.place.bot.patch(original, {"content": "y"}, files={"a.txt": b"a"})
    assert (edited["content"], len(edited["attachments"])) == ("y", 1)
    assert edited["edited_timestamp"]
    await bench.place.bot.delete(original)
    assert await bench.place.bot.refused("GET", original) == (404, 10008)


async def test_a_token_reaches_its_own_messages_alone(bench: Bench) -> None:
    other = await bench.place.bot.post(f"{bench.place.general}/messages", {"content": "other"})
    interaction = await bench.interact()
    await bench.respond(interaction, 4, {"content": "x"})
    path = f"{bench.webhook(interaction)}/messages/{other['id']}"
    assert await bench.place.bot.refused("PATCH", path, {"content": "y"}) == (404, 10008)


async def test_a_component_defers_its_update(bench: Bench) -> None:
    interaction = await bench.interact()
    shown = await bench.respond(interaction, 4, {"content": "x"} | BUTTON)
    message = shown.body["resource"]["message"]
    pressed = await bench.press(message)
    assert pressed["message"]["id"] == message["id"]
    deferred = await bench.respond(pressed, 6)
    assert deferred.body["interaction"]["response_message_loading"] is False
    edited = await bench.place.bot.patch(f"{bench.webhook(pressed)}/messages/@original", {"content": "later"})
    assert (edited["id"], edited["content"]) == (message["id"], "later")


async def test_a_component_answers_with_a_message_of_its_own(bench: Bench) -> None:
    interaction = await bench.interact()
    message = (await bench.respond(interaction, 4, {"content": "x"} | BUTTON)).body["resource"]["message"]
    pressed = await bench.press(message)
    answer = await bench.respond(pressed, 4, {"content": "new", "flags": EPHEMERAL})
    made = answer.body["resource"]["message"]
    assert made["message_reference"]["message_id"] == message["id"]


async def test_choices_are_validated(bench: Bench) -> None:
    interaction = await bench.interact(4)
    choices = [{"name": str(n), "value": str(n)} for n in range(26)]
    assert (await bench.respond(interaction, 8, {"choices": choices})).status == 400
    assert (await bench.respond(interaction, 8, {"choices": [{"name": "n", "value": 1}]})).status == 400
    assert (await bench.respond(interaction, 8, {"choices": choices[:25]})).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "x" * 46},
        {"custom_id": ""},
        {"components": []},
        {"components": MODAL["components"] * 2},
        {
            "components": [
                {"type": 18, "label": "x" * 46, "component": {"type": 4, "custom_id": "t", "style": 1}}
            ]
        },
        {"components": [{"type": 18, "label": "l", "component": {"type": 2, "custom_id": "t", "style": 1}}]},
    ],
)
async def test_modals_are_validated(bench: Bench, wrong: dict[str, Any]) -> None:
    interaction = await bench.interact()
    answer = await bench.respond(interaction, 9, MODAL | wrong)
    assert (answer.status, answer.body["code"]) == (400, 50035)


async def test_a_token_outlives_a_restart(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async with PocketDiscord(tmp_path, port=0) as pocket:
        bench = Bench(place_of(pocket, http), Clock())
        command = {
            "name": "do",
            "description": "x",
            "options": [{"type": 3, "name": "q", "description": "x"}],
        }
        async with running_bot(pocket):
            await bench.place.bot.put(f"/applications/{pocket.application_id}/commands", [command])
            interaction = await bench.interact()
            await bench.respond(interaction, 5)
    async with PocketDiscord(tmp_path, port=0) as pocket:
        place = place_of(pocket, http)
        original = f"/webhooks/{pocket.application_id}/{interaction['token']}/messages/@original"
        assert (await place.bot.patch(original, {"content": "done"}))["flags"] == 0
