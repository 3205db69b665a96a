"""Rate limits: buckets, headers, and 429 answers."""

import asyncio
from typing import Any

from bot.playground.ratelimits import RateLimits, Rates
from tests.bot.playground.conftest import Place
from tests.bot.playground.discord_py_client import Bot, text_channel

SEND = "POST /channels/{channel_id}/messages"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_limit_window_fills_and_ends() -> None:
    clock = Clock()
    limits = RateLimits(Rates(routes={SEND: (2, 5.0)}), clock)
    remaining = [limits.check(1, SEND, "7").headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert remaining == ["1", "0"]
    clock.now += 1.5
    refused = limits.check(1, SEND, "7")
    assert refused.retry_after == 3.5
    assert refused.headers["Retry-After"] == "4"
    assert refused.headers["X-RateLimit-Scope"] == "user"
    clock.now += 3.5
    assert limits.check(1, SEND, "7").retry_after is None


def test_channels_users_and_routes_have_buckets_of_their_own() -> None:
    limits = RateLimits(Rates(routes={SEND: (1, 5.0)}), Clock())
    assert limits.check(1, SEND, "7").retry_after is None
    assert limits.check(1, SEND, "8").retry_after is None
    assert limits.check(2, SEND, "7").retry_after is None
    assert limits.check(1, "GET /x", "7").retry_after is None
    assert limits.check(1, SEND, "7").retry_after is not None


def test_all_routes_together_have_a_limit() -> None:
    limits = RateLimits(Rates(global_limit=(3, 1.0), default=(50, 1.0)), Clock())
    for number in range(3):
        assert limits.check(1, f"GET /{number}", "").retry_after is None
    refused = limits.check(1, "GET /3", "")
    assert refused.is_global
    assert refused.headers["X-RateLimit-Global"] == "true"


def test_users_are_not_rate_limited_by_default() -> None:
    rates = Rates(routes={SEND: (1, 5.0)})
    limits = RateLimits(rates, Clock())
    assert all(limits.check(1, SEND, "7", member=True).retry_after is None for _ in range(3))
    rates.members = True
    assert limits.check(1, SEND, "7", member=True).retry_after is not None


async def test_a_refusal_is_in_discords_form(place: Place) -> None:
    place.pocket.rates.routes[SEND] = (1, 60.0)
    first = await place.bot.ask("POST", f"{place.general}/messages", {"content": "1"})
    assert first.headers["X-RateLimit-Remaining"] == "0"
    assert float(first.headers["X-RateLimit-Reset-After"]) <= 60
    second = await place.bot.ask("POST", f"{place.general}/messages", {"content": "2"})
    assert second.status == 429
    assert (second.body["global"], 0 < second.body["retry_after"] <= 60) == (False, True)
    assert second.headers["Via"]
    assert len(await place.ada.get(f"{place.general}/messages")) == 1


async def test_discord_py_waits_and_loses_nothing(place: Place, client: Bot) -> None:
    place.pocket.rates.routes[SEND] = (2, 0.2)
    channel = text_channel(client, "general")
    await asyncio.gather(*(channel.send(str(number)) for number in range(5)))
    assert len(await place.ada.get(f"{place.general}/messages")) == 5


async def test_rate_limits_can_be_disabled(place: Place) -> None:
    place.pocket.rates.enabled = False
    place.pocket.rates.routes[SEND] = (1, 60.0)
    for number in range(3):
        await place.bot.post(f"{place.general}/messages", {"content": str(number)})


async def test_a_body_is_read_before_the_refusal(place: Place) -> None:
    place.pocket.rates.routes[SEND] = (0, 60.0)
    files: dict[str, Any] = {"a.bin": bytes(3_000_000)}
    answer = await place.bot.ask("POST", f"{place.general}/messages", {}, files=files)
    assert answer.status == 429
