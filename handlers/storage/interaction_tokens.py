"""Tokens of open interactions in Redis, apart from the requests: a token allows to answer as the bot."""

import time
from collections.abc import Callable

from pydantic import SecretStr

from inference.queue.connection import Client, translated

TOKEN_LIFETIME_S = 900.0
"""Seconds for which Discord accepts a token, from the interaction's creation."""


class InteractionTokens:
    """Stores the tokens of one bot's open interactions, each in a key that expires with the token.

    Args:
        redis: The Redis client.
        bot: The bot's name, the same after a restart.
        prefix: Prefix of the key names.
        clock: Returns Unix time in seconds.
    """

    def __init__(
        self, redis: Client, bot: str, *, prefix: str = "beholder", clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._name = f"{prefix}:token:{bot}:"
        self._clock = clock

    async def keep(self, interaction_id: int, token: SecretStr, begun: float) -> None:
        """Store a token until Discord no longer accepts it. Idempotent.

        Args:
            interaction_id: The interaction.
            token: Its token.
            begun: Unix time in seconds of the interaction's creation.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        # If the clocks differ, `begun` may lie in the future.
        left = min(TOKEN_LIFETIME_S, begun + TOKEN_LIFETIME_S - self._clock())
        if left > 0:
            async with translated():
                await self._redis.set(
                    self._key(interaction_id), token.get_secret_value(), px=int(left * 1000)
                )

    async def get(self, interaction_id: int) -> SecretStr | None:
        """Return an interaction's token; None if it has expired.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.get(self._key(interaction_id))
        return None if raw is None else SecretStr(bytes(raw).decode())  # type: ignore[arg-type]

    async def drop(self, interaction_id: int) -> None:
        """Delete a token, once its interaction is answered. Idempotent.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.delete(self._key(interaction_id))

    def _key(self, interaction_id: int) -> str:
        return f"{self._name}{interaction_id}"
