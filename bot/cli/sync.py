"""`beholder sync`: register the commands with Discord now, changed or not."""

import asyncio
import sys

from bot.cli.bot import LOGIN_MISSING, MISCONFIGURED, StartupError, redis_for, startup_errors, use_playground
from bot.client import Beholder
from bot.command_sync import sync
from bot.settings import BotSettings


class Registrar(Beholder):
    """The bot with all its commands, which never connects to the gateway: the bot itself may run meanwhile.

    Attributes:
        told: How many commands were registered.
    """

    told = 0

    @property
    def _queue_name(self) -> str:
        return f"{super()._queue_name}-sync"

    async def _sync(self) -> None:
        self.told = await sync(self.tree, self.redis, self.application_id or 0, always=True) or 0


async def run_sync(settings: BotSettings) -> int:
    """Tell Discord the commands.

    Args:
        settings: What the bot was told.

    Returns:
        How many there are.

    Raises:
        StartupError: It could not be told.
    """
    if settings.token is None:
        raise StartupError(LOGIN_MISSING, MISCONFIGURED)
    use_playground(settings)
    async with redis_for(settings) as url:
        client = Registrar(settings, url, content=False)
        try:
            with startup_errors(client):
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
    except StartupError as error:
        print(f"beholder: {error}", file=sys.stderr)
        return error.code
    print(f"Discord was told {told} commands; clients show them once they are reloaded.")
    return 0
