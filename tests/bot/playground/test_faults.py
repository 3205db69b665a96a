"""Injected faults and observers: which requests they apply to, and what they record."""

import aiohttp
import pytest

from bot.playground.testing.faults import Fault, FaultKind
from bot.playground.testing.observers import GatewayFrame, Observation, RestExchange
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot

SEND = "/channels/{channel_id}/messages"


async def test_the_next_requests_fail_and_have_no_effect(place: Place) -> None:
    place.pocket.faults.add(Fault(FaultKind.STATUS, times=2, status=503, method="POST", template=SEND))
    for _ in range(2):
        assert (await place.bot.ask("POST", f"{place.general}/messages", {"content": "x"})).status == 503
    await place.ben.post(f"{place.general}/messages", {"content": "people are spared"})
    await place.bot.post(f"{place.general}/messages", {"content": "over"})
    assert len(await place.ada.get(f"{place.general}/messages")) == 2


@pytest.mark.parametrize(("kind", "sent"), [(FaultKind.CUT_BEFORE, 0), (FaultKind.CUT_AFTER, 1)])
async def test_a_connection_is_cut_before_or_after_the_effect(
    place: Place, kind: FaultKind, sent: int
) -> None:
    place.pocket.faults.add(Fault(kind))
    with pytest.raises((aiohttp.ClientError, OSError)):
        await place.bot.ask("POST", f"{place.general}/messages", {"content": "x"})
    assert len(await place.ada.get(f"{place.general}/messages")) == sent


async def test_a_retry_with_its_nonce_after_a_cut_makes_no_second_message(place: Place) -> None:
    place.pocket.faults.add(Fault(FaultKind.CUT_AFTER))
    body = {"content": "x", "nonce": "n", "enforce_nonce": True}
    with pytest.raises((aiohttp.ClientError, OSError)):
        await place.bot.ask("POST", f"{place.general}/messages", body)
    again = await place.bot.post(f"{place.general}/messages", body)
    assert [each["id"] for each in await place.ada.get(f"{place.general}/messages")] == [again["id"]]


async def test_faults_can_be_cleared(place: Place) -> None:
    place.pocket.faults.add(Fault(FaultKind.STATUS, times=9))
    place.pocket.faults.clear()
    await place.bot.get("/users/@me")


async def test_observers_see_requests_answers_and_events(place: Place, client: Bot) -> None:
    seen: list[Observation] = []
    place.pocket.observers.append(seen.append)
    await place.ben.post(f"{place.general}/messages", {"content": "look"}, files={"a.txt": b"a"})
    await client.events.wait("message")
    (exchange,) = (each for each in seen if isinstance(each, RestExchange))
    assert (exchange.method, exchange.template, exchange.status) == ("POST", SEND, 200)
    assert (exchange.request["content"], exchange.files) == ("look", ("files[0]",))
    assert exchange.answer["content"] == "look"
    frames = [each for each in seen if isinstance(each, GatewayFrame)]
    assert "MESSAGE_CREATE" in [each.payload["t"] for each in frames]


async def test_an_observer_that_fails_does_no_harm(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Observation) -> None:
        raise RuntimeError("oh")

    place.pocket.observers.append(fail)
    await place.bot.get("/users/@me")
    assert "Observer failed" in caplog.text


async def test_a_refusal_before_the_api_has_no_via_header(place: Place) -> None:
    place.pocket.faults.add(Fault(FaultKind.REFUSED, retry_after_s=7))
    answer = await place.bot.ask("POST", f"{place.general}/messages", {"content": "x"})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert "Via" not in answer.headers
