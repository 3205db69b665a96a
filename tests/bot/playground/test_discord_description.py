"""The check against Discord's OpenAPI description, and that all routes are in it."""

from typing import Any

import pytest

from bot.playground.application import ROUTES
from bot.playground.testing.observers import GatewayFrame, RestExchange
from tests.bot.playground.conftest import Place
from tests.openapi import DEPARTURES, Judge, description

SEND = "/channels/{channel_id}/messages"


def exchange(**changes: Any) -> RestExchange:
    fields: dict[str, Any] = {
        "user_id": 1,
        "method": "GET",
        "template": "/gateway",
        "path": "/gateway",
        "query": {},
        "request": None,
        "files": (),
        "status": 200,
        "answer": {"url": "ws://127.0.0.1"},
        "seconds": 0.0,
    }
    return RestExchange(**fields | changes)


def verdict(*observations: RestExchange | GatewayFrame) -> str:
    judge = Judge()
    for each in observations:
        judge(each)
    return judge.verdict()


def test_a_valid_exchange_has_no_findings() -> None:
    assert verdict(exchange()) == ""


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"answer": {}}, "GET /gateway: 200 answer: 'url' is a required property"),
        ({"answer": {"url": "no address"}}, "GET /gateway: 200 answer/url: 'no address' is not a 'uri'"),
        ({"status": 302}, "GET /gateway: 302 is not described"),
        (
            {"status": 400, "answer": {"message": "x"}},
            "GET /gateway: 400 answer: 'code' is a required property",
        ),
        ({"template": "/no/such"}, "GET /no/such: not described"),
        ({"query": {"x": "1"}}, "GET /gateway: query x is not described"),
    ],
)
def test_an_invalid_exchange_is_found(changes: dict[str, Any], found: str) -> None:
    assert verdict(exchange(**changes)) == found


@pytest.mark.parametrize(
    ("request_body", "where"),
    [
        ({"content": "x" * 4001}, "/content"),
        ({"embeds": [{"title": 1}]}, "/embeds/0/title"),
        (
            {"components": [{"type": 1, "components": [{"type": 2, "style": 9}]}]},
            "/components/0/components/0/style",
        ),
        ({"components": [{"type": 99}]}, "/components/0/type"),
    ],
)
def test_a_wrong_request_is_found_where_it_is_wrong(request_body: Any, where: str) -> None:
    answered = exchange(
        method="POST", template=SEND, request=request_body, status=400, answer={"code": 0, "message": ""}
    )
    assert verdict(answered).startswith(f"POST {SEND}: request{where}: ")


def test_a_wrong_event_is_found() -> None:
    payload = {"op": 0, "t": "THREAD_CREATE", "s": 1, "d": {"id": 1}}
    assert "THREAD_CREATE: event" in verdict(GatewayFrame(1, sent=True, payload=payload))


def test_an_exception_in_the_judge_is_a_finding() -> None:
    judge = Judge()
    with pytest.raises(KeyError):
        judge(GatewayFrame(1, sent=True, payload={"t": "MESSAGE_CREATE"}))
    assert judge.verdict() == "the judge failed: KeyError: 'd'"


def test_every_route_is_one_of_discords() -> None:
    paths = description()["paths"]
    known = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    excused = {each.where for each in DEPARTURES if not each.at}
    ours = {f"{route.method} {route.template}" for route in ROUTES}
    assert ours - known - excused == set()
    assert excused <= ours - known


async def test_the_judge_observes_a_pocket_discord(place: Place) -> None:
    judge = Judge()
    place.pocket.observers.append(judge)
    await place.ben.post(f"{place.general}/messages", {"content": "x"})
    assert (judge.rest, judge.verdict()) == (1, "")
