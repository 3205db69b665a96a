"""`beholder sync`: tell Discord the commands now, changed or not."""

import asyncio
import sys

from bot.client import Beholder
from bot.settings import BotSettings
from bot.start import LOGIN_MISSING, WRONG, CannotStart, in_a_sentence, point_at, redis_at
from bot.syncing import sync


class Registrar(Beholder):
    """The bot with all its commands, that never joins the gateway; another may run meanwhile.

    Attributes:
        told: How many commands Discord was told.
    """

    told = 0

    @property
    def _name(self) -> str:
        return f"{super()._name}-sync"

    async def _sync(self) -> None:
        self.told = await sync(self.tree, self._redis, self.application_id or 0, always=True) or 0


async def run_sync(settings: BotSettings) -> int:
    """Tell Discord the commands.

    Args:
        settings: What the bot was told.

    Returns:
        How many there are.

    Raises:
        CannotStart: It could not be told.
    """
    if settings.token is None:
        raise CannotStart(LOGIN_MISSING, WRONG)
    point_at(settings)
    async with redis_at(settings) as url:
        client = Registrar(settings, url, content=False)
        try:
            with in_a_sentence(client):
                await client.login(settings.token.get_secret_value())
        finally:
            await client.close()
        return client.told


def main() -> int:
    """Tell Discord the commands, and the person at the terminal what came of it.

    Returns:
        The exit code.
    """
    try:
        told = asyncio.run(run_sync(BotSettings()))
    except CannotStart as error:
        print(f"beholder: {error}", file=sys.stderr)
        return error.code
    print(f"Discord was told {told} commands; clients show them once they are reloaded.")
    return 0
