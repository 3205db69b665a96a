"""Interactions' tokens: with one anybody may answer in the bot's name, so they are kept apart and briefly."""

import time
from collections.abc import Callable

from pydantic import SecretStr

from inference.queue.connection import Client, translated

TOKEN_LIFETIME_S = 900.0
"""Seconds from an interaction's beginning for which Discord takes its token."""


class InteractionTokens:
    """The tokens of one bot's open interactions, each in a key of its own that expires with it.

    Args:
        redis: Where they are kept.
        bot: The bot's name, the same after a restart.
        prefix: Of the key names.
        clock: Unix time in seconds.
    """

    def __init__(
        self, redis: Client, bot: str, *, prefix: str = "beholder", clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._name = f"{prefix}:token:{bot}:"
        self._clock = clock

    async def keep(self, interaction_id: int, token: SecretStr, begun: float) -> None:
        """Keep a token until Discord takes it no longer.

        Args:
            interaction_id: Whose it is.
            token: The token.
            begun: Unix time in seconds of the interaction's beginning.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        # Whatever the two clocks say, no longer than it can live.
        left = min(TOKEN_LIFETIME_S, begun + TOKEN_LIFETIME_S - self._clock())
        if left > 0:
            async with translated():
                await self._redis.set(
                    self._key(interaction_id), token.get_secret_value(), px=int(left * 1000)
                )

    async def get(self, interaction_id: int) -> SecretStr | None:
        """Return an interaction's token, where it still works.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            raw = await self._redis.get(self._key(interaction_id))
        return None if raw is None else SecretStr(bytes(raw).decode())  # type: ignore[arg-type]

    async def drop(self, interaction_id: int) -> None:
        """Forget a token: its outcome is there.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        async with translated():
            await self._redis.delete(self._key(interaction_id))

    def _key(self, interaction_id: int) -> str:
        return f"{self._name}{interaction_id}"
