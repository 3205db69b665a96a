"""Sentences about requests that wait, and when to come back."""

import pytest

from bot.formatting.status import come_back, is_placeholder, over_limit
from inference.errors import TooManyInFlight


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "a second"),
        (0.4, "a second"),
        (12.3, "12 seconds"),
        (89, "89 seconds"),
        (90, "2 minutes"),
        (3600, "60 minutes"),
        (7200, "2 hours"),
        (86_400, "24 hours"),
        (172_800, "2 days"),
    ],
)
def test_when_to_come_back(seconds: float, words: str) -> None:
    at = 1_700_000_000 + max(0, -(-seconds // 1))
    assert come_back(seconds, 1_700_000_000) == f"in about {words}, at <t:{at:.0f}:t> (<t:{at:.0f}:R>)"


@pytest.mark.parametrize(("limit", "count"), [(4, 4), (1, 1), (4, 6), (1, 2)])
def test_a_post_that_waits_is_a_placeholder(limit: int, count: int) -> None:
    text = over_limit(TooManyInFlight("", limit=limit, open=count))
    assert f"{count} request" in text
    assert is_placeholder(text)
    assert not is_placeholder(f"{text} What?")
