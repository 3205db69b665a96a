from pydantic import SecretStr

from handlers.storage.interaction_tokens import TOKEN_LIFETIME_S, InteractionTokens
from inference.queue.connection import Client
from tests.handlers.clock import Clock

TOKEN = SecretStr("aW50ZXJhY3Rpb24")


async def test_a_token_is_stored_until_it_is_dropped(redis: Client, clock: Clock) -> None:
    tokens = InteractionTokens(redis, "bot", clock=clock)
    await tokens.keep(1, TOKEN, clock.now)
    assert await InteractionTokens(redis, "bot", clock=clock).get(1) == TOKEN
    assert await tokens.get(2) is None
    await tokens.drop(1)
    assert await tokens.get(1) is None


async def test_a_token_expires_with_its_interaction(redis: Client, clock: Clock) -> None:
    tokens = InteractionTokens(redis, "bot", clock=clock)
    await tokens.keep(1, TOKEN, clock.now - 600)
    assert 290_000 < await redis.pttl("beholder:token:bot:1") <= 300_000
    await tokens.keep(2, TOKEN, clock.now - TOKEN_LIFETIME_S)
    assert await tokens.get(2) is None


async def test_a_token_is_never_stored_for_longer_than_its_lifetime(redis: Client, clock: Clock) -> None:
    tokens = InteractionTokens(redis, "bot", clock=clock)
    await tokens.keep(1, TOKEN, clock.now + 3600)
    assert await redis.pttl("beholder:token:bot:1") <= TOKEN_LIFETIME_S * 1000
